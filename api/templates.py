"""The pages the server draws, with their gaps, and the addresses of what they are drawn with."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from string import Template
from zlib import crc32

PAGES = Path(__file__).parent / "pages"
PUBLIC = PAGES.parent.parent / "public"
_HEAD = "<!-- head -->"
"""How a page begins that has the same head as the others; its own title and styles follow."""


def text_of(file: str) -> str:
    """Read a file of ours as it stands."""
    return (PAGES / file).read_text(encoding="utf-8")


@cache
def template(file: str) -> Template:
    """Read a page with its gaps."""
    return Template(text_of(file).replace(_HEAD, text_of("head.html").rstrip(), 1))


@cache
def address_of_asset(file: str) -> str:
    """Name a file of the page so that a browser never keeps an old one."""
    return f"/public/{file}?v={crc32((PUBLIC / file).read_bytes()):08x}"
