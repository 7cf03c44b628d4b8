"""`staffwork contexts`: what operators are told; works beside a running server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chat.terminal_editor import read_file, typed
from core.errors import BadInput, NotFound
from core.memories import Context

if TYPE_CHECKING:
    from core.settings import Settings
    from graphs.context_keeping import ContextKeeper

contexts = typer.Typer(help="Documents that operators are given when they match.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Which = Annotated[str, typer.Argument(help="A document's name, or the beginning of its id.")]
House = Annotated[bool, typer.Option("--house", help="For everybody here; administrators only.")]


def add_contexts(app: typer.Typer) -> None:
    """Put the commands into the terminal."""
    app.add_typer(contexts, name="contexts")


@contexts.command("list")
def list_contexts(as_json: Json = False) -> None:
    """List the documents: drafts that wait, yours, the house's, what ships."""
    _do(_list, as_json=as_json)


@contexts.command("show")
def show_context(
    document: Which,
    *,
    version: Annotated[int | None, typer.Option(help="As it stood in this version.")] = None,
    diff: Annotated[
        int | None, typer.Option(help="What changed from this version to the newest (or --version).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a document as a file, an earlier version of it, or what changed."""
    _do(_show, document, version, diff, as_json=as_json)


@contexts.command("edit")
def edit_context(
    document: Which,
    *,
    file: Annotated[Path | None, typer.Option(help="Take it from this file instead of an editor.")] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Accept a draft, as it stands then.")] = False,
    restore: Annotated[int | None, typer.Option(help="Let it stand again as in this version.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove it with all its versions.")] = False,
    as_json: Json = False,
) -> None:
    """Change a document in your editor ($VISUAL or $EDITOR); one that ships is replaced by one of yours."""
    if sum((file is not None, restore is not None, remove)) > 1 or (remove and accept):
        raise typer.BadParameter("Choose one of --file, --restore and --remove.")
    _do(_edit, document, (file, accept, restore, remove), as_json=as_json)


@contexts.command("import")
def import_context(
    file: Annotated[Path, typer.Argument(help="Markdown, with a header (title, triggers, operators) or without.")],
    *,
    house: House = False,
    as_json: Json = False,
) -> None:
    """Keep a file as a document; one of the same name is changed to it."""
    _do(_import, file, house, as_json=as_json)


def _do(work: Any, *given: Any, as_json: bool) -> None:
    from chat.terminal import _run, _settings

    settings = _settings("warning")

    async def done() -> int:
        async with _keeping(settings) as (keeper, user_id):
            await work(keeper, user_id, *given, as_json=as_json)
        return 0

    _run(done())


@asynccontextmanager
async def _keeping(settings: Settings) -> AsyncIterator[tuple[ContextKeeper, str]]:
    """Open the documents without the office, beside whoever runs it."""
    from chat.terminal_place import at_hand

    async with at_hand(settings, work=False) as place:
        yield place.desk.contexts, place.user_id


async def _list(keeper: ContextKeeper, user_id: str, *, as_json: bool) -> None:
    for context in sorted(await keeper.of_user(user_id), key=lambda c: (not c.draft, c.shipped, not c.owner, c.name)):
        _tell(context, as_json=as_json)


async def _show(
    keeper: ContextKeeper, user_id: str, given: str, version: int | None, diff: int | None, *, as_json: bool
) -> None:
    from agents.context_files import written
    from chat.terminal import say_json
    from chat.terminal_lines import harmless

    context = await _find(keeper, user_id, given)
    if diff is not None:
        lines = await keeper.diff(context.id, user_id, diff, version or context.version)
        return (
            say_json({"diff": lines})
            if as_json
            else typer.echo(harmless("\n".join(lines)) or "The words are the same.")
        )
    if version is not None:
        found = [v for v in await keeper.versions(context.id, user_id) if v.version == version]
        if not found:
            raise NotFound(f"There is no version {version} of {context.name}.")
        context = found[0]
    if as_json:
        return _tell(context, as_json=True)
    return typer.echo(harmless(written(context).rstrip()))


async def _edit(keeper: ContextKeeper, user_id: str, given: str, how: tuple[Any, ...], *, as_json: bool) -> None:
    file, accept, restore, remove = how
    context = await _find(keeper, user_id, given)
    if remove:
        await keeper.remove(context.id, user_id, context.version)
        return None if as_json else typer.echo(f"Removed: {context.name}")
    if restore is not None:
        context = await keeper.restore(context.id, user_id, context.version, restore)
    elif file is not None or not accept:
        context = await _written(keeper, user_id, context, await typed(context, file))
    if accept and context.draft:
        context = await keeper.accept(context.id, user_id, context.version)
    return _tell(context, as_json=as_json)


async def _written(keeper: ContextKeeper, user_id: str, context: Context, fields: dict[str, Any]) -> Context:
    fields.pop("name", None)
    if context.shipped:
        return await keeper.add(user_id, {"title": context.title, "name": context.name} | fields)
    return await keeper.change(context.id, user_id, context.version, fields)


async def _import(keeper: ContextKeeper, user_id: str, file: Path, house: bool, *, as_json: bool) -> None:
    from graphs.context_wishes import slug

    fields = await read_file(file)
    fields.setdefault("title", _title(fields["text"], file))
    name = slug(fields.get("name") or fields["title"])
    owner = "" if house else user_id
    same = [c for c in await keeper.of_user(user_id) if c.name == name and c.owner == owner and not c.shipped]
    if same:
        made = await _written(keeper, user_id, same[0], fields)
    else:
        made = await keeper.add(user_id, fields, house=house)
    _tell(made, as_json=as_json)


def _title(text: str, file: Path) -> str:
    first = text.splitlines()[0] if text else ""
    return first.lstrip("# ").strip() if first.startswith("#") else file.stem.replace("_", " ").replace("-", " ")


async def _find(keeper: ContextKeeper, user_id: str, given: str) -> Context:
    """Find a document by its name (a person's own first), or by the beginning of its id; raises NotFound or BadInput."""
    found = await keeper.of_user(user_id)
    if named := [c for c in found if c.name == given.casefold()]:
        return named[0]
    fits = [c for c in found if given and c.id.startswith(given)]
    if not fits:
        raise NotFound(f"There is no document {given}. List them with: staffwork contexts list")
    if len(fits) > 1:
        raise BadInput(f"{len(fits)} documents fit {given}. Give more of the id.")
    return fits[0]


def _tell(context: Context, *, as_json: bool) -> None:
    from api.contexts import shown
    from chat.terminal import say_json
    from chat.terminal_lines import harmless

    if as_json:
        return say_json(shown(context))
    whose = "ships" if context.shipped else "yours" if context.owner else "house"
    state = "draft" if context.draft else whose if context.enabled else f"{whose}, off"
    typer.echo(harmless(f"{context.name}  {context.title}  ({state}, version {context.version})"))
    return typer.echo(f"  {context.draft}") if context.draft else None
