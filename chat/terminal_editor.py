"""A context document in a person's editor, or from a file of theirs."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from core.errors import BadInput
from core.memories import Context


async def read_file(file: Path) -> dict[str, Any]:
    """Read a document from a file; raises BadInput that names it."""
    from agents.context_files import read_context

    try:
        return read_context(await asyncio.to_thread(file.read_text, encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{file}: there is no such file.") from None
    except OSError as problem:
        raise BadInput(f"{file}: it cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise BadInput(f"{file}: this is no text (UTF-8). Save it as text and try again.") from None
    except BadInput as problem:
        raise BadInput(f"{file}: {problem}") from None


async def typed(context: Context, file: Path | None) -> dict[str, Any]:
    """Take what a person wants from a file, or from their editor."""
    if file is not None:
        return await read_file(file)
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise BadInput("No editor is set: set EDITOR, or give the new text with --file.")
    return await asyncio.to_thread(_in_editor, context, shlex.split(editor))


def _in_editor(context: Context, command: list[str]) -> dict[str, Any]:
    from agents.context_files import read_context, written

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{context.name}.md"
        path.write_text(written(context), encoding="utf-8")
        try:
            subprocess.run([*command, str(path)], check=True)  # noqa: S603 (the editor that the person chose)
        except (OSError, subprocess.CalledProcessError) as problem:
            raise BadInput(f"The editor did not work, so nothing was changed: {problem}.") from None
        return read_context(path.read_text(encoding="utf-8"))
