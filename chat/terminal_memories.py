"""What is remembered of you, at the terminal: `staffwork memories ...`; works beside a running server, which lets go of it too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadInput, NotFound

if TYPE_CHECKING:
    from graphs.reception import Reception
    from memory.remembered import Remembered

memories = typer.Typer(help="What the house remembers of you: facts, and what was said.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Which = Annotated[str, typer.Argument(help="The beginning of its id.")]
Kind = Annotated[str, typer.Option(help="fact or said; both otherwise.")]
_MANY = 100_000


def add_memories(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.add_typer(memories, name="memories")


@memories.command("list")
def list_memories(
    query: Annotated[str, typer.Argument(help="Words that stand in it.")] = "",
    *,
    kind: Kind = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """List facts, then what was said; with words, what holds any of them."""
    _do(lambda desk, me: _list(desk, me, (kind, query, limit), as_json=as_json))


@memories.command("change")
def change_memory(
    memory: Which,
    text: Annotated[str, typer.Argument(help="What should be remembered instead.")],
    as_json: Json = False,
) -> None:
    """Give a fact other words; the old ones are gone."""
    _do(lambda desk, me: _change(desk, me, memory, text, as_json=as_json))


@memories.command("delete")
def delete_memory(
    memory: Annotated[str, typer.Argument(help="The beginning of its id.")] = "",
    *,
    everything: Annotated[bool, typer.Option("--all", help="Everything, or everything of --kind.")] = False,
    kind: Kind = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you are sure.")] = False,
) -> None:
    """Delete one thing for good, or with --all everything that is remembered of you."""
    if everything == bool(memory):
        raise typer.BadParameter("Name one to delete, or give --all.")
    if everything and not yes:
        typer.confirm("Delete all of it? This cannot be undone.", abort=True)
    _do(lambda desk, me: _delete(desk, me, memory, kind))


def _do(work: Callable[[Reception, str], Awaitable[None]]) -> None:
    from chat.terminal import _run, _settings
    from graphs.keeping import beside_the_index
    from memory.audit import came_from

    settings = _settings("warning")

    async def done() -> int:
        came_from.set("terminal")
        async with beside_the_index(settings) as desk:
            await work(desk, (await desk.people.ensure_local_owner()).id)
        return 0

    _run(done())


async def _list(desk: Reception, user_id: str, wish: tuple[str, str, int], *, as_json: bool) -> None:
    from memory.remembered import Recollections, Wanted

    kind, query, limit = wish
    found = await Recollections(desk.database).list(user_id, Wanted(kind, query, limit=limit))
    for one in found:
        _tell(desk, one, as_json=as_json)
    if not found and not as_json:
        typer.echo("Nothing like this is remembered." if query or kind else "Nothing is remembered of you.")


async def _change(desk: Reception, user_id: str, given: str, text: str, *, as_json: bool) -> None:
    from graphs.keeping import change_fact

    one = await _find(desk, user_id, given)
    _tell(desk, await change_fact(desk, one.id, user_id, text), as_json=as_json)


async def _delete(desk: Reception, user_id: str, given: str, kind: str) -> None:
    from graphs.keeping import forget_all, forget_one

    if not given:
        count = await forget_all(desk, user_id, kind=kind)
        typer.echo(f"Deleted: {count:,}." if count else "There was nothing to delete.")
        return
    one = await _find(desk, user_id, given)
    await forget_one(desk, one.id, user_id)
    typer.echo(f"Deleted: {' '.join(one.text.split())[:80]}")


async def _find(desk: Reception, user_id: str, given: str) -> Remembered:
    """Find one by the beginning of its id; raises NotFound or BadInput."""
    from memory.remembered import Recollections, Wanted

    everything = await Recollections(desk.database).list(user_id, Wanted(limit=_MANY))
    fits = [one for one in everything if given and one.id.startswith(given)]
    if not fits:
        raise NotFound(
            f"Nothing that begins with {given[:64]} is remembered of you. List it with: staffwork memories list"
        )
    if len(fits) > 1:
        raise BadInput(f"{len(fits)} begin with {given[:64]}. Give more of the id.")
    return fits[0]


def _tell(desk: Reception, one: Remembered, *, as_json: bool) -> None:
    from chat.terminal import say_json
    from chat.terminal_lines import harmless

    text = desk.masked(one.text)
    if as_json:
        return say_json(one.model_dump(mode="json") | {"text": text})
    by = {"question": "you said", "answer": "answer"}.get(one.what, f"fact, by {one.operator or 'you'}")
    when = f"{one.at:%Y-%m-%d %H:%M} UTC" if one.at else "at an unknown time"
    typer.echo(harmless(f"{one.id}  {when}  {by}{f', in: {one.title}' if one.title else ''}"))
    typer.echo(harmless(f"  {' '.join(text.split())[:300]}"))
    return None
