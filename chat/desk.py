"""The desk behind the chat's handlers: Chainlit loads those as a script, so they find the open office here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat.audience import Audience
from memory.feedback import Feedback

if TYPE_CHECKING:
    from graphs.office import Office


@dataclass
class Desk:
    """What the handlers work with."""

    office: Office
    audience: Audience
    feedback: Feedback


class _Place:
    taken: Desk | None = None
    mounted = False


def set_up(office: Office) -> Desk:
    """Open the desk of an office."""
    _Place.taken = Desk(office, Audience(office), Feedback(office.database))
    return _Place.taken


async def clear_away() -> None:
    """Close the desk; the office closes itself."""
    desk, _Place.taken = _Place.taken, None
    if desk is not None:
        await desk.audience.close()


def desk() -> Desk:
    """Return the open desk."""
    if _Place.taken is None:
        raise RuntimeError("The office is not open.")
    return _Place.taken


def mounted(*, now: bool = False) -> bool:
    """Say whether `staffwork serve` runs the chat (and from `now` on it does), rather than Chainlit's own program."""
    _Place.mounted = _Place.mounted or now
    return _Place.mounted
