"""The doctor: looks at the set-up as it is, and names what is broken and how to mend it."""

from __future__ import annotations

import platform
import sys

import typer

from agents.llm.trying import unanswered
from chat.terminal import say_json
from core.errors import StaffworkError
from core.settings import Settings
from graphs.office import Office

MEND = {
    "python": "Use Python 3.11 or 3.12, then run `make setup`.",
    "data folder": "Set STAFFWORK_DATA_DIR to a folder you may write to, or stop the other Staffwork that uses this one.",
    "database": "Restore the newest file from the `backups` folder beside the database.",
    "index": "Stop Staffwork, delete the `index` folder in the data folder, and start again: it is built anew.",
    "disk": "Free some space, or move the data folder with STAFFWORK_DATA_DIR.",
    "workers": "Start `staffwork work` on this machine or another, or set STAFFWORK_WORK_HERE=true.",
    "model": "Check the model and its key on the page /models, or STAFFWORK_MODEL and its key in `.env`.",
    "sandbox": "Everything else works without it; STAFFWORK_SANDBOX=off says that this is wanted.",
}
OPTIONAL = {"sandbox"}
"""What is said, but is nothing broken."""


async def examine(settings: Settings, *, as_json: bool) -> int:
    """Check every part for real; returns 0 if all is well, else 1."""
    about, model = await _office(settings)
    found = {"python": _python()} | about
    broken = {name for name, problem in found.items() if problem} - OPTIONAL
    if as_json:
        checks = [_check(name, problem) for name, problem in found.items()]
        say_json({"ok": not broken, "model": model, "checks": checks})
        return 1 if broken else 0
    for name, problem in found.items():
        typer.echo(f"{name}: {problem or 'fine'}" + (f"\n  {MEND[name]}" if problem else ""))
    if model.startswith("rehearsal"):
        typer.echo("No language model is connected: answers are rehearsals. The page /models connects one.")
    return 1 if broken else 0


def _check(name: str, problem: str) -> dict[str, object]:
    return {"name": name, "ok": not problem, "problem": problem, "fix": MEND[name] if problem else ""}


def _python() -> str:
    return "" if (3, 11) <= sys.version_info[:2] <= (3, 12) else f"This is Python {platform.python_version()}."


async def _office(settings: Settings) -> tuple[dict[str, str], str]:
    """Return what is broken of each part, and the model for most work, which may have been chosen in the browser."""
    try:
        async with Office.open(settings, at_work=False) as office:
            model = office.connections.now.latest.model
            health = await office.health()
            if not health["model"] and not model.startswith("rehearsal"):
                health["model"] = await unanswered(office.gateway)  # one small call: only that shows whether it works
            return {"data folder": ""} | health, model
    except (StaffworkError, OSError) as problem:
        return {"data folder": str(problem)}, settings.model
