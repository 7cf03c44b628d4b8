"""The terminal's command that makes the words of search anew."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from core.settings import Settings
from memory.database import open_database
from memory.finding import Finder

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def add_search(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(reindex)


def reindex(as_json: Json = False) -> None:
    """Make the words that conversations are found by anew, from messages and events."""
    from chat.terminal import _run, _settings

    _run(_reindex(_settings("warning"), as_json=as_json))


async def _reindex(settings: Settings, *, as_json: bool) -> int:
    from chat.terminal import say_json

    await asyncio.to_thread(settings.data_dir.mkdir, parents=True, exist_ok=True, mode=0o700)
    database = await open_database(settings)
    try:
        count = await Finder(database).rebuild()
    finally:
        await database.close()
    if as_json:
        say_json({"entries": count})
    else:
        typer.echo(f"{count} messages, steps and tool calls can be found.")
    return 0
