"""What the terminal does with missions: give one, answer one, list and show them."""

from __future__ import annotations

import asyncio
import mimetypes
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from chat.terminal import BUDGET, CODES, say_json
from core.budget import Usage
from core.errors import BadInput, NotFound
from core.events import Event, MissionEnded, PlanMade, TaskEnded, TaskStarted, ToolCalled, money
from core.missions import Attachment, Mission, Source, Status, new_id, now
from core.settings import Settings
from graphs.office import Office
from memory.database import Database
from memory.journal import Journal
from memory.missions import MissionRow, Missions


async def ask_mission(
    settings: Settings, goal: str, files: Sequence[Path], conversation: str | None, out: Path | None, *, as_json: bool
) -> int:
    """Submit a goal with its files and follow it; returns the exit code."""
    for path in files:
        if not path.is_file():
            raise BadInput(f"{path}: there is no such file.")
    if len(files) > settings.upload_max_files:
        raise BadInput(f"{len(files)} files are too many; at most {settings.upload_max_files} go with one message.")
    async with Office.open(settings) as office:
        user = await office.people.ensure_local_owner()
        talk = conversation or new_id()
        given = [await _receive(office, user.id, talk, path) for path in files]
        mission = Mission(
            id=new_id(), conversation_id=talk, user_id=user.id, goal=goal, attachments=tuple(given), created_at=now()
        )
        await office.submit(mission)
        return await _follow(office, mission.id, user.id, 0, out, as_json=as_json)


async def _receive(office: Office, user_id: str, conversation_id: str, path: Path) -> Attachment:
    mime = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return await office.receive(user_id, conversation_id, path.name, mime, path)


async def answer_mission(settings: Settings, mission_id: str, text: str, out: Path | None, *, as_json: bool) -> int:
    """Answer a waiting mission and follow what comes after; returns the exit code."""
    async with Office.open(settings) as office:
        user = await office.people.ensure_local_owner()
        row = await _find(office.missions, mission_id)
        seen = [e.seq for e in await office.journal.read(row.mission.id)]
        await office.answer(row.mission.id, user.id, text)
        return await _follow(office, row.mission.id, user.id, max(seen, default=0), out, as_json=as_json)


async def _follow(office: Office, mission_id: str, user_id: str, after: int, out: Path | None, *, as_json: bool) -> int:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    stopper = asyncio.create_task(_cancel_when(stop, office, mission_id, user_id))
    ended: MissionEnded | None = None
    try:
        async for event in office.follow(mission_id, after):
            if isinstance(event, MissionEnded):
                ended = event
            elif as_json:
                say_json(event.model_dump(mode="json", exclude_none=True))
            else:
                _tell(event)
    finally:
        stopper.cancel()
        loop.remove_signal_handler(signal.SIGINT)
    if ended is None:
        raise NotFound("The mission has not ended, and nobody is at work on it. Start Staffwork to continue it.")
    paths = _save(office, ended, out)
    say_json(_last_line(ended, paths)) if as_json else _tell_end(ended, paths)
    return BUDGET if ended.limit else CODES[ended.status.value]


async def _cancel_when(stop: asyncio.Event, office: Office, mission_id: str, user_id: str) -> None:
    await stop.wait()
    await office.cancel(mission_id, user_id)


def _save(office: Office, ended: MissionEnded, out: Path | None) -> dict[str, str]:
    """Copy the produced files into a folder; a name that is taken gets a number. Returns artifact id -> path."""
    if out is None:
        return {}
    out.mkdir(parents=True, exist_ok=True)
    saved: dict[str, str] = {}
    for artifact in ended.artifacts:
        plain = Path(Path(artifact.name).name)
        target, number = out / plain, 2
        while target.exists():
            target, number = out / f"{plain.stem}-{number}{plain.suffix}", number + 1
        shutil.copyfile(office.blobs.path(artifact.hash), target)
        saved[artifact.id] = str(target)
    return saved


def _last_line(ended: MissionEnded, paths: dict[str, str]) -> dict[str, Any]:
    about = ended.model_dump(
        mode="json", include={"kind", "mission_id", "seq", "at", "status", "answer", "problem", "limit"}
    )
    return about | {
        "sources": [_source(s) for s in ended.sources],
        "artifacts": [
            {"id": a.id, "name": a.name, "size": a.size, "mime": a.mime}
            | ({"path": paths[a.id]} if a.id in paths else {})
            for a in ended.artifacts
        ],
        "usage": usage_shown(ended.usage),
    }


