"""What the tools that make files tell their worker, and what they say of its work."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, BinaryIO
from urllib.parse import unquote

from core.errors import BadInput
from tools.folder import NamedFile
from tools.table_names import of_file
from tools.tables import form_of

_PUT_IN = re.compile(r"!\[[^\]]*\]\(\s*(?:<([^>\n]+)>|([^\s)]+))[^)\n]*\)")
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF")


def described(opened: BinaryIO, file: NamedFile, cited_as: str, taken: set[str], *, loosely: bool) -> dict[str, Any]:
    """Describe an open file to the worker; `format` is "" for a picture. Raises BadInput for what is neither."""
    picture = loosely and os.pread(opened.fileno(), 4, 0).startswith(_PICTURES)
    about = {"name": file.name, "cited": cited_as}
    return about | {"format": "" if picture else form_of(file, opened), "table": of_file(file.name, taken)}


def cited(text: str) -> list[str]:
    """List the files that a Markdown text puts in."""
    return list(dict.fromkeys(unquote(angled or bare) for angled, bare in _PUT_IN.findall(text)))


def with_ending(name: str, ending: str) -> str:
    if name.lower().endswith(ending):
        return name
    if re.search(r"\.(docx|xlsx|pptx|pdf|csv|png|md|txt|html)$", name, re.IGNORECASE):
        raise BadInput(
            f"This tool makes {ending} files, and {name} is called like another kind. Choose another name or tool."
        )
    return name + ending


def notes_of(said: Mapping[str, Any]) -> list[str]:
    """Say what came of it, in lines."""
    lines = list(said.get("notes", ()))
    if sheets := said.get("sheets"):
        lines.append("Sheets: " + "; ".join(f"{title} ({count:,} rows)" for title, count in sheets) + ".")
    if "points" in said:
        lines.append(f"{said['points']:,} points each of {', '.join(said['series'])}.")
    if "pages" in said:
        lines.append(f"{said['pages']} {'page' if said['pages'] == 1 else 'pages'}.")
    if "slides" in said:
        lines.append(f"{said['slides']} {'slide' if said['slides'] == 1 else 'slides'}.")
    return lines
