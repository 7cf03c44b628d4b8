"""Markdown as HTML that can do nothing: no HTML of its own, no pictures, no scripts, and links that say where they lead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

_INVISIBLE = re.compile(
    r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
"""Control characters, and those that change the direction of text: a file name could look like another one."""


def plain(text: str) -> str:
    """Escape words for HTML, without what cannot be seen."""
    return escape(_INVISIBLE.sub("", text))


def visible(text: str) -> str:
    """Take out of a text what cannot be seen."""
    return _INVISIBLE.sub("", text)


def host_of(address: str) -> str:
    """Name where a link leads: the host, or who gets the mail; "" if it leads nowhere a person should go."""
    try:
        parts = urlsplit(address)
        known = parts.scheme in ("http", "https") and "@" not in parts.netloc  # no host that is only a user's name
        host = (parts.hostname or "") if known else ""
    except ValueError:
        return ""
    return parts.path.partition("?")[0] if parts.scheme == "mailto" else host


def to_html(text: str) -> str:
    """Turn Markdown into HTML; whatever is HTML in it is shown as text."""
    html: str = _markdown().render(visible(text))
    return html


def has_pictures(text: str) -> bool:
    """Say whether a text, read as Markdown, shows a picture from anywhere."""
    return any(part.type == "image" for token in _any_address().parse(text) for part in token.children or ())


class _Renderer(RendererHTML):
    """Writes tokens; a picture becomes its words, a link says its host."""

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        words = self.renderInlineAsText(tokens[idx].children or [], options, env)
        host = host_of(str(tokens[idx].attrs.get("src", "")))
        return f'<span class="picture">[Picture not shown: {plain(words) or "without a name"}{_from(host)}]</span>'

    def link_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        address = str(tokens[idx].attrs.get("href", ""))
        return f'<a href="{escape(address)}" rel="noopener noreferrer nofollow" target="_blank">'

    def link_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        opened = next(t for t in reversed(tokens[:idx]) if t.type == "link_open")
        host = host_of(str(opened.attrs.get("href", "")))
        return f'</a> <span class="host">({plain(host)})</span>'

    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return f"<pre><code>{escape(tokens[idx].content)}</code></pre>\n"

    def _cell(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        side = re.search(r"right|center", str(tokens[idx].attrs.get("style", "")))
        return f'<{tokens[idx].tag} class="{side.group()}">' if side else f"<{tokens[idx].tag}>"

    td_open = th_open = _cell

    def ordered_list_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        start = tokens[idx].attrs.get("start")
        return f'<ol start="{int(start)}">\n' if start else "<ol>\n"

    def table_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return '<div class="table" tabindex="0" role="region" aria-label="Table"><table>\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return "</table></div>\n"


class _Reader(MarkdownIt):
    """Reads Markdown; an address that leads nowhere stays text."""

    def validateLink(self, url: str) -> bool:
        return bool(host_of(url))


class _Trusting(MarkdownIt):
    """Reads Markdown as one does who opens every address."""

    def validateLink(self, url: str) -> bool:
        return True


@lru_cache(maxsize=1)
def _any_address() -> MarkdownIt:
    return _Trusting("commonmark", {"maxNesting": 100}).enable(["table", "strikethrough"])


def _from(host: str) -> str:
    return f", from {plain(host)}" if host else ""


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    reader = _Reader("commonmark", {"html": False, "linkify": False}, renderer_cls=_Renderer)
    return reader.enable(["table", "strikethrough"])
