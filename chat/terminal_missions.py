"""What the terminal does with missions: give one, answer one, follow one, list and show them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from api.mission_views import brief, last_end, whole
from chat.terminal import BUDGET, CODES, UNATTENDED, say_json
from chat.terminal_dialogue import Dialogue, keyboard, received
from chat.terminal_following import follow, stopping
from chat.terminal_lines import first_line, hints, last_line, line_of, tell_end, waits
from chat.terminal_place import SERVED, Place, Unattended, at_hand
from chat.terminal_saving import about, opened, ready
from core.errors import BadInput
from core.events import Event, MissionEnded
from core.missions import Mission, Priority, Status, new_id, now
from core.settings import Settings
from core.steering import Order, OrderKind
from graphs.choosing import terms_for
from graphs.standing import Standing
from memory.blobs import Blobs
from memory.exports import conversations_of


@dataclass(frozen=True)
class Wish:
    """What `staffwork ask` was given."""

    goal: str
    files: Sequence[Path] = ()
    conversation: str | None = None
    out: Path | None = None
    priority: Priority = Priority.MEDIUM
    step_mode: bool | None = None
    show_plan: bool | None = None


async def ask_mission(settings: Settings, wish: Wish, *, as_json: bool) -> int:
    """Submit a goal with its files and follow it; returns the exit code."""
    if wish.out is not None:
        ready(wish.out)
    for path in wish.files:
        if not await asyncio.to_thread(path.is_file):
            raise BadInput(f"{path}: there is no such file.")
    if len(wish.files) > settings.upload_max_files:
        raise BadInput(
            f"{len(wish.files)} files are too many; at most {settings.upload_max_files} go with one message."
        )
    async with at_hand(settings, work=True) as place:
        talk, held = await _talk(place, wish.conversation), wish.step_mode
        terms = await terms_for(place.desk, place.user_id, talk)
        given = [await received(place, talk, path) for path in wish.files]
        mission = Mission(
            id=new_id(),
            conversation_id=talk,
            user_id=place.user_id,
            goal=wish.goal,
            attachments=tuple(given),
            priority=wish.priority,
            created_at=now(),
            origin="terminal",
            step_mode=terms.step_mode if held is None else held,
            cost=terms.cost,
            choices=terms.with_plan_shown(wish.show_plan),
        )
        await place.desk.submit(mission)
        return await follow_to_rest(place, mission.id, 0, wish.out, as_json=as_json)


async def _talk(place: Place, given: str | None) -> str:
    """Find the conversation to go on in by its id or its beginning; a new one may be given an id, which is said."""
    if not given:
        return new_id()
    known = await conversations_of(place.desk.database, place.user_id)
    fits = [one for one in known if one.startswith(given)]
    if given in fits:
        return given
    if len(fits) > 1:
        raise BadInput(f"{len(fits)} conversations begin with {given}. Give more of the id.")
    if not fits:
        typer.echo(f"There was no conversation {given} yet; it begins with this.", err=True)
    return fits[0] if fits else given


async def answer_mission(
    settings: Settings, mission: str, text: str, *, step: str, file: Path | None, out: Path | None, as_json: bool
) -> int:
    """Answer a waiting mission and follow what comes after; returns the exit code."""
    if out is not None:
        ready(out)
    async with at_hand(settings, work=True) as place:
        row = await place.find(mission)
        seen = await place.desk.journal.read(row.mission.id)
        given = () if file is None else (await received(place, row.mission.conversation_id, file),)
        about = {"id": new_id(), "mission_id": row.mission.id, "by": place.user_id, "step": step}
        await place.desk.give(Order(**about, kind=OrderKind.ANSWER, text=text, attachments=given))
        return await follow_to_rest(place, row.mission.id, seen[-1].seq if seen else 0, out, as_json=as_json)


async def follow_mission(settings: Settings, mission: str, *, work: bool, as_json: bool) -> int:
    """Tell a mission's events in plain lines, live; returns the exit code. Ctrl-C only leaves."""
    async with at_hand(settings, work=work) as place:
        row = await place.find(mission)
        if place.served or place.here:
            tell = _in_json if as_json else _on_output
            return await _followed(place, row.mission.id, 0, None, tell=tell, as_json=as_json, ask=work)
        events = await place.desk.journal.read(row.mission.id)
        ended = last_end(events)
        for event in events:
            if event is not ended:
                (_in_json if as_json else _on_output)(event)
        if ended is not None and ended is events[-1]:
            return _end(place, ended, Standing(events), None, as_json=as_json)
        words = f"Nobody is at work on it now. Work on it here with: staffwork missions follow {row.mission.id} --work"
        return _unattended(row.mission.id, words, as_json=as_json)


