"""`staffwork remote ...`: missions and approvals of a Staffwork on another machine, with an API key of yours there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlsplit

import typer

from core.errors import BadInput, Refused, StoreUnavailable

if TYPE_CHECKING:
    import httpx

    from core.events import MissionEnded

remote = typer.Typer(help="Missions and approvals of a Staffwork elsewhere, with an API key.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Server = Annotated[str, typer.Option(help="Its address; otherwise STAFFWORK_SERVER.")]
Which = Annotated[str, typer.Argument(help="The id.")]
_TRIES, _PAUSE = 20, 1.0
"""How often, and how many seconds apart, a stream that broke off is taken up again."""


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
        async with _there(server or settings.server, settings.server_key.get_secret_value()) as there:
            return await work(there)

    _run(done())


@asynccontextmanager
async def _there(server: str, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """Speak to a server with a key, which goes over TLS or stays on this machine; what breaks is said in words."""
    import httpx

    place = urlsplit(server)
    if place.scheme not in ("http", "https") or not place.hostname:
        raise BadInput("Where is it? Give --server https://..., or set STAFFWORK_SERVER.")
    if place.scheme == "http" and place.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise BadInput("--server: the key would be sent readable. Use https:// (http:// on this machine only).")
    if not key:
        raise BadInput("Set STAFFWORK_SERVER_KEY to an API key of yours there; you make one on its page /keys.")
    headers = {"authorization": f"Bearer {key}", "accept": "application/json"}
    try:
        async with httpx.AsyncClient(base_url=server.rstrip("/"), headers=headers, timeout=30) as client:
            yield client
    except httpx.HTTPError as problem:
        raise StoreUnavailable(f"{server} cannot be reached: {problem or type(problem).__name__}.") from None


async def _asked(there: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask there; raises Refused with its own words."""
    answer = await there.request(method, path, json=body)
    try:
        found = answer.json() if answer.content else {}
    except ValueError:
        raise Refused(f"{there.base_url} answered something else than Staffwork does ({answer.status_code}).") from None
    if answer.is_error:
        raise Refused(
            str(found.get("detail", answer.status_code)) if isinstance(found, dict) else str(answer.status_code)
        )
    return found


async def _ask(there: httpx.AsyncClient, wish: dict[str, Any], *, as_json: bool) -> int:
    from chat.terminal import BUDGET, CODES, say_json
    from chat.terminal_lines import last_line, tell_end

    given = await _asked(there, "POST", "/api/missions", wish)
    ended = await _followed(there, given["mission_id"], as_json=as_json)
    if as_json:
        say_json(last_line(ended, {}))
    else:
        tell_end(ended, {})
    return BUDGET if ended.limit else CODES[ended.status.value]


async def _followed(there: httpx.AsyncClient, mission: str, *, as_json: bool) -> MissionEnded:
    """Tell what happens until the mission ends or waits; a connection that breaks is made again."""
    import httpx

    from core.events import EVENTS, MissionEnded

    after = 0
    for _ in range(_TRIES):
        path, headers = f"/api/missions/{mission}/events?after={after}", {"accept": "text/event-stream"}
        try:
            async with there.stream("GET", path, headers=headers) as answer:
                if answer.is_error:
                    raise Refused(json.loads(await answer.aread()).get("detail", str(answer.status_code)))
                async for line in answer.aiter_lines():
                    if not line.startswith("data: "):
                        continue
                    try:
                        event = EVENTS.validate_json(line.removeprefix("data: "))
                    except ValueError:
                        continue  # a kind of event that this version does not know
                    after = event.seq
                    if isinstance(event, MissionEnded):
                        return event
                    _tell(event, as_json=as_json)
        except httpx.TransportError:
            pass  # taken up again below, from the event after the last one
        await asyncio.sleep(_PAUSE)
    raise StoreUnavailable(
        f"The connection is lost. The mission goes on; look at it with: staffwork remote show {mission}"
    )


def _tell(event: Any, *, as_json: bool) -> None:
    from chat.terminal_lines import line_of

    if as_json:
        typer.echo(event.model_dump_json(exclude_none=True))
    elif line := line_of(event):
        typer.echo(line, err=True)


async def _list(
    there: httpx.AsyncClient, path: str, name: str, line: Callable[[dict[str, Any]], str], *, as_json: bool
) -> int:
    from chat.terminal import say_json

    found = (await _asked(there, "GET", path))[name]
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

    found = await _asked(there, "GET", f"/api/missions/{quote(mission, safe='')}")
    if as_json:
        say_json(found)
    else:
        typer.echo(f"{found['id']}  {found['status']}\n{found['goal']}\n", err=True)
        typer.echo(found["answer"] or found["problem"])
    return 0


async def _decide(there: httpx.AsyncClient, approval: str, decision: dict[str, str], *, as_json: bool) -> int:
    from chat.terminal import say_json

    found = await _asked(there, "POST", f"/api/approvals/{quote(approval, safe='')}", decision)
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
