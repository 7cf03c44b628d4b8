"""What people thought of answers and steps: one's own beside a conversation, and for administrators what they add up to."""

from __future__ import annotations

from html import escape
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from api.exports_page import assets
from api.safe_markdown import plain
from api.templates import template
from api.visitors import present
from memory.feedback import Feedback
from memory.opinions import REASONS, Given, Opinions, Tally

router = APIRouter()


@router.get("/api/conversations/{conversation_id}/feedback")
async def own_feedback(request: Request, conversation_id: str) -> dict[str, Any]:
    """List what the person thought of answers and steps of a conversation, and the reasons one can give."""
    office, user_id = request.app.state.office, present().user_id
    await office.conversations.get(conversation_id, user_id)
    given = await Feedback(office.database).of_conversation(conversation_id, user_id)
    return {"feedback": [opinion.model_dump() for opinion in given], "reasons": REASONS}


@router.get("/api/feedback")
async def all_feedback(request: Request, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> dict[str, Any]:
    """Count all opinions by operator, model and version, and list the newest without saying whose they are."""
    opinions = Opinions(request.app.state.office.database)
    newest = await opinions.newest(limit)
    return {
        "counts": [tally.model_dump() for tally in await opinions.tally()],
        "newest": [given.model_dump() for given in newest],
        "reasons": REASONS,
    }


@router.get("/feedback")
async def feedback_page(request: Request) -> HTMLResponse:
    """Show administrators the same as a page."""
    opinions = Opinions(request.app.state.office.database)
    counts, newest = await opinions.tally(), await opinions.newest(100)
    words = {
        "rows": "".join(_row(tally) for tally in counts),
        "newest": "".join(_said(given) for given in newest),
        "none": "hidden" if counts else "",
        "some": "" if counts else "hidden",
    }
    return HTMLResponse(template("feedback.html").substitute(words, **assets()))


def _row(tally: Tally) -> str:
    versions = ", ".join(
        f"{what} {escape(version)}"
        for what, version in (("profile", tally.profile_version), ("prompt", tally.prompt_version))
        if version
    )
    return (
        f'<li class="card"><h3>{plain(tally.operator) or "Chief of Staff"}: {tally.what}s</h3>'
        f"<p><strong>{tally.helpful}</strong> helpful, <strong>{tally.not_helpful}</strong> not helpful</p>"
        f'<p class="soft">{_model(tally.model)}{"; " + versions if versions else ""}</p></li>'
    )


def _said(given: Given) -> str:
    reasons = ", ".join(REASONS.get(reason, reason) for reason in given.reasons)
    comment = f"<p>“{plain(given.comment)}”</p>" if given.comment else ""
    return (
        f'<li class="card"><h3>{"Helpful" if given.value else "Not helpful"}{": " + plain(reasons) if reasons else ""}</h3>'
        f'{comment}<p class="soft">{plain(given.operator) or "Chief of Staff"}, {given.what}, '
        f"{_model(given.model)}, {escape(given.at[:16].replace('T', ' '))} UTC</p></li>"
    )


def _model(name: str) -> str:
    return plain(name.rstrip(":")) or "model not on record"