async def follow_to_rest(place: Place, mission_id: str, after: int, out: Path | None, *, as_json: bool) -> int:
    """Follow a mission that was given something here: Ctrl-C stops it, and what it asks is asked here."""
    if place.served:
        typer.echo(SERVED, err=True)
    async with stopping(place, mission_id):
        tell = _in_json if as_json else _on_error
        return await _followed(place, mission_id, after, out, tell=tell, as_json=as_json, ask=True)


async def _followed(
    place: Place,
    mission_id: str,
    after: int,
    out: Path | None,
    *,
    tell: Callable[[Event], None],
    as_json: bool,
    ask: bool,
) -> int:
    keys = keyboard() if ask and not as_json else None
    dialogue = Dialogue(place, mission_id, keys) if keys else None
    try:
        ended, standing = await follow(place, mission_id, after, tell, dialogue)
    except Unattended as gone:
        return _unattended(mission_id, str(gone), as_json=as_json)
    return _end(place, ended, standing, out, as_json=as_json)


def _end(place: Place, ended: MissionEnded, standing: Standing, out: Path | None, *, as_json: bool) -> int:
    paths = _save(place.desk.blobs, ended, out)
    if as_json:
        say_json(last_line(ended, paths))
    else:
        tell_end(ended, paths, hints(ended.mission_id, standing) if waits(ended) else ())
    return BUDGET if ended.limit else CODES[ended.status.value]


def _unattended(mission_id: str, words: str, *, as_json: bool) -> int:
    if as_json:
        say_json({"kind": "unattended", "mission_id": mission_id, "problem": words})
    else:
        typer.echo(words, err=True)
    return UNATTENDED


def _save(blobs: Blobs, ended: MissionEnded, out: Path | None) -> dict[str, str]:
    """Copy the produced files into a folder, in place of none that is there. Returns artifact id -> path."""
    if out is None:
        return {}
    saved: dict[str, str] = {}
    for artifact in ended.artifacts:
        place, target = opened(ready(out), artifact.name)
        with target, blobs.path(artifact.hash).open("rb") as source:
            shutil.copyfileobj(source, target)
        saved[artifact.id] = str(place)
        if place.name != artifact.name:
            typer.echo(f"Saved: {about(place, artifact.name)}", err=True)
    return saved


def _in_json(event: Event) -> None:
    typer.echo(event.model_dump_json(exclude_none=True))


def _on_error(event: Event) -> None:
    """Say on standard error what is going on, so that standard output holds the answer alone."""
    if line := line_of(event):
        typer.echo(line, err=True)


def _on_output(event: Event) -> None:
    if line := line_of(event):
        typer.echo(line)


async def show_missions(settings: Settings, limit: int, status: Sequence[Status], *, as_json: bool) -> int:
    """List missions, newest first; works beside a running server."""
    async with at_hand(settings, work=False) as place:
        rows = await place.desk.missions.recent(None, limit, status=status)
    for row in rows:
        if as_json:
            say_json(brief(row))
        else:
            typer.echo(f"{row.mission.id}  {row.status.value:<16} {first_line(row.mission.goal)[:70]}")
    if not rows and not as_json:
        typer.echo("No such missions." if status else 'No missions yet. Give one with: staffwork ask "..."')
    return 0


async def show_mission(settings: Settings, mission: str, *, as_json: bool) -> int:
    """Show one mission with all its events; works beside a running server."""
    async with at_hand(settings, work=False) as place:
        row = await place.find(mission)
        untaken = await place.desk.orders.open(row.mission.id)
        events = await place.desk.journal.read(row.mission.id)
    ended, standing = last_end(events), Standing(events)
    if as_json:
        told = [e.model_dump(mode="json", exclude_none=True) for e in events if not isinstance(e, MissionEnded)]
        end = {"end": last_line(ended, {}) if ended else None}
        say_json(whole(row, events, untaken) | {"events": told} | end)
        return 0
    typer.echo(f"{row.mission.id}  {row.status.value}\n{row.mission.goal}\n")
    for event in events:
        _on_error(event)
    for order in untaken:
        typer.echo(f"Order not taken up yet: {order.kind.value.replace('_', ' ')}", err=True)
    if ended and ended is events[-1]:
        tell_end(ended, {}, hints(row.mission.id, standing) if waits(ended) else ())
    return 0
