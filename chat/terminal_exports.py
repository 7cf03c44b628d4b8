"""Conversations as files at the terminal, and what people thought of answers: works beside a running server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

import typer

from core.errors import BadInput, NotFound
from core.missions import now

if TYPE_CHECKING:
    from graphs.reception import Reception
    from memory.opinions import Tally

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Format = Literal["md", "html", "json", "zip"]


def add_exports(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.command("export")(export)
    app.command("import")(import_file)
    app.command("feedback")(feedback)


def export(
    conversation: Annotated[str, typer.Argument(help="Its id, or the beginning of it; otherwise the newest.")] = "",
    *,
    form: Annotated[Format, typer.Option("--format", help="To read (md, html), or all of it (json, zip).")] = "md",
    out: Annotated[Path | None, typer.Option(help="The file to write; otherwise one named by its title.")] = None,
    steps: Annotated[bool, typer.Option("--steps", help="In md and html: say how it was done, too.")] = False,
) -> None:
    """Write a conversation of yours into a file."""
    _do(lambda desk, user_id: _export(desk, user_id, conversation, (form, out), steps=steps))


def import_file(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, readable=True, help="The .json or .zip file that export made."),
    ],
    as_json: Json = False,
) -> None:
    """Make a conversation of yours out of an exported one; nothing in it goes on by itself."""
    _do(lambda desk, user_id: _import(desk, user_id, file, as_json=as_json))


def feedback(as_json: Json = False) -> None:
    """Count what people thought of answers and steps, by operator, model and version."""
    _do(lambda desk, _: _feedback(desk, as_json=as_json))


def _do(work: Callable[[Reception, str], Awaitable[None]]) -> None:
    from chat.terminal import _run, _settings
    from graphs.reception import Reception

    settings = _settings("warning")

    async def done() -> int:
        async with Reception.beside(settings) as desk:
            await work(desk, (await desk.people.ensure_local_owner()).id)
        return 0

    _run(done())


async def _export(desk: Reception, user_id: str, given: str, how: tuple[Format, Path | None], *, steps: bool) -> None:
    from api.exported import file_name
    from graphs.exporting import Exporting

    form, out = how
    conversation_id = await _find(desk, user_id, given)
    title = await Exporting(desk).note(conversation_id, user_id, form)
    place = out or Path(file_name(title, form))
    try:
        with place.open("wb" if out else "xb") as file:  # a name nobody chose replaces nothing
            await _write(desk, (conversation_id, user_id, title), form, file, steps=steps)
    except FileExistsError:
        raise BadInput(f"{place} is there already, and stays as it is. Choose another name with --out.") from None
    except OSError as problem:
        raise BadInput(f"{place} cannot be written: {problem.strerror}.") from None
    typer.echo(f"Written: {place}")


async def _write(desk: Reception, what: tuple[str, str, str], form: Format, file: BinaryIO, *, steps: bool) -> None:
    from api.exported import html_of, markdown_of, readable
    from api.zip_stream import pieces_of
    from chat.photograph import photograph
    from graphs.exporting import Exporting

    conversation_id, user_id, title = what
    if form == "json":
        async for piece in Exporting(desk).json(conversation_id, user_id):
            file.write(piece)
    elif form == "zip":
        files = await Exporting(desk).archive(conversation_id, user_id)
        await asyncio.to_thread(file.writelines, pieces_of(files))
    else:
        whole = await photograph(desk, conversation_id, user_id)
        shown = readable(desk.masked, whole, steps=steps)
        file.write((markdown_of if form == "md" else html_of)(title, shown, now()).encode())


async def _find(desk: Reception, user_id: str, given: str) -> str:
    """Find a conversation by the beginning of its id, or the newest; raises NotFound or BadInput."""
    from memory.exports import conversations_of

    if not given:
        if not (newest := await desk.conversations.list(user_id, limit=1)):
            raise NotFound("You have no conversation yet. Begin one with: staffwork ask")
        return newest[0].id
    fits = [i for i in await conversations_of(desk.database, user_id) if i.startswith(given)]
    if not fits:
        raise NotFound(f"There is no conversation {given} of yours. Its id stands in the address of the chat.")
    if len(fits) > 1 and given not in fits:
        raise BadInput(f"{len(fits)} conversations begin with {given}. Give more of the id.")
    return given if given in fits else fits[0]


async def _import(desk: Reception, user_id: str, file: Path, *, as_json: bool) -> None:
    from chat.terminal import say_json
    from graphs.importing import Importing

    made = await Importing(desk).take(file, user_id)
    if as_json:
        return say_json({"conversation_id": made})
    typer.echo(
        f"Imported as conversation {made}. Open it in the browser, or go on: staffwork ask --conversation {made}"
    )
    return None


async def _feedback(desk: Reception, *, as_json: bool) -> None:
    from chat.terminal import say_json
    from memory.opinions import Opinions

    found = await Opinions(desk.database).tally()
    for tally in found:
        if as_json:
            say_json(tally.model_dump())
        else:
            typer.echo(_line(tally))
    if not found and not as_json:
        typer.echo("Nobody has said yet what they think of an answer.")


def _line(tally: Tally) -> str:
    who = tally.operator or "Chief of Staff"
    versions = f"profile {tally.profile_version or '-'}, prompt {tally.prompt_version or '-'}"
    counts = f"{tally.helpful} helpful, {tally.not_helpful} not"
    return f"{who}  {tally.what}s  {tally.model.rstrip(':') or 'model unknown'}  {counts}  ({versions})"
