"""What `staffwork remote` does with missions of a Staffwork elsewhere: give one, answer one, follow one, show one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import typer

from chat.terminal import BUDGET, CODES, say_json
from chat.terminal_leaving import end
from chat.terminal_lines import harmless, last_line, tell_end, waits
from chat.terminal_saving import ready
from chat.terminal_sending import check, save, send, tell_states
from chat.terminal_there import TRIES, Following, asked, hints_there, pauses, whole_id
from core.errors import StoreUnavailable
from core.events import EVENTS
from core.missions import new_id

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True)
class Errand:
    """What is to be done there, and where the files that come of it are put."""

    words: str
    files: tuple[Path, ...] = ()
    conversation: str = ""
    save: Path | None = None
    step: str = ""


async def ask_there(there: httpx.AsyncClient, errand: Errand, *, as_json: bool) -> int:
    """Give a mission with its files, follow it, and download what came of it; returns the exit code."""
    if errand.save is not None:
        ready(errand.save)
    await check(there, errand.files)
    talk = new_id()
    if errand.conversation:
        talk = await whole_id(there, "conversation", errand.conversation)
        await asked(there, "GET", f"/api/conversations/{quote(talk, safe='')}")  # a wrong one would begin a new one
    files = await send(there, errand.files, talk)
    wish: dict[str, Any] = {"goal": errand.words, "conversation_id": talk, "id": new_id()}
    if files:
        wish["files"] = [file["id"] for file in files]
    given = await _stored(there, "/api/missions", wish)
    following = Following(there, given["mission_id"], as_json=as_json)
    return await _to_rest(there, following, files, errand.save, as_json=as_json)


async def answer_there(there: httpx.AsyncClient, mission: str, errand: Errand, *, as_json: bool) -> int:
    """Answer a mission's question, and follow it from there; returns the exit code."""
    if errand.save is not None:
        ready(errand.save)
    mission = await whole_id(there, "mission", mission)
    shown = await asked(there, "GET", f"/api/missions/{mission}")
    await check(there, errand.files)
    files = await send(there, errand.files, shown["conversation_id"])
    order: dict[str, Any] = {"kind": "answer", "text": errand.words, "step": errand.step, "id": new_id()}
    order["files"] = [file["id"] for file in files]
    following = await _caught_up(there, mission, as_json=as_json)
    await _stored(there, f"/api/missions/{mission}/orders", order)
    return await _to_rest(there, following, files, errand.save, as_json=as_json)


async def follow_there(there: httpx.AsyncClient, mission: str, folder: Path | None, *, as_json: bool) -> int:
    """Tell a mission's events from the beginning; returns the exit code."""
    if folder is not None:
        ready(folder)
    following = Following(there, await whole_id(there, "mission", mission), as_json=as_json)
    return await _to_rest(there, following, (), folder, as_json=as_json)


async def order_there(there: httpx.AsyncClient, mission: str, kind: str, *, as_json: bool) -> int:
    """Give a mission an order; what becomes of it is told by whoever follows the mission."""
    mission = await whole_id(there, "mission", mission)
    given = await _stored(there, f"/api/missions/{mission}/orders", {"kind": kind, "id": new_id()})
    words = f"The order is given. What becomes of it: staffwork remote follow {mission}"
    if as_json:
        say_json({"order_id": given["order_id"], "outcome": "given", "words": words})
    else:
        typer.echo(words)
    return 0


async def show_there(there: httpx.AsyncClient, mission: str, folder: Path | None, *, as_json: bool) -> int:
    """Show a mission: where it stands, its answer, and its files, which are downloaded if a folder is named."""
    if folder is not None:
        ready(folder)
    mission = await whole_id(there, "mission", mission)
    found = await asked(there, "GET", f"/api/missions/{quote(mission, safe='')}")
    following = await _caught_up(there, mission, as_json=as_json)
    paths = await save(there, following.ended.artifacts if following.ended else (), folder)
    if as_json:
        made = [file | ({"path": paths[file["id"]]} if file["id"] in paths else {}) for file in found["artifacts"]]
        say_json(found | {"artifacts": made})
        return 0
    typer.echo(f"{found['id']}  {found['status']}\n{found['goal']}\n", err=True)
    if words := found["answer"] or found["problem"]:
        typer.echo(harmless(words))
    for line in hints_there(mission, following.standing):
        typer.echo(line, err=True)
    for file in found["artifacts"]:
        if file["id"] not in paths:
            typer.echo(harmless(f"File: {file['name']} (download it with --save-files FOLDER)"), err=True)
    return 0


async def _caught_up(there: httpx.AsyncClient, mission: str, *, as_json: bool) -> Following:
    """Follow a mission from now on, knowing what has happened in it."""
    following, more = Following(there, mission, as_json=as_json), True
    while more:
        path = f"/api/missions/{quote(mission, safe='')}/events?limit=10000&after={following.after}"
        page = await asked(there, "GET", path)
        for told in page["events"]:
            with suppress(ValueError):  # of a kind that this version does not know
                following.know(EVENTS.validate_python(told))
            following.after = max(following.after, int(told["seq"]))
        more = page["more"]
    return following


async def _stored(there: httpx.AsyncClient, path: str, wish: dict[str, Any]) -> dict[str, Any]:
    """Send what has an id of our own, until it is safely stored there: sent twice, it is one."""
    import httpx

    for pause in pauses(TRIES // 2):
        try:
            found: dict[str, Any] = await asked(there, "POST", path, wish)
        except httpx.ConnectError:
            raise  # nobody is there: that is said at once
        except httpx.TransportError:
            await asyncio.sleep(pause)
            continue
        return found
    raise StoreUnavailable("The connection broke off again and again; whether it was taken there is not certain.")


async def _to_rest(
    there: httpx.AsyncClient,
    following: Following,
    files: Sequence[dict[str, Any]],
    folder: Path | None,
    *,
    as_json: bool,
) -> int:
    reading = asyncio.create_task(tell_states(there, files, as_json=as_json))
    try:
        ended = await following.to_rest()
        if files:  # a last look: who is still reading is told so
            await asyncio.wait({reading}, timeout=1)
    finally:
        await end({reading})
    paths = await save(there, ended.artifacts, folder)
    if as_json:
        say_json(last_line(ended, paths))
    else:
        tell_end(ended, paths, hints_there(ended.mission_id, following.standing) if waits(ended) else ())
    return BUDGET if ended.limit else CODES[ended.status.value]