def usage_shown(usage: Usage) -> dict[str, Any]:
    """Show usage as JSON: cost in US dollars, null if the price of any call is unknown."""
    shown = usage.model_dump(
        mode="json", include={"model_calls", "tool_calls", "tokens_in", "tokens_out", "tokens_cached"}
    )
    cost = float(usage.cost) if usage.priced else None
    return shown | {"cost": cost, "unpriced_calls": usage.unpriced_calls, "seconds": usage.seconds}


def _source(source: Source) -> dict[str, Any]:
    return source.model_dump(mode="json", include={"file", "page", "line", "quote"}, exclude_none=True)


def _tell(event: Event) -> None:
    """Say on standard error what is going on, so that standard output holds the answer alone."""
    match event:
        case PlanMade():
            count = len(event.tasks)
            typer.echo(f"Plan: {count} task{'' if count == 1 else 's'}. {event.note}", err=True)
        case TaskStarted():
            typer.echo(f"  {event.task_id} {event.title}: {event.goal.splitlines()[0]}", err=True)
        case ToolCalled():
            typer.echo(f"    {event.task_id}: {event.intent}", err=True)
        case TaskEnded():
            state = "partly done" if event.partial else event.status.value
            typer.echo(f"  {event.task_id} {state}: {event.problem or event.summary.splitlines()[0][:120]}", err=True)
        case _:
            pass


def _tell_end(ended: MissionEnded, paths: dict[str, str]) -> None:
    if ended.answer:
        typer.echo(ended.answer)
    if ended.problem:
        typer.echo(ended.problem, err=True)
    if ended.status is Status.WAITING_ANSWER:
        typer.echo(f'Answer with: staffwork answer {ended.mission_id} "..."', err=True)
    for artifact in ended.artifacts:
        typer.echo(f"File: {paths.get(artifact.id, artifact.name)}", err=True)
    u = ended.usage
    price = money(u.cost) if u.priced else f"{money(u.cost)} and {u.unpriced_calls} calls unpriced"
    typer.echo(f"{u.model_calls} model calls, {u.tokens} tokens, {price}, {u.seconds:.1f} s", err=True)


async def show_missions(settings: Settings, limit: int, *, as_json: bool) -> int:
    """List missions, newest first; works beside a running server."""
    database = await Database.open(settings.data_dir / "staffwork.db")
    try:
        rows = await Missions(database).recent(None, limit)
    finally:
        await database.close()
    for row in rows:
        if as_json:
            say_json(_row(row))
        else:
            typer.echo(f"{row.mission.id}  {row.status.value:<16} {row.mission.goal.splitlines()[0][:70]}")
    if not rows and not as_json:
        typer.echo('No missions yet. Give one with: staffwork ask "..."')
    return 0


async def show_mission(settings: Settings, mission_id: str, *, as_json: bool) -> int:
    """Show one mission with all its events; works beside a running server."""
    database = await Database.open(settings.data_dir / "staffwork.db")
    try:
        row = await _find(Missions(database), mission_id)
        events = await Journal(database).read(row.mission.id)
    finally:
        await database.close()
    ended = next((e for e in reversed(events) if isinstance(e, MissionEnded)), None)
    if as_json:
        told = [e.model_dump(mode="json", exclude_none=True) for e in events if not isinstance(e, MissionEnded)]
        say_json(_row(row) | {"events": told, "end": _last_line(ended, {}) if ended else None})
        return 0
    typer.echo(f"{row.mission.id}  {row.status.value}\n{row.mission.goal}\n")
    for event in events:
        _tell(event)
    if ended:
        _tell_end(ended, {})
    return 0


async def _find(store: Missions, beginning: str) -> MissionRow:
    """Find a mission by the beginning of its id; raises NotFound or BadInput."""
    rows = [r for r in await store.recent(None, 10_000) if r.mission.id.startswith(beginning)]
    if not rows:
        raise NotFound(f"There is no mission {beginning}. List them with: staffwork missions list")
    if len(rows) > 1:
        raise BadInput(f"{len(rows)} missions begin with {beginning}. Give more of the id.")
    return rows[0]


def _row(row: MissionRow) -> dict[str, Any]:
    m = row.mission
    return {
        "id": m.id,
        "conversation_id": m.conversation_id,
        "goal": m.goal,
        "status": row.status.value,
        "attempt": row.attempt,
        "created_at": m.created_at.isoformat(),
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "problem": row.problem,
    }
