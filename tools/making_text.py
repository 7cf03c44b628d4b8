"""Markdown as plain blocks, from which documents, slides and PDFs are made. Whatever is HTML in it stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tools.making_source import Cell, clean, typed

MOST_BLOCKS = 20_000
Kind = Literal["heading", "paragraph", "item", "quote", "code", "table", "picture", "break"]
_LINK = re.compile(r"(?:https?://|mailto:)[^\s<>\"]{1,2000}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Run:
    """Words in one style; `link` is where they lead ("" nowhere)."""

    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False
    link: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """One block: `level` of a heading (1-6) or item (0 and deeper), `mark` of an item ("" a bullet), `source` of a picture."""

    kind: Kind
    runs: tuple[Run, ...] = ()
    level: int = 0
    mark: str = ""
    source: str = ""
    rows: list[list[Cell]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)


def blocks(text: str) -> list[Block]:
    """Read Markdown; what it cannot say stays as it was written."""
    reader = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    reader.validateLink = lambda url: True  # type: ignore[method-assign]  # sources are names of files; links are checked below
    found: list[Block] = []
    for block in _Reader().read(reader.parse(clean(text))):
        found.append(block)
        if len(found) >= MOST_BLOCKS:
            break
    return found


@dataclass
class _Reader:
    """Walks over tokens; `lists` are the next numbers of the lists around this place (0: bullets)."""

    lists: list[int] = field(default_factory=list)
    quoted: int = 0
    fresh: bool = True  # the next words are the first of their item
    heading: int = 0

    def read(self, tokens: list[Token]) -> Iterator[Block]:
        rest = iter(enumerate(tokens))
        for number, token in rest:
            if token.type == "table_open":
                end = next(i for i in range(number, len(tokens)) if tokens[i].type == "table_close")
                yield Block("table", rows=_rows(tokens[number:end]))
                while next(rest)[0] < end:
                    pass
            elif token.type == "inline":
                yield from self._words(token)
            elif token.type in ("fence", "code_block"):
                yield Block("code", (Run(token.content.rstrip("\n"), code=True),))
            elif token.type == "hr":
                yield Block("break")
            else:
                self._move(token)

    def _move(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open":
                self.lists.append(0)
            case "ordered_list_open":
                self.lists.append(int(token.attrs.get("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                self.lists.pop()
            case "list_item_open":
                self.fresh = True
            case "list_item_close":
                self.lists[-1] += bool(self.lists[-1])
            case "blockquote_open" | "blockquote_close":
                self.quoted += token.nesting
            case "heading_open" | "heading_close":
                self.heading = int(token.tag[1]) if token.nesting == 1 else 0

    def _words(self, token: Token) -> Iterator[Block]:
        if self.heading:
            yield from _inline(token, "heading", self.heading)
        elif self.lists:
            mark = f"{self.lists[-1]}." if self.lists[-1] else ""
            yield from _inline(token, "item", len(self.lists) - 1, mark if self.fresh else "\u00a0")
            self.fresh = False
        else:
            yield from _inline(token, "quote" if self.quoted else "paragraph")


def _rows(tokens: list[Token]) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    header = True
    for token in tokens:
        match token.type:
            case "tr_open":
                rows.append([])
            case "thead_close":
                header = False
            case "inline":
                words = "".join(run.text for run in _runs(token))
                rows[-1].append(words if header else typed(words))
    return rows


def _inline(token: Token, kind: Kind, level: int = 0, mark: str = "") -> Iterator[Block]:
    """Cut an inline token at its pictures, which are blocks of their own."""
    runs = list(_runs(token))
    if any(run.text.strip() for run in runs):
        yield Block(kind, tuple(runs), level, mark)
    for child in token.children or []:
        if child.type == "image":
            words = "".join(c.content for c in child.children or [])
            yield Block("picture", (Run(words),), source=unquote(str(child.attrs.get("src", ""))))


def _runs(token: Token) -> Iterator[Run]:
    style = {"bold": 0, "italic": 0}
    link = ""
    for child in token.children or []:
        match child.type:
            case "strong_open" | "strong_close":
                style["bold"] += 1 if child.type.endswith("open") else -1
            case "em_open" | "em_close":
                style["italic"] += 1 if child.type.endswith("open") else -1
            case "link_open":
                link = str(child.attrs.get("href", ""))
                link = link if _LINK.fullmatch(link) else ""
            case "link_close":
                link = ""
            case "text" | "code_inline":
                yield Run(child.content, style["bold"] > 0, style["italic"] > 0, child.type == "code_inline", link)
            case "softbreak":
                yield Run(" ")
            case "hardbreak":
                yield Run("\n")
