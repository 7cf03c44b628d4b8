"""A picture of a conversation for those who are given a link: from what the chat shows, only what is named here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chat.picture import Line, Picture
from chat.rendering import CHIEF, picture_of
from chat.wording import between, named, price_line
from core.events import Event, MissionEnded, TaskEnded
from core.missions import RESTING, Source, Status
from memory.snapshots import SharedFile, SharedMessage, SharedSource, SharedStep, Snapshot

if TYPE_CHECKING:
    from graphs.reception import Reception

_QUOTE = 400
_SOURCES = 30
_ENDS = {Status.FAILED: "*This did not work.*", Status.CANCELLED: "*Stopped.*"}


async def photograph(office: Reception, conversation_id: str, user_id: str) -> Snapshot:
    """Take a picture of all that is at rest in a conversation; raises NotFound if it is not this user's."""
    await office.conversations.get(conversation_id, user_id)
    messages: list[SharedMessage] = []
    files: dict[str, SharedFile] = {}
    left_out = 0
    for row in await office.missions.in_view(conversation_id):
        mission_id = row.mission.id
        events = await office.journal.read(mission_id)
        picture = picture_of(mission_id, mission_id, events)
        if row.status not in RESTING and not picture.vanished:
            left_out += 1
            continue
        for _, file in picture.files.values():
            files.setdefault(
                file.id, SharedFile(id=file.id, name=file.name, hash=file.hash, size=file.size, mime=file.mime)
            )
        messages += messages_of(picture, events, list(files))
    return Snapshot(messages=tuple(messages), files=tuple(files.values()), left_out=left_out)


def messages_of(picture: Picture, events: Sequence[Event], files: Sequence[str]) -> list[SharedMessage]:
    """List what was said in one mission, in order; the work on it stands above what the Chief said last."""
    end = next((e for e in reversed(events) if isinstance(e, MissionEnded)), None)
    lines = sorted(
        (line for line in picture.lines.values() if line.kind.endswith("_message")), key=lambda line: line.start
    )
    said = [_message(picture, line, end, files) for line in lines]
    last = next((n for n in reversed(range(len(said))) if said[n].author == "chief"), len(said) - 1)
    if said:
        said[last] = said[last].model_copy(update={"steps": tuple(_steps(picture, events))})
    return said


def _message(picture: Picture, line: Line, end: MissionEnded | None, files: Sequence[str]) -> SharedMessage:
    attached = tuple(files.index(i) for i, (line_id, _) in picture.files.items() if line_id == line.id and i in files)
    if line.kind == "user_message":
        return SharedMessage(author="user", text=line.text, at=line.start, files=attached)
    if line.id != picture.answer or end is None:  # a question
        return SharedMessage(author="chief", text=line.text, at=line.start, files=attached)
    short = named(end.problem) if end.status is Status.COMPLETED and end.problem else _ENDS.get(end.status, "")
    text = "\n\n".join(part for part in (end.answer, short) if part)
    sources = tuple(_source(s, files) for s in end.sources if s.origin == "file")[:_SOURCES]
    took = price_line(end.usage, between(line.start, end.at)) if end.usage.model_calls else ""
    kept = tuple(dict.fromkeys(sources))
    return SharedMessage(author="chief", text=text, at=end.at, sources=kept, files=attached, took=took)


def _source(source: Source, files: Sequence[str]) -> SharedSource:
    place = f"page {source.page}" if source.page else f"line {source.line}" if source.line else ""
    return SharedSource(
        file=source.file,
        place=place,
        quote=" ".join(source.quote.split())[:_QUOTE],
        position=files.index(source.origin_id) if source.origin_id in files else None,
        page=source.page,
        line=source.line,
        problem=source.problem,
    )


def _steps(picture: Picture, events: Sequence[Event]) -> list[SharedStep]:
    """List the work, parents before children: names and times, never what went in or what came out."""
    summaries = {picture.id(e.task_id): e.summary for e in events if isinstance(e, TaskEnded)}
    shown = {i: line for i, line in picture.lines.items() if line.kind == "tool" and line.label != CHIEF}
    children: dict[str, list[Line]] = {}
    for line in shown.values():
        children.setdefault(line.parent if line.parent in shown else "", []).append(line)
    found: list[SharedStep] = []

    def walk(parent: str, depth: int) -> None:
        for line in children.get(parent, ()):
            found.append(_step(line, depth, summaries.get(line.id, "")))
            walk(line.id, depth + 1)

    walk("", 0)
    return found


def _step(line: Line, depth: int, summary: str) -> SharedStep:
    seconds = (line.end - line.start).total_seconds() if line.end else None
    return SharedStep(label=line.label, depth=min(depth, 6), seconds=seconds, failed=line.failed, summary=summary)
