"""The program that takes the readable text out of a web page, in a process of its own (see confined.py).

Measured against the libraries made for it: one hung for minutes on 200,000 nested elements, one lost tables, one brings ten
packages along. So the page is pruned by its own marks (navigation, asides, what is hidden), and markdownify writes the rest.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sys
from typing import Any

from bs4 import BeautifulSoup
from lxml import etree, html
from markdownify import MarkdownConverter

MEMORY, SECONDS = 1 << 30, 20  # bytes of address space, seconds of work
_MOST_MARKUP = 1_500_000  # characters that are written as Markdown; of more than that, the bare text
_MOST_LINKS = 200
_GONE = (
    "script|style|noscript|template|svg|math|iframe|object|embed|canvas|audio|video|map|dialog|nav|aside|input|button|select"
    "|textarea|link|meta"
)
_ROLES = ("navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alertdialog", "menu", "menubar")
_HIDDEN = (
    "//*[@hidden or @aria-hidden='true' or contains(translate(@style, 'DISPLAYNOE ', 'displaynoe'), 'display:none')"
    " or contains(translate(@style, 'VISBLTYHDEN ', 'visbltyhden'), 'visibility:hidden')]"
)
_FRAME = "//*[self::header or self::footer][not(ancestor::article or ancestor::main)]"
# What is quoted from a page must be found in it word for word: no marks within sentences, nothing escaped.
_PLAIN = ["a", "img", "b", "strong", "i", "em", "u", "mark", "small", "span"]
_UNESCAPED: dict[str, Any] = {"escape_misc": False, "escape_underscores": False, "escape_asterisks": False}
_SHARE = 0.4  # of the page's text that its main part must hold to be taken for it


def main() -> None:
    """Answer the one request on standard input: {fd, url}; the open file holds UTF-8."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(3 * SECONDS)
    request = json.load(sys.stdin)
    with os.fdopen(request["fd"], "rb") as file:
        file.seek(0)
        content = file.read()
    try:
        reply: dict[str, Any] = {"result": readable(content, request["url"])}
    except (etree.LxmlError, ValueError, MemoryError, RecursionError):
        reply = {"problem": "This page is too large or too broken to be read."}
    json.dump(reply, sys.stdout)


def readable(content: bytes, url: str) -> dict[str, Any]:
    """Return a page's title, its text as Markdown without links, and its links as [text, address]."""
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    tree = html.document_fromstring(content or b"<p></p>", parser=parser)
    title = " ".join((tree.findtext(".//title") or "").split())[:300]
    body = tree.find("body")
    if body is None:
        return {"title": title, "text": "", "links": []}
    tree.make_links_absolute(url, handle_failures="discard")
    _prune(tree)
    part = _main_part(body)
    return {"title": title, "text": _written(part), "links": _links(part)}


def _prune(tree: Any) -> None:
    roles = " or ".join(f"@role='{role}'" for role in _ROLES)
    paths = [" | ".join(f"//{name}" for name in _GONE.split("|")), f"//*[{roles}]", _HIDDEN, _FRAME]
    for path in paths:
        for element in tree.xpath(path):
            if element.getparent() is not None and element.tag not in ("html", "body", "main"):
                element.drop_tree()


def _main_part(body: Any) -> Any:
    whole = len(body.text_content())
    parts = body.xpath(".//main | .//*[@role='main'] | .//article")
    best = max(parts, key=lambda part: len(part.text_content()), default=body)
    return best if len(best.text_content()) >= max(_SHARE * whole, 200) else body


def _written(part: Any) -> str:
    markup = etree.tostring(part, encoding="unicode", method="html", with_tail=False)
    if len(markup) > _MOST_MARKUP:
        text = "\n".join(piece for piece in map(str.strip, part.itertext()) if piece)
    else:
        sys.setrecursionlimit(4_000)
        writer = MarkdownConverter(heading_style="ATX", strip=_PLAIN, **_UNESCAPED)
        text = str(writer.convert_soup(BeautifulSoup(markup, "lxml")))
    lines = (re.sub(r"[^\S\n]+$", "", line) for line in text.replace("\xa0", " ").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _links(part: Any) -> list[list[str]]:
    found = {
        str(a.get("href")).partition("#")[0]: " ".join(a.text_content().split())[:100]
        for a in part.iter("a")
        if str(a.get("href")).startswith(("http://", "https://"))
    }
    return [[text, link] for link, text in list(found.items())[:_MOST_LINKS] if link]


if __name__ == "__main__":
    main()
