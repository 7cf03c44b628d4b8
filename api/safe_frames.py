"""HTML and SVG of strangers, written again without what could call outside before any policy of ours is asked."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

# What runs, frames, submits, or makes a browser connect somewhere (preconnect and dns-prefetch are not held by any policy).
_DROPPED = """
script noscript template iframe frame frameset object embed applet portal fencedframe link meta base form input button select
textarea audio video source track animate set animatemotion animatetransform foreignobject image feimage
"""
DROPPED = frozenset(_DROPPED.split())
VOID = frozenset(["area", "br", "col", "hr", "img", "wbr"])
WITH_CONTENT = frozenset({"script", "noscript", "template", "iframe", "object", "applet", "audio", "video", "noembed", "noframes",
                          "xmp", "plaintext", "textarea", "select", "foreignobject"})  # fmt: skip
_ADDRESSES = frozenset({"src", "href", "xlink:href"})


def harmless(text: str) -> str:
    """Write HTML or SVG again, from what a strict reader sees in it: no scripts, frames, forms, links or addresses outside."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return '<!doctype html><meta charset="utf-8">' + "".join(reader.written)


class _Reader(HTMLParser):
    """Writes what it reads; whatever it drops, it drops with its content where that would be no text for people."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.written: list[str] = []
        self._dropping: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._dropping or tag in DROPPED:
            if tag in WITH_CONTENT:
                self._dropping.append(tag)
            return
        if not tag.replace("-", "").isalnum():
            return
        kept = "".join(f' {name}="{escape(value or "")}"' for name, value in attrs if _keeps(name, value or ""))
        self.written.append(f"<{tag}{kept}>")
        self._style = tag == "style"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in DROPPED:
            return
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._dropping:
            if tag == self._dropping[-1]:
                self._dropping.pop()
            return
        if tag not in DROPPED and tag not in VOID and tag.replace("-", "").isalnum():
            self.written.append(f"</{tag}>")
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._dropping:
            self.written.append(data.replace("</", "<\\/") if self._style else escape(data, quote=False))


def _keeps(name: str, value: str) -> bool:
    if not name.replace("-", "").replace(":", "").isalnum() or name.startswith("on"):
        return False
    if name in _ADDRESSES:
        return value.startswith("#") or value.lower().startswith("data:image/")
    return name not in (
        "srcset",
        "srcdoc",
        "action",
        "formaction",
        "ping",
        "target",
        "background",
        "poster",
        "data",
        "http-equiv",
    )
