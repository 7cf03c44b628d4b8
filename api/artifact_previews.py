"""What an artifact looks like, as HTML that can do nothing: whatever could is shown in a frame of its own (artifact_frames.py)."""

from __future__ import annotations

import re
from html import escape

from api.safe_markdown import plain, to_html, visible
from core.errors import BadInput
from graphs.artifact_keeping import ArtifactKeeping
from memory.artifact_rows import ArtifactVersion
from tools.chart_terms import ENDING
from tools.looking import Difference, SeenTable

MOST_ROWS, MOST_CHARACTERS = 200, 200_000
RASTER = (".png", ".jpg", ".jpeg", ".gif", ".webp")
FRAMED = (".html", ".htm", ".svg")
TABLES = (".csv", ".tsv", ".xlsx", ".parquet")
_SANDBOX = 'sandbox="" referrerpolicy="no-referrer" loading="lazy"'


async def preview(keeper: ArtifactKeeping, version: ArtifactVersion) -> str:
    """Draw one version; what cannot be shown is said in words."""
    name = version.name.lower()
    if not version.size:
        return _note("This file is empty.")
    try:
        return await _drawn(keeper, version, name)
    except BadInput as problem:
        return _note(str(problem))


async def _drawn(keeper: ArtifactKeeping, version: ArtifactVersion, name: str) -> str:
    if framed := _framed(version, name):
        text = _text(await keeper.text(version)) if name.endswith(".pdf") else ""
        return framed + (f"<details><summary>Its text</summary>{text}</details>" if text else "")
    if name.endswith(TABLES):
        return "".join(_table(t) for t in await keeper.tables(version, MOST_ROWS)) or _note("There is no table in it.")
    text = await keeper.text(version)
    if name.endswith(".md"):
        return f'<div class="answer">{to_html(text[:MOST_CHARACTERS])}</div>{_cut(text)}'
    words = "This is the text of the document; download it to see its layout."
    return (_note(words) if name.endswith((".docx", ".pptx")) else "") + _text(text)


def _framed(version: ArtifactVersion, name: str) -> str:
    """Draw what comes from a route of its own ("" for all else)."""
    here, label = f"/artifacts/{escape(version.id)}", plain(version.name)
    if name.endswith(ENDING):
        waiting = _note("The chart is being drawn. It needs JavaScript.")
        return f'<div id="figure" data-figure="{here}/figure" role="group" aria-label="{label}">{waiting}</div>'
    if name.endswith(RASTER):
        return f'<img class="picture" src="{here}/picture" alt="{label}">'
    if name.endswith(FRAMED):
        return f'<iframe class="framed" src="{here}/frame" title="{label}" {_SANDBOX}></iframe>'
    if name.endswith(".pdf"):
        return f'<iframe class="framed tall" src="{here}/pdf#navpanes=0" title="{label}" referrerpolicy="no-referrer"></iframe>'
    return ""


def differences(found: Difference) -> str:
    """Draw a comparison of two versions."""
    if not found.lines:
        return _note("Their text is the same.")
    rows = "".join(_changed(sign, text) for sign, text in found.lines)
    more = _note("There are more differences than are shown here.") if found.more else ""
    return f'<div class="diff" tabindex="0" role="region" aria-label="Differences">{rows}</div>{more}'


def _changed(sign: str, text: str) -> str:
    if sign == "@":
        return f'<div class="place">{_line(text)}</div>'
    name, words = {"+": ("added", "Added: "), "-": ("removed", "Removed: ")}.get(sign, ("same", ""))
    seen = f'<span class="unseen">{words}</span><span class="sign" aria-hidden="true">{escape(sign)}</span>'
    return f'<div class="{name}">{seen}{plain(text)}</div>'


def _line(place: str) -> str:
    """Say at which line of the newer version a stretch begins: difflib writes "@ -1,4 +1,4 @@"."""
    found = re.search(r"\+(\d+)", place)
    return f"Line {found[1]}" if found else ""


def _table(table: SeenTable) -> str:
    head = "".join(f'<th scope="col">{plain(name)}</th>' for name in table.columns)
    body = "".join(f"<tr>{''.join(f'<td>{plain(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    title = f"<h3>{plain(table.title)}</h3>" if table.title else ""
    shown, wide = len(table.rows), len(table.columns)
    words = f"{table.total:,} rows." if shown == table.total else f"The first {shown:,} of {table.total:,} rows."
    words += "" if wide == table.width else f" The first {wide} of {table.width} columns."
    label = plain(table.title) or "Table"
    grid = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'{title}<div class="table" tabindex="0" role="region" aria-label="{label}">{grid}</div><p class="soft">{words}</p>'


def _text(text: str) -> str:
    shown = escape(visible(text[:MOST_CHARACTERS]))
    return f'<pre class="text" tabindex="0" role="region" aria-label="Text">{shown}</pre>{_cut(text)}'


def _cut(text: str) -> str:
    return "" if len(text) <= MOST_CHARACTERS else _note("Only the beginning is shown; download it to read on.")


def _note(words: str) -> str:
    return f'<p class="soft note">{plain(words)}</p>'
