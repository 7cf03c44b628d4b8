"""What a person may choose for their missions, within what the house allows, and what comes of it for a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from agents.llm.router import offered
from agents.roster import Roster
from core.budget import Choices
from core.errors import BadInput
from core.settings import Settings
from memory.in_force import TIERS
from memory.preferences import Wishes

if TYPE_CHECKING:
    from graphs.reception import Reception

LANGUAGES = (
    "English", "German", "French", "Spanish", "Italian", "Portuguese", "Dutch", "Polish", "Czech", "Danish", "Swedish",
    "Norwegian", "Finnish", "Greek", "Turkish", "Ukrainian", "Russian", "Arabic", "Hebrew", "Hindi", "Chinese", "Japanese",
    "Korean",
)  # fmt: skip
LEAST_TOKENS = 1_000
"""Below, not even a plan can be made."""


@dataclass(frozen=True)
class Terms:
    """What a new mission begins with."""

    step_mode: bool
    cost: Decimal | None
    choices: Choices

    def with_plan_shown(self, shown: bool | None) -> Choices:
        """Say for one mission whether its plan waits; None is as it was chosen."""
        return self.choices if shown is None else self.choices.model_copy(update={"approve_plan": shown})


async def terms_for(desk: Reception, user_id: str, conversation_id: str) -> Terms:
    """Put together what the person chose for a new mission of a conversation; what the house allows bounds it when it runs."""
    wishes = await desk.preferences.in_force(user_id, conversation_id)
    return terms_of(wishes, held=await desk.step_mode(conversation_id, user_id))


def terms_of(wishes: Wishes, *, held: bool) -> Terms:
    """Make the terms of a mission out of what a person chose; `held`: its conversation, or the house, wants every step held."""
    chosen = Choices(
        approve_plan=bool(wishes.approve_plan),
        models=wishes.models,
        memory=wishes.memory is not False,
        tokens=wishes.tokens,
        language=wishes.language or "",
        operators=wishes.operators,
    )
    return Terms(held or bool(wishes.step_mode), wishes.cost, chosen)


def checked_wishes(wishes: Wishes, now: Settings, roster: Roster | None = None) -> Wishes:
    """Return choices as they can be kept; raises BadInput that names the first one that cannot be, and what can."""
    models = {tier: model for tier, model in wishes.models.items() if model}
    for tier, model in models.items():
        if tier not in TIERS:
            raise BadInput(f"models: there is no tier {tier[:20]!r}. There are {', '.join(TIERS)}.")
        if model not in offered(now):
            raise BadInput(f"models: {model[:80]!r} is not offered here. Choose one of: {', '.join(offered(now))}.")
    if wishes.language and wishes.language not in LANGUAGES:
        raise BadInput(f"language: choose one of {', '.join(LANGUAGES)}; or leave it out: the language you write in.")
    _check_limits(wishes, now)
    _check_operators(wishes.operators, roster)
    return wishes.model_copy(update={"models": models, "language": wishes.language or None})


def _check_limits(wishes: Wishes, now: Settings) -> None:
    if wishes.cost is not None and not 0 < wishes.cost <= now.mission_cost:
        raise BadInput(
            f"cost: it must be more than 0 and at most {now.mission_cost:f} US dollars, the limit of this house."
        )
    least = min(LEAST_TOKENS, now.mission_tokens)
    if wishes.tokens is not None and not least <= wishes.tokens <= now.mission_tokens:
        raise BadInput(f"tokens: it must be {least:,} to {now.mission_tokens:,}, the limit of this house.")


def _check_operators(names: Sequence[str], roster: Roster | None) -> None:
    known = [p.name for p in roster.enabled()] if roster else []
    if wrong := [name for name in names if name not in known]:
        raise BadInput(f"operators: there is no operator {wrong[0][:60]!r}. There are {', '.join(known)}.")
