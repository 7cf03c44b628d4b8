"""`staffwork tools`: what operators can do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadInput

if TYPE_CHECKING:
    from agents.roster import Roster
    from core.settings import Settings
    from tools.catalogue import Catalogue

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def add_tools(app: typer.Typer) -> None:
    """Put the command into the terminal."""
    app.command()(tools)


def tools(
    need: Annotated[str, typer.Argument(help="What you need to do; the closest tools come first.")] = "",
    as_json: Json = False,
) -> None:
    """List the tools: what each does and risks, how it is taken back, who holds it."""
    from chat.terminal import _run, _settings

    _run(_tools(_settings("warning"), need, as_json=as_json))


def _beside(settings: Settings) -> tuple[Catalogue, Roster]:
    from agents.roster import FOLDER, Roster
    from graphs.toolkit import TOOLS
    from memory.embeddings import open_embedder
    from tools.catalogue import Catalogue

    try:
        text = (settings.data_dir / TOOLS).read_text(encoding="utf-8")
        catalogue = Catalogue.read(text, open_embedder(settings))
    except (OSError, ValueError, KeyError, TypeError):
        words = "The running Staffwork has not said which tools it has. Look at GET /api/tools, or stop it first."
        raise BadInput(words) from None
    return catalogue, Roster.load([FOLDER, settings.data_dir / "profiles"])


async def _tools(settings: Settings, need: str, *, as_json: bool) -> int:
    from api.tools_list import tools_shown
    from chat.terminal import say_json
    from graphs.office import Office
    from memory.presence import attended

    if await attended(settings):  # another process has the index; it wrote down which tools it has
        catalogue, roster = await asyncio.to_thread(_beside, settings)
        found = await tools_shown(catalogue, roster, need)
    else:
        async with Office.open(settings, at_work=False) as office:
            found = await tools_shown(office.toolkit.catalogue, office.roster, need)
    for tool in found:
        if as_json:
            say_json(tool)
            continue
        holders = ", ".join(tool["operators"]) or "nobody; can be asked for"
        typer.echo(f"{tool['name']}  ({', '.join(tool['risks'])})\n  {tool['purpose']}\n  Held by: {holders}")
        if tool["undo"]:
            typer.echo(f"  To take it back: {tool['undo']}")
    return 0
