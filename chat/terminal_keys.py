"""API keys at the terminal: `staffwork keys ...`, for the person whose data folder this is; works beside a running server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadInput, NotFound
from core.missions import now

if TYPE_CHECKING:
    from graphs.reception import Reception
    from memory.key_terms import ApiKey
    from memory.people import User

keys = typer.Typer(help="API keys, with which programs work in your name.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def add_keys(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.add_typer(keys, name="keys")


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What you call it, so that you know it again.")],
    *,
    scope: Annotated[
        list[str] | None, typer.Option(help="What it is good for; may be repeated. Otherwise read.")
    ] = None,
    days: Annotated[int, typer.Option(help="How long it works; 0: until it is revoked.")] = 90,
    as_json: Json = False,
) -> None:
    """Make a key and print it, this once."""
    _do(lambda desk, me: _create(desk, me, name, scope or ["read"], days, as_json=as_json))


@keys.command("list")
def list_keys(as_json: Json = False) -> None:
    """List your keys, the newest first, with when each was last used."""
    _do(lambda desk, me: _list(desk, me, as_json=as_json))


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="The beginning of its id, or of the key itself.")], as_json: Json = False
) -> None:
    """End a key now; it does not come back."""
    _do(lambda desk, me: _revoke(desk, me, key, as_json=as_json))


def _do(work: Callable[[Reception, User], Awaitable[None]]) -> None:
    from chat.terminal import _run, _settings
    from graphs.reception import Reception
    from memory.audit import came_from

    settings = _settings("warning")

    async def done() -> int:
        came_from.set("terminal")
        async with Reception.beside(settings) as desk:
            await work(desk, await desk.people.ensure_local_owner())
        return 0

    _run(done())


async def _create(desk: Reception, me: User, name: str, scopes: list[str], days: int, *, as_json: bool) -> None:
    from chat.terminal import say_json

    key, secret = await desk.doors.keys.make(me, name, scopes, days or None)
    if as_json:
        return say_json(_fields(key) | {"key": secret})
    typer.echo(secret)
    typer.echo("This is shown once. Send it as `Authorization: Bearer ...`.", err=True)
    return None


async def _list(desk: Reception, me: User, *, as_json: bool) -> None:
    found = await desk.doors.keys.list(me.id)
    for key in found:
        _tell(key, as_json=as_json)
    if not found and not as_json:
        typer.echo("You have no API keys. Make one with: staffwork keys create NAME")


async def _revoke(desk: Reception, me: User, given: str, *, as_json: bool) -> None:
    found = await desk.doors.keys.list(me.id)
    fits = [k for k in found if given and (k.id.startswith(given) or given.startswith(k.prefix) or k.prefix == given)]
    if not fits:
        raise NotFound(f"There is no key {given[:11]} of yours. List them with: staffwork keys list")
    if len(fits) > 1:
        raise BadInput(f"{len(fits)} keys begin with {given[:11]}. Give more of the id.")
    ended = await desk.doors.keys.revoke(fits[0].id, me.id)
    if as_json:
        _tell(ended, as_json=True)
    else:
        typer.echo(f"Revoked: {ended.name}")


def _tell(key: ApiKey, *, as_json: bool) -> None:
    from chat.terminal import say_json

    if as_json:
        return say_json(_fields(key))
    typer.echo(f"{key.id}  {key.prefix}...  {key.name}")
    state = key.state(now())
    ends = f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "until revoked"
    used = f"last used {key.last_used_at:%Y-%m-%d %H:%M} UTC" if key.last_used_at else "never used"
    typer.echo(f"  {ends if state == 'live' else state}; good for {', '.join(key.scopes)}; {used}")
    return None


def _fields(key: ApiKey) -> dict[str, object]:
    return key.model_dump(mode="json", exclude={"user_id"}) | {"state": key.state(now())}
