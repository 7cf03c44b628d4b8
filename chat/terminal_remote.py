"""`staffwork remote ...`: missions and approvals of a Staffwork on another machine, with an API key of yours there."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from chat.terminal_there import asked, followed, reached

if TYPE_CHECKING:
    import httpx


remote = typer.Typer(help="Missions and approvals of a Staffwork elsewhere, with an API key.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Server = Annotated[str, typer.Option(help="Its address; otherwise STAFFWORK_SERVER.")]
Which = Annotated[str, typer.Argument(help="The id.")]


def add_remote(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.add_typer(remote, name="remote")


@remote.command("ask")
def ask(
    goal: Annotated[str, typer.Argument(help="What you would like to have done.")],
    *,
    conversation: Annotated[str, typer.Option(help="Go on in this conversation.")] = "",
    server: Server = "",
    as_json: Json = False,
) -> None:
    """Give a mission there and follow it to its end; Ctrl-C only leaves. Needs the scopes read and missions."""
    wish = {"goal": goal} | ({"conversation_id": conversation} if conversation else {})
    _do(server, lambda there: _ask(there, wish, as_json=as_json))


@remote.command("missions")
def list_missions(
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 20,
    server: Server = "",
    as_json: Json = False,
) -> None:
    """List your newest missions there."""
    _do(server, lambda there: _list(there, f"/api/missions?limit={limit}", "missions", _mission, as_json=as_json))


@remote.command("show")
def show(mission: Which, server: Server = "", as_json: Json = False) -> None:
    """Show one mission there: where it stands, and its answer."""
    _do(server, lambda there: _show(there, mission, as_json=as_json))


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

    settings = _settings("warning")

    async def done() -> int:
        async with reached(server or settings.server, settings.server_key.get_secret_value()) as there:
            return await work(there)

    _run(done())


async def _ask(there: httpx.AsyncClient, wish: dict[str, Any], *, as_json: bool) -> int:
    from chat.terminal import BUDGET, CODES, say_json
    from chat.terminal_lines import last_line, tell_end

    given = await asked(there, "POST", "/api/missions", wish)
    ended = await followed(there, given["mission_id"], as_json=as_json)
    if as_json:
        say_json(last_line(ended, {}))
    else:
        tell_end(ended, {})
    return BUDGET if ended.limit else CODES[ended.status.value]


async def _list(
    there: httpx.AsyncClient, path: str, name: str, line: Callable[[dict[str, Any]], str], *, as_json: bool
) -> int:
    from chat.terminal import say_json

    found = (await asked(there, "GET", path))[name]
    for one in found:
        if as_json:
            say_json(one)
        else:
            typer.echo(line(one))
    if not found and not as_json:
        typer.echo("Nothing there.")
    return 0


async def _show(there: httpx.AsyncClient, mission: str, *, as_json: bool) -> int:
    from chat.terminal import say_json

    found = await asked(there, "GET", f"/api/missions/{quote(mission, safe='')}")
    if as_json:
        say_json(found)
    else:
        typer.echo(f"{found['id']}  {found['status']}\n{found['goal']}\n", err=True)
        typer.echo(found["answer"] or found["problem"])
    return 0


async def _decide(there: httpx.AsyncClient, approval: str, decision: dict[str, str], *, as_json: bool) -> int:
    from chat.terminal import say_json

    found = await asked(there, "POST", f"/api/approvals/{quote(approval, safe='')}", decision)
    if as_json:
        say_json(found)
    else:
        typer.echo("Allowed." if decision["decision"] == "once" else "Not allowed.")
    return 0


def _mission(one: dict[str, Any]) -> str:
    from chat.terminal_lines import first_line

    return f"{one['id']}  {one['status']:<16} {first_line(one['goal'])[:70]}"


def _approval(one: dict[str, Any]) -> str:
    state = "waits" if one["open"] else one["decision"]
    return f"{one['id']}  {one['tool']}  {state}\n  {one['why']}\n  {json.dumps(one['arguments'])}"
