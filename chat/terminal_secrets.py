"""The terminal's commands for the key that kept secrets are encrypted with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from core.settings import Settings
from memory.audit import Audit, came_from
from memory.database import open_database
from memory.rotation import Keys, Rotation
from memory.sealing import Sealer, new_key

secrets = typer.Typer(help="The key that kept secrets are encrypted with.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def add_secrets(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(secrets, name="secrets")


@secrets.command()
def status(as_json: Json = False) -> None:
    """Say which key seals, and whether every kept secret opens."""
    from chat.terminal import _run, _settings

    _run(_at_rotation(_settings("warning"), lambda rotation, _: _status(rotation, as_json=as_json)))


@secrets.command()
def rotate(as_json: Json = False) -> None:
    """Seal every kept secret with a new key; broken off, it goes on when called again."""
    from chat.terminal import _run, _settings

    _run(_at_rotation(_settings("warning"), lambda rotation, audit: _rotate(rotation, audit, as_json=as_json)))


@secrets.command()
def new() -> None:
    """Print a new key for STAFFWORK_SECRETS_KEY; nothing is changed."""
    typer.echo(new_key())


async def _at_rotation(settings: Settings, work: Callable[[Rotation, Audit], Awaitable[int]]) -> int:
    await asyncio.to_thread(settings.data_dir.mkdir, parents=True, exist_ok=True, mode=0o700)
    sealer = await asyncio.to_thread(Sealer.of, settings.data_dir, settings.secrets_key.get_secret_value())
    database = await open_database(settings)
    try:
        return await work(Rotation(database, sealer), Audit(database))
    finally:
        await database.close()


async def _status(rotation: Rotation, *, as_json: bool) -> int:
    keys = await rotation.status()
    _say(keys, as_json=as_json)
    return 1 if keys.unreadable else 0


async def _rotate(rotation: Rotation, audit: Audit, *, as_json: bool) -> int:
    came_from.set("terminal")
    done = await rotation.rotate()
    await audit.note("secrets_rotated", subject=done.keys.current, secrets=done.secrets)
    if not as_json:
        finished = "The rotation that had been broken off is finished. " if done.resumed else ""
        count = "1 secret was" if done.secrets == 1 else f"{done.secrets} secrets were"
        typer.echo(f"{finished}{count} sealed anew.")
        typer.echo("Backups made before hold secrets sealed with the old key: keep it with them, or enter them again.")
    _say(done.keys, as_json=as_json)
    return 1 if done.keys.unreadable else 0


def _say(keys: Keys, *, as_json: bool) -> None:
    from chat.terminal import say_json

    if as_json:
        return say_json(keys.model_dump() | {"unfinished": keys.unfinished})
    sealed = sum(keys.sealed.values())
    typer.echo(f"key: {keys.current} ({keys.source})")
    typer.echo(f"sealed: {sealed}, of which with this key: {keys.sealed.get(keys.current, 0)}")
    if keys.others and any(keys.sealed.get(other) for other in keys.others):
        typer.echo(f"older keys still in use: {', '.join(keys.others)}. Finish with: staffwork secrets rotate")
    elif keys.others:
        typer.echo(f"older keys, not needed any more: {', '.join(keys.others)}")
    for where in keys.unreadable:
        typer.echo(f"does not open: {where}. Enter it again, or put its key back.")
    return None
