"""What a person sends: a message and its files, as the browser hands them over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.missions import Attachment

if TYPE_CHECKING:
    from chat.desk import Desk
    from graphs.office import Office


@dataclass(frozen=True)
class GivenFile:
    """A file as the browser uploaded it, not yet in our store; `use` is how the person wants it used ("" as usual)."""

    name: str
    mime: str
    path: Path
    use: str = ""


@dataclass(frozen=True)
class Incoming:
    """One message a person sent; `id` is the page's own for it.

    `talk_to` names operators chosen for a conversation that begins with it; `plan_first` shows its plan before work begins.
    `zone` is that of the page's clock.
    """

    id: str
    conversation_id: str
    user_id: str
    text: str
    files: Sequence[GivenFile] = field(default=())
    talk_to: tuple[str, ...] = ()
    plan_first: bool = False
    zone: str = ""


async def received(desk: Desk, incoming: Incoming) -> tuple[Attachment, ...]:
    """Copy the files of a message into our store; raises BadInput for one that cannot be used."""
    office, about = desk.office, (incoming.user_id, incoming.conversation_id)
    return tuple([await _received(office, about, file) for file in incoming.files])


async def _received(office: Office, about: tuple[str, str], file: GivenFile) -> Attachment:
    attachment = await office.receive(*about, file.name, file.mime, file.path)
    if file.use:
        await office.uploads.choose(attachment.id, about[0], file.use)
    return attachment
