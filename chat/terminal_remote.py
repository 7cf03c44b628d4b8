"""`staffwork remote ...`: missions and approvals of a Staffwork on another machine, with an API key of yours there."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from chat.terminal_words import spoken

if TYPE_CHECKING:
    import httpx


remote = typer.Typer(help="Missions and approvals of a Staffwork elsewhere, with an API key.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Server = Annotated[str, typer.Option(help="Its address; otherwise STAFFWORK_SERVER.")]
Which = Annotated[str, typer.Argument(help="The id.")]
WhichMission = Annotated[str, typer.Argument(help="The mission's id, or its unique beginning.")]
Files = Annotated[list[Path] | None, typer.Option("--file", help="A file to send along; may be repeated.")]
Save = Annotated[Path | None, typer.Option("--save-files", help="Folder to download the produced files into.")]


def add_remote(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.add_typer(remote, name="remote")


@remote.command("ask")
def ask(
    goal: Annotated[str, typer.Argument(help="What you would like to have done.")],
    *,
    file: Files = None,
    conversation: Annotated[
        str, typer.Option(help="Go on in this conversation: its id, or the unique beginning of it.")
    ] = "",
    save_files: Save = None,
    server: Server = "",
    as_json: Json = False,
) -> None:
    """Give a mission there and follow it to its end; Ctrl-C only leaves. Needs the scopes read and missions."""
    from chat.terminal_errands import Errand, ask_there

    errand = Errand(spoken(goal), tuple(file or ()), conversation, save_files)
    _do(server, lambda there: ask_there(there, errand, as_json=as_json))


@remote.command("answer")
def answer(
    mission: WhichMission,
    text: Annotated[str, typer.Argument(help="Your answer.")] = "",
    *,
    step: Annotated[str, typer.Option(help="Which question, if several are open; the oldest otherwise.")] = "",
    file: Files = None,
    save_files: Save = None,
    server: Server = "",
    as_json: Json = False,
) -> None:
    """Answer a mission's question there and follow it to its end. Needs the scopes read and missions."""
    from chat.terminal_errands import Errand, answer_there

    errand = Errand(spoken(text), tuple(file or ()), save=save_files, step=step)
    _do(server, lambda there: answer_there(there, mission, errand, as_json=as_json))


@remote.command("follow")
def follow(mission: WhichMission, save_files: Save = None, server: Server = "", as_json: Json = False) -> None:
    """Tell what happens in a mission there, from its beginning and then live; Ctrl-C only leaves."""
    from chat.terminal_errands import follow_there

    _do(server, lambda there: follow_there(there, mission, save_files, as_json=as_json))


@remote.command("stop")
def stop(mission: WhichMission, server: Server = "", as_json: Json = False) -> None:
    """End a mission there for good. Needs the scope missions."""
    _order(server, mission, "stop", as_json=as_json)


@remote.command("pause")
def pause(mission: WhichMission, server: Server = "", as_json: Json = False) -> None:
    """Let a mission there rest; calls under way finish first."""
    _order(server, mission, "pause", as_json=as_json)


@remote.command("resume")
def resume(mission: WhichMission, server: Server = "", as_json: Json = False) -> None:
    """Let a mission there go on."""
    _order(server, mission, "resume", as_json=as_json)


@remote.command("conversations")
def list_conversations(
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 20,
    server: Server = "",
    as_json: Json = False,
) -> None:
    """List your conversations there, to go on in one with: staffwork remote ask --conversation ID."""
    path = f"/api/conversations?limit={limit}"
    _do(server, lambda there: _list(there, path, "conversations", _conversation, as_json=as_json))


@remote.command("missions")
def list_missions(
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 20,
    server: Server = "",
    as_json: Json = False,
) -> None:
    """List your newest missions there."""
    _do(server, lambda there: _list(there, f"/api/missions?limit={limit}", "missions", _mission, as_json=as_json))


@remote.command("show")
def show(mission: WhichMission, save_files: Save = None, server: Server = "", as_json: Json = False) -> None:
    """Show one mission there: where it stands, its answer, and its files."""
    from chat.terminal_errands import show_there

    _do(server, lambda there: show_there(there, mission, save_files, as_json=as_json))


@remote.command("approvals")
def list_approvals(server: Server = "", as_json: Json = False) -> None:
    """List the calls that wait for you there, with all of their arguments."""
    _do(server, lambda there: _list(there, "/api/approvals", "approvals", _approval, as_json=as_json))


@remote.command("approve")
def approve(approval: Which, server: Server = "", as_json: Json = False) -> None:
    """Allow a call there, once. Needs the scope approvals."""
    _do(server, lambda there: _decide(there, approval, {"decision": "once"}, as_json=as_json))


@remote.command("reject")
def reject(
    approval: Which,
    reason: Annotated[str, typer.Argument(help="Why not; the operator is told.")] = "",
    server: Server = "",
    as_json: Json = False,
) -> None:
    """Do not allow a call there. Needs the scope approvals."""
    _do(server, lambda there: _decide(there, approval, {"decision": "reject", "reason": reason}, as_json=as_json))


def _do(server: str, work: Callable[[httpx.AsyncClient], Awaitable[int]]) -> None:
    from chat.terminal import _run, _settings
    from chat.terminal_leaving import leavable
    from chat.terminal_there import reached

    settings = _settings("warning")

    async def done() -> int:
        async with reached(server or settings.server, settings.server_key.get_secret_value()) as there:
            return await work(there)

    _run(leavable(done()))


def _order(server: str, mission: str, kind: str, *, as_json: bool) -> None:
    from chat.terminal_errands import order_there

    _do(server, lambda there: order_there(there, mission, kind, as_json=as_json))


async def _list(
    there: httpx.AsyncClient, path: str, name: str, line: Callable[[dict[str, Any]], str], *, as_json: bool
) -> int:
    from chat.terminal import say_json
    from chat.terminal_there import asked

    found = (await asked(there, "GET", path))[name]
    for one in found:
        if as_json:
            say_json(one)
        else:
            typer.echo(line(one))
    if not found and not as_json:
        typer.echo("Nothing there.")
    return 0


async def _decide(there: httpx.AsyncClient, approval: str, decision: dict[str, str], *, as_json: bool) -> int:
    from chat.terminal import say_json
    from chat.terminal_there import asked

    found = await asked(there, "POST", f"/api/approvals/{quote(approval, safe='')}", decision)
    if as_json:
        say_json(found)
    else:
        typer.echo("Allowed." if decision["decision"] == "once" else "Not allowed.")
    return 0


def _mission(one: dict[str, Any]) -> str:
    from chat.terminal_lines import first_line

    return f"{one['id']}  {one['status']:<16} {first_line(one['goal'])[:70]}"


def _conversation(one: dict[str, Any]) -> str:
    return f"{one['id']}  {str(one['updated_at'])[:16].replace('T', ' ')}  {one['title'][:70]}"


def _approval(one: dict[str, Any]) -> str:
    state = "waits" if one["open"] else one["decision"]
    return f"{one['id']}  {one['tool']}  {state}\n  {one['why']}\n  {json.dumps(one['arguments'])}"
