"""A place in a file: the text of a page, or around a line, with the quote marked; drawn on the server, without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from api.safe_markdown import plain
from api.shared_page import file_size
from api.templates import address_of_asset, template
from api.visitors import present
from core.errors import NotFound
from core.missions import Attachment
from memory.file_texts import AFTER, BEFORE, FileTexts, Outline, Sight
from memory.quotes import line_at

if TYPE_CHECKING:
    from graphs.reception import Reception

router = APIRouter(prefix="/files")
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_LAST = 10_000_000


class Sought(BaseModel):
    """The place to show: a page, a line, a quote; or `at`, the position from which to read on."""

    page: int | None = Field(None, ge=1, le=_LAST)
    line: int | None = Field(None, ge=1, le=_LAST)
    quote: str = Field("", max_length=2000)
    at: int | None = Field(None, ge=0, le=_LAST)


@router.get("/{file_id}/view")
async def view(request: Request, file_id: str, sought: Annotated[Sought, Query()]) -> HTMLResponse:
    """Show a place in a file that the person gave."""
    office: Reception = request.app.state.office
    file = await office.files.get(file_id, present().user_id)
    if not isinstance(file, Attachment):
        raise NotFound("There is no such file.")
    return await drawn(office, file, present().user_id, sought, Ways(f"/files/{file_id}"))


@dataclass(frozen=True)
class Ways:
    """Where the parts of a page lead: `base` is what `/view` follows; `head` stands at the top."""

    base: str
    download: str = ""
    back: str = "/files"
    back_words: str = "All files"
    headers: Mapping[str, str] = field(default_factory=dict)
    head: str = "<!-- masthead -->"


async def drawn(office: Reception, file: Attachment, user_id: str, sought: Sought, ways: Ways) -> HTMLResponse:
    """Draw the page of a place in a file of this user."""
    texts = FileTexts(office.database)
    outline = await texts.outline(file.id, user_id)
    found = None
    if sought.quote and outline.passages:
        found = await texts.find(file.id, user_id, sought.quote, sought.page)
    sight = found or await _asked(texts, file.id, user_id, sought)
    beside = [sight.first - 1, sight.last + 1] if sight else []
    pages = await texts.pages_at(file.id, user_id, beside)
    download = ways.download or f"/files/attachment/{file.id}"
    words = {
        "style": address_of_asset("files.css"),
        "base_style": address_of_asset("schedules.css"),
        "name": plain(file.name),
        "about": f"{file_size(file.size)}{_pages(outline)}",
        "download": f'<a class="button" href="{escape(download)}" download>Download</a>',
        "head": ways.head,
        "back": escape(ways.back),
        "back_words": ways.back_words,
        "notice": _notice(file, outline, sought, found),
        "place": _place(outline, sight),
        "text": "".join(_lines(sight, sought.line)) if sight else "",
        "ways": _turns(ways.base, sight, pages) if sight else "",
    }
    html = template("file_view.html").substitute(words)
    return HTMLResponse(html, headers={"content-security-policy": POLICY, "cache-control": "no-store", **ways.headers})


async def _asked(texts: FileTexts, file_id: str, user_id: str, sought: Sought) -> Sight | None:
    if sought.at is not None:
        return await texts.at(file_id, user_id, sought.at)
    if sought.page is not None and (sight := await texts.page(file_id, user_id, sought.page)) is not None:
        return sight
    return await texts.around(file_id, user_id, sought.line or 1)


def _notice(file: Attachment, outline: Outline, sought: Sought, found: Sight | None) -> str:
    if not outline.passages:
        why = file.note or "No text of this file is held, so there is nothing to show here. It can be downloaded."
        return f'<p class="problem" role="status">{plain(why)}</p>'
    if sought.quote and found is None:
        words = f"This quote was not found in the file: “{' '.join(sought.quote.split())[:300]}”"
        return f'<p class="problem" role="status" id="here">{plain(words)}</p>'
    if found is not None and sought.page is not None and found.stretch.page not in (sought.page, None):
        words = f"The quote stands on page {found.stretch.page}, not on page {sought.page}."
        return f'<p class="problem" role="status">{words}</p>'
    return ""


def _pages(outline: Outline) -> str:
    if not outline.pages:
        return ""
    return ", 1 page" if outline.pages == 1 else f", {outline.pages:,} pages"


def _place(outline: Outline, sight: Sight | None) -> str:
    if sight is None:
        return ""
    if sight.stretch.page is not None:
        return f"Page {sight.stretch.page} of {outline.pages}"
    last = line_at(sight.stretch, len(sight.stretch.text.rstrip("\n")))
    return f"Lines {sight.stretch.line:,} to {last:,}"


def _lines(sight: Sight, wanted: int | None) -> Iterator[str]:
    """Write each line with its number; what is quoted is marked, else the line that was asked for."""
    start, number = 0, sight.stretch.line
    begin, end = sight.marked or (-1, -1)
    here = "" if sight.marked is None else ' id="here"'
    for text in sight.stretch.text.rstrip("\n").split("\n"):
        stop = start + len(text)
        if begin < stop and start < end:
            cut = max(begin - start, 0), min(end - start, len(text))
            words = f"{plain(text[: cut[0]])}<mark{here}>{plain(text[cut[0] : cut[1]])}</mark>{plain(text[cut[1] :])}"
            here = ""
        elif sight.marked is None and number == wanted:
            words = f'<mark id="here">{plain(text) or " "}</mark>'
        else:
            words = plain(text)
        yield f'<div><span class="number">{number}</span><span class="words">{words}</span></div>'
        start, number = stop + 1, number + 1


def _turns(base: str, sight: Sight, pages: Mapping[int, int | None]) -> str:
    """Lead on to what stands before and behind: the next page, or more of this one."""
    steps = (
        (sight.first - 1, max(sight.first - BEFORE - AFTER, 0), "Earlier"),
        (sight.last + 1, sight.last + 1, "Later"),
    )
    links = []
    for position, start, words in steps:
        if position in pages:
            page = pages[position]
            query = urlencode({"at": start} if page == sight.stretch.page else {"page": page})
            links.append(f'<a class="button" href="{escape(base)}/view?{escape(query)}">{words}</a>')
    return "".join(links)
