"""People at the terminal: `staffwork people ...`; works beside a running server, which notices at once.

Whoever has the machine may do everything an owner may; what they do is on record as done at the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadInput

if TYPE_CHECKING:
    from graphs.reception import Reception
    from memory.members import Member

people = typer.Typer(help="Who belongs to this house, and what they may do.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Name = Annotated[str, typer.Argument(help="What the person types to log in.")]
Role = Annotated[str, typer.Argument(help="owner, admin, member or viewer.")]


def add_people(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.add_typer(people, name="people")


@people.command("list")
def list_people(as_json: Json = False) -> None:
    """List everybody, and the invitations that still work."""
    _do(lambda desk: _list(desk, as_json=as_json))


@people.command()
def invite(
    role: Annotated[str, typer.Option(help="owner, admin, member or viewer.")] = "member",
    name: Annotated[str, typer.Option(help="For whom, for your list.")] = "",
    days: Annotated[int, typer.Option(help="How long the invitation works.")] = 7,
    as_json: Json = False,
) -> None:
    """Make an invitation and print its link, this once; send it to the person yourself."""
    _do(lambda desk: _invite(desk, role, name, days, as_json=as_json))


@people.command()
def role(name: Name, role: Role) -> None:
    """Give a person another role; they are signed out and sign in again."""
    _do(lambda desk: _role(desk, name, role))


@people.command()
def deactivate(
    name: Name, undo: Annotated[bool, typer.Option("--undo", help="Let them in again instead.")] = False
) -> None:
    """Let a person out: signed out everywhere, missions stopped, schedules paused. Nothing of theirs is lost."""
    _do(lambda desk: _active(desk, name, active=undo))


@people.command()
def reset(name: Name, as_json: Json = False) -> None:
    """Make a link with which a person chooses a new password, and print it, this once; it works once, for a day."""
    _do(lambda desk: _reset(desk, name, as_json=as_json))


@people.command()
def delete(
    name: Name, yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you are sure.")] = False
) -> None:
    """Delete a person with everything of theirs. This cannot be undone."""
    if not yes:
        _ask_whether_sure(name)
    _do(lambda desk: _delete(desk, name))


def _do(work: Callable[[Reception], Awaitable[None]]) -> None:
    from chat.terminal import _run, _settings
    from graphs.reception import Reception
    from memory.audit import came_from

    settings = _settings("warning")

    async def done() -> int:
        came_from.set("terminal")
        async with Reception.beside(settings) as desk:
            await work(desk)
        return 0

    _run(done())


async def _list(desk: Reception, *, as_json: bool) -> None:
    from chat.terminal import say_json
    from memory.invitations import Invitations
    from memory.members import Members

    everybody = await Members(desk.database).list()
    open_ones = await Invitations(desk.database, desk.people).list()
    if as_json:
        return say_json(
            {
                "people": [m.model_dump(mode="json") for m in everybody],
                "invitations": [i.model_dump(mode="json") for i in open_ones],
            }
        )
    for member in everybody:
        seen = f"last seen {member.seen_at:%Y-%m-%d %H:%M} UTC" if member.seen_at else "never seen"
        typer.echo(f"{member.name}  {member.role}{'' if member.active else ', deactivated'}  {seen}")
    for one in open_ones:
        typer.echo(
            f"invited: {one.name or 'whoever has the link'}  {one.role}  until {one.expires_at:%Y-%m-%d %H:%M} UTC"
        )
    return None


async def _invite(desk: Reception, role: str, name: str, days: int, *, as_json: bool) -> None:
    from memory.invitations import Invitations

    by = (await desk.people.ensure_local_owner()).id
    made, token = await Invitations(desk.database, desk.people).make(by, role, name=name, days=days)
    _tell(desk, f"/join/{token}", f"It works once, until {made.expires_at:%Y-%m-%d %H:%M} UTC.", as_json=as_json)


async def _role(desk: Reception, name: str, role: str) -> None:
    from graphs.leaving import set_role

    person = await _find(desk, name)
    await set_role(desk, person.id, role, "")
    typer.echo(f"{person.name} is {role} now.")


async def _active(desk: Reception, name: str, *, active: bool) -> None:
    from graphs.leaving import set_active

    person = await _find(desk, name)
    await set_active(desk, person.id, active, "")
    typer.echo(f"{person.name} {'may sign in again' if active else 'is out'}.")


async def _reset(desk: Reception, name: str, *, as_json: bool) -> None:
    from memory.invitations import Invitations

    person = await _find(desk, name)
    token = await Invitations(desk.database, desk.people).make_reset(person.id, "")
    _tell(desk, f"/reset/{token}", "It works once, within 24 hours.", as_json=as_json)


def _ask_whether_sure(name: str) -> None:
    from chat.terminal import CODES, _stop

    if not sys.stdin.isatty():
        _stop(
            f"This deletes {name} with everything of theirs, and nobody can be asked here. Add --yes if you are sure."
        )
    try:
        _do(lambda desk: _known(desk, name))  # first: somebody mistyped is not asked about
    except typer.Exit as checked:
        if checked.exit_code:
            raise
    try:
        sure = typer.confirm(f"Delete {name} with all conversations, files, memories, links and schedules?", err=True)
    except typer.Abort:
        sure = False
    if not sure:
        _stop("Nothing was deleted.", CODES["cancelled"])


async def _known(desk: Reception, name: str) -> None:
    await _find(desk, name)


async def _delete(desk: Reception, name: str) -> None:
    from graphs.leaving import finish
    from memory.members import Members

    person = await _find(desk, name)
    await Members(desk.database).begin_leaving(person.id, "")
    if await finish(desk.settings):
        typer.echo(f"{person.name} and everything of theirs is gone.")
    else:
        typer.echo(f"{person.name} is out. The running Staffwork removes everything of theirs now.")


async def _find(desk: Reception, name: str) -> Member:
    from memory.members import Members
    from memory.people import normal

    found = next((m for m in await Members(desk.database).list() if m.name == normal(name)), None)
    if found is None:
        raise BadInput(f"There is nobody called {name}. List everybody with: staffwork people list")
    return found


def _tell(desk: Reception, path: str, words: str, *, as_json: bool) -> None:
    from chat.terminal import say_json

    house = desk.settings.public_url.rstrip("/")
    if as_json:
        return say_json({"path": path, "url": house + path if house else None})
    typer.echo(house + path if house else f"{path}  (put the address of your Staffwork before it)")
    typer.echo(words)
    return None
