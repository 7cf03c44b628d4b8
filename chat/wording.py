"""The words and marks of the chat: amounts, names, sources, and text made safe for Chainlit's Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote, urlencode, urlsplit

from api.safe_markdown import has_pictures
from core.budget import Usage
from core.events import money
from core.missions import Artifact, Source

SHOWN_SOURCES = 12
SHOWN_OUTPUT = 4000
_NAME = 110
_QUOTE = 220
_OF_ADDRESSES = "/%:@!$,;=~+&*?"
_SOUGHT = 300  # characters of a quote in the address of its place

# A fenced block, or a code span within one paragraph: there Markdown changes nothing, so neither do we.
_CODE = re.compile(
    r"(?:^ {0,3}(?P<fence>`{3,}|~{3,})[^\n]*(?:\n.*?(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z)|\Z))"
    r"|(?P<span>(?<![`\\])(?P<ticks>`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)(?P=ticks)(?!`))",
    re.MULTILINE | re.DOTALL,
)
_DIRECTIVE = re.compile(r"(?<!\\):(?=:*[^\W\d_])")
_IMAGE = re.compile(r"(?<!\\)((?:\\\\)*)!(?=\[)")  # an even number of backslashes keeps nothing
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$&\"'])")


def displayed(text: str) -> str:
    """Prepare Markdown for the chat: no text is lost after a colon, and no picture is fetched from elsewhere.

    Chainlit's renderer takes `key:value` for a directive and drops `:value`; a backslash keeps it. Pictures become links:
    a picture is fetched without anyone asking for it, and its address can carry away what the text says.
    """
    parts, at = [], 0
    for code in _CODE.finditer(text):
        parts += [_safe(text[at : code.start()]), code.group()]
        at = code.end()
    shown = "".join([*parts, _safe(text[at:])])
    # What is code to us may be none to who draws it, so a picture that is left is taken for one even in code.
    return _IMAGE.sub(r"\1\\!", shown) if _IMAGE.search(shown) and has_pictures(shown) else shown


def _safe(text: str) -> str:
    return _IMAGE.sub(r"\1\\!", _DIRECTIVE.sub(r"\\:", text))


def literal(text: str) -> str:
    """Write text so that Markdown shows it letter by letter, on one line."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))


def fenced(text: str, language: str = "text") -> str:
    """Put text of unknown origin in a code block it cannot break out of, cut to a length that people read."""
    cut = "" if len(text) <= SHOWN_OUTPUT else f"\n… {len(text) - SHOWN_OUTPUT:,} more characters"
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(longest + 1, 3)
    return f"{fence}{language}\n{text[:SHOWN_OUTPUT]}{cut}\n{fence}"


def named(text: str) -> str:
    """Shorten a title to one line."""
    line = " ".join(text.split())
    return line if len(line) <= _NAME else line[: _NAME - 1].rstrip() + "…"


def counted(number: int, thing: str, things: str = "") -> str:
    """Write "1 tool call", "3 tool calls"."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def lasted(seconds: float) -> str:
    """Write a duration as people say it."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def between(start: datetime | None, end: datetime | None) -> float:
    """Count the seconds from start to end (0 if either is unknown)."""
    return 0.0 if start is None or end is None else (end - start).total_seconds()


def price(usage: Usage) -> str:
    """Write what model calls cost; an unknown price is said to be unknown."""
    if usage.priced:
        return money(usage.cost)
    return (
        "unpriced" if usage.cost == 0 else f"{money(usage.cost)} and {counted(usage.unpriced_calls, 'unpriced call')}"
    )


def spent(usage: Usage) -> list[str]:
    """Say tokens and cost of some model calls; a price that is unknown or nothing is said once, below the answer."""
    tokens = [counted(usage.tokens, "token")] if usage.model_calls else []
    return [*tokens, price(usage)] if usage.cost else tokens


def price_line(usage: Usage, seconds: float) -> str:
    """Write the last line of an answer: what it took."""
    calls = counted(usage.model_calls, "model call")
    return " · ".join([calls, counted(usage.tokens, "token"), price(usage), lasted(seconds)])


def sources_list(sources: Sequence[Source]) -> str:
    """List what an answer rests on, each place once: file, page or line, and the words that stand there."""
    places = {(s.file, s.page, s.line, s.quote): s for s in sorted(sources, key=lambda s: not s.problem)}
    lines = [f"{n}. {_cited(s)}" for n, s in enumerate(list(places.values())[:SHOWN_SOURCES], 1)]
    if (more := len(places) - SHOWN_SOURCES) > 0:
        lines.append(f"\n… and {counted(more, 'more place')}")
    return "**Sources**\n\n" + "\n".join(lines) if lines else ""


def _cited(source: Source) -> str:
    name = literal(source.file)
    if source.origin == "file" and re.fullmatch(r"[\w-]+", source.origin_id):
        name = f"[{name}]({view_address(source)})"
    elif source.origin == "web":
        name = _web_link(source)
    place = f", page {source.page}" if source.page else f", line {source.line}" if source.line else ""
    words = " ".join(source.quote.split())
    words = words if len(words) <= _QUOTE else words[: _QUOTE - 1].rstrip() + "…"
    flag = f" — ⚠ **{literal(source.problem)}**" if source.problem else ""
    return (f"{name}{place} — “{literal(words)}”" if words else f"{name}{place}") + flag


def view_address(source: Source) -> str:
    """Name the page that shows a place in a file, with the quote marked."""
    sought = {"page": source.page, "line": source.line, "quote": " ".join(source.quote.split())[:_SOUGHT]}
    query = urlencode({name: value for name, value in sought.items() if value}, quote_via=quote)
    return f"/files/{source.origin_id}/view{f'?{query}' if query else ''}#here"


def _web_link(source: Source) -> str:
    """Link a page of the web by its address, beginning with the host it really is on; what is no such address stays text."""
    try:
        address = urlsplit(source.origin_id or source.file)
        host = (address.hostname or "").encode("idna").decode() + (f":{address.port}" if address.port else "")
    except ValueError:  # UnicodeError is one
        return literal(source.file)
    if address.scheme not in ("http", "https") or not host or address.username is not None:
        return literal(source.file)
    rest = quote(address.path, safe=_OF_ADDRESSES) + (
        f"?{quote(address.query, safe=_OF_ADDRESSES)}" * bool(address.query)
    )
    return f"[{literal(named(host + rest))}]({address.scheme}://{host}{rest})"


def file_size(size: int) -> str:
    """Write bytes as people read them."""
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:,.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:,.1f} MB"


def made(artifacts: Sequence[Artifact]) -> str:
    """Say which files were made, the newest version of each: its page, its size, the download and the versions."""
    newest = {a.name: a for a in artifacts}.values()
    links = [
        f"- [{literal(a.name)}](/artifacts/{a.id}) ({file_size(a.size)}) · [download](/files/artifact/{a.id}) · "
        f"[versions](/artifacts/{a.id}#versions-title)"
        for a in newest
    ]
    return "**Files**\n\n" + "\n".join(links) if links else ""
