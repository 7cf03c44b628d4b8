"""Opinions on answers, at the addresses Chainlit's page uses; its own routes would let anyone change anyone's."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, field_validator

from api.visitors import present
from memory.feedback import Feedback
from memory.opinions import REASONS

router = APIRouter()


class Opinion(BaseModel):
    """What the page sends about one answer."""

    for_id: str = Field(alias="forId", max_length=64)
    conversation_id: str = Field(alias="threadId", max_length=64)
    value: int = Field(ge=0, le=1)
    comment: str | None = Field(None, max_length=4000)
    reasons: list[str] = Field(default=[], max_length=len(REASONS))

    @field_validator("reasons")
    @classmethod
    def _known(cls, reasons: list[str]) -> list[str]:
        if unknown := [reason for reason in reasons if reason not in REASONS]:
            raise ValueError(f"there is no reason {unknown[0][:40]!r}; it is one of {', '.join(REASONS)}")
        return list(dict.fromkeys(reasons))


class GivenOpinion(BaseModel):
    """An opinion to keep."""

    feedback: Opinion


class WithdrawnOpinion(BaseModel):
    """An opinion to forget."""

    feedback_id: str = Field(alias="feedbackId", max_length=64)


def _feedback(request: Request) -> Feedback:
    return Feedback(request.app.state.office.database)


@router.put("/feedback")
async def give_feedback(request: Request, given: GivenOpinion) -> dict[str, object]:
    """Keep what the person thought of an answer."""
    opinion = given.feedback
    kept = await _feedback(request).give(
        present().user_id,
        opinion.conversation_id,
        opinion.for_id,
        opinion.value,
        (opinion.comment or "").replace("\0", ""),  # PostgreSQL cannot hold that one
        reasons=opinion.reasons,
    )
    return {"success": True, "feedbackId": kept}


@router.delete("/feedback")
async def withdraw_feedback(request: Request, withdrawn: WithdrawnOpinion) -> dict[str, object]:
    """Forget what the person thought of an answer."""
    await _feedback(request).withdraw(withdrawn.feedback_id, present().user_id)
    return {"success": True}
