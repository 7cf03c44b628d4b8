"""Links to conversations at the terminal: `staffwork shares ...`; works beside a running server, which notices at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadInput, NotFound
from core.missions import now

if TYPE_CHECKING:
    from graphs.reception import Reception
    from memory.snapshots import Share

shares = typer.Typer(help="Links to conversations that you share.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Which = Annotated[str, typer.Argument(help="The link itself, or the beginning of its id.")]


def add_shares(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.add_typer(shares, name="shares")


@shares.command("list")
def list_shares(as_json: Json = False) -> None:
    """List your links, the newest first, with who looked last."""
    _do(lambda desk, user_id: _list(desk, user_id, as_json=as_json))


@shares.command("revoke")
def revoke_share(share: Which, as_json: Json = False) -> None:
    """End a link now; it does not come back."""
    _do(lambda desk, user_id: _revoke(desk, user_id, share, as_json=as_json))


def _do(work: Callable[[Reception, str], Awaitable[None]]) -> None:
    from chat.terminal import _run, _settings
    from graphs.reception import Reception

    settings = _settings("warning")

    async def done() -> int:
        async with Reception.beside(settings) as desk:
            await work(desk, (await desk.people.ensure_local_owner()).id)
        return 0

    _run(done())


async def _list(desk: Reception, user_id: str, *, as_json: bool) -> None:
    found = await desk.shares.list(user_id)
    for share in found:
        await _tell(desk, share, as_json=as_json)
    if not found and not as_json:
        typer.echo("You share nothing. Open a conversation in the browser and choose Share above it.")


async def _revoke(desk: Reception, user_id: str, given: str, *, as_json: bool) -> None:
    from memory.contents import discard

    share = await _find(desk, user_id, given)
    await discard(desk.database, desk.blobs, await desk.shares.revoke(share.id, user_id))
    if as_json:
        await _tell(desk, (await desk.shares.get(share.id, user_id))[0], as_json=True)
    else:
        typer.echo(f"Revoked: {share.title}")


async def _find(desk: Reception, user_id: str, given: str) -> Share:
    """Find a link by itself, or by the beginning of its id; raises NotFound or BadInput."""
    found = await desk.shares.list(user_id)
    if "/s/" in given:
        token = given.rpartition("/s/")[2].partition("/")[0]
        fits = [s for s in found if token and await desk.shares.token(s.id) == token]
    else:
        fits = [s for s in found if given and s.id.startswith(given)]
    if not fits:
        raise NotFound(f"There is no link {given} of yours. List them with: staffwork shares list")
    if len(fits) > 1:
        raise BadInput(f"{len(fits)} links begin with {given}. Give more of the id.")
    return fits[0]


async def _tell(desk: Reception, share: Share, *, as_json: bool) -> None:
    from chat.terminal import say_json

    state = share.state(now())
    token = await desk.shares.token(share.id) if state == "live" else ""
    path = f"{desk.settings.public_url.rstrip('/')}/s/{token}" if token else ""
    if as_json:
        return say_json(share.model_dump(mode="json", exclude={"user_id"}) | {"state": state, "link": path or None})
    typer.echo(f"{share.id}  {share.title}")
    end = f"until {share.expires_at:%Y-%m-%d %H:%M} UTC" if share.expires_at else "until revoked"
    who = "everybody with the link" if share.audience == "public" else "people with an account"
    typer.echo(f"  {end if state == 'live' else state}; for {who}{', with a password' if share.protected else ''}")
    seen = f", last {share.viewed_at:%Y-%m-%d %H:%M} UTC" if share.viewed_at else ""
    typer.echo(f"  {share.views} view{'' if share.views == 1 else 's'}{seen}{'  ' + path if path else ''}")
    return None
