"""The page of what is remembered of a person: facts and what was said, with when, where and by whom; plain HTML and forms."""

from __future__ import annotations

import re
from html import escape
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.memories import kept_by, memory_on
from api.rooms import code_of, filled, moment, office_of
from api.safe_markdown import plain
from api.templates import address_of_asset, template
from api.visitors import allowed, present
from core.errors import BadInput, StaffworkError
from core.steering import Right, may
from graphs.keeping import change_fact, forget_all, forget_one
from memory.remembered import KINDS, Recollections, Remembered, Wanted

router = APIRouter()
SHOWN, _CUT = 50, 400
_TABS = {"": "All", "fact": "Facts", "said": "From conversations"}
DONE = {
    "change": "Changed. The old words are gone.",
    "forget": "Deleted. It is not recalled any more.",
    "all": "Deleted, all of it.",
    "memory": "Done. It counts from your next message on.",
}


@router.get("/memories")
async def memories_page(
    request: Request,
    *,
    query: Annotated[str, Query(max_length=500)] = "",
    kind: Annotated[str, Query(max_length=10)] = "",
    conversation: Annotated[str, Query(max_length=64)] = "",
    start: str = "",
    did: str = "",
) -> HTMLResponse:
    """Show what is remembered of the person."""
    offset = int(start) if start.isascii() and start.isdigit() and len(start) < 7 else 0
    wanted = Wanted(kind if kind in KINDS else "", query, conversation, SHOWN, offset)
    return await _page(request, wanted, said=DONE.get(did, ""))


@router.post("/memories")
async def memories_order(request: Request) -> Response:
    """Carry out a form of the page; what is wrong is said on the page, and nothing is changed then."""
    given = await filled(request)
    do = given.get("do", "")
    try:
        await _carry_out(request, do, given)
    except StaffworkError as problem:
        return await _page(request, Wanted(), problem=str(problem), code=code_of(problem))
    return RedirectResponse(f"/memories?{urlencode({'did': do})}", 303)


async def _carry_out(request: Request, do: str, given: dict[str, str]) -> None:
    office, user_id, one = office_of(request), present().user_id, given.get("id", "")
    match do:
        case "change":
            await change_fact(office, one, user_id, given.get("text", ""))
        case "forget":
            await forget_one(office, one, user_id)
        case "all":
            if given.get("sure") != "yes":
                raise BadInput("Deleting cannot be undone. Tick “Yes, delete all of it” as well.")
            await forget_all(office, user_id, kind=given.get("kind", ""))
        case "memory":
            allowed(Right.WORK)
            kept = await office.preferences.get(user_id)
            wishes = kept.wishes.model_copy(update={"memory": given.get("on") == "yes"})
            await office.preferences.put(wishes, user_id, version=kept.version)
        case _:
            raise BadInput("This page sent something unknown. Reload it and try again.")


async def _page(
    request: Request, wanted: Wanted, *, said: str = "", problem: str = "", code: int = 200
) -> HTMLResponse:
    office, person = office_of(request), present()
    store = Recollections(office.database)
    looked = Wanted(wanted.kind, wanted.query, wanted.conversation, SHOWN + 1, wanted.offset)
    found, counts = await store.list(person.user_id, looked), await store.count(person.user_id)
    on, total = await memory_on(office, person.user_id), sum(counts.values())
    words = {
        "base_style": address_of_asset("schedules.css"),
        "style": address_of_asset("files.css"),
        "own_style": address_of_asset("memories.css"),
        "said": escape(said),
        "no_said": "" if said else "hidden",
        "problem": escape(problem),
        "no_problem": "" if problem else "hidden",
        "state": "Memory is on" if on else "Memory is off",
        "state_words": _ON if on else _OFF,
        "turn": "no" if on else "yes",
        "turn_words": "Turn it off" if on else "Turn it on",
        "no_turn": "" if may(person.role, Right.WORK) else "hidden",
        "tabs": "".join(_tab(name, words, counts, wanted) for name, words in _TABS.items()),
        "query": escape(wanted.query),
        "kind": wanted.kind,
        "none": "hidden" if found else "",
        "no_search": "" if total else "hidden",
        "none_title": "Nothing was found" if total else "Nothing is remembered of you",
        "none_words": "Try fewer or other words." if total else _EMPTY,
        "items": "".join(_item(one, office) for one in found[:SHOWN]),
        "more": _more(wanted, len(found) > SHOWN),
        "no_all": "" if total else "hidden",
        "all_facts": _of(counts["fact"], "fact"),
        "all_said": _of(counts["said"], "question or answer", "questions and answers"),
    }
    return HTMLResponse(template("memories.html").substitute(words), code, headers={"cache-control": "no-store"})


_ON = (
    "Operators keep facts that you would want kept, and what was said is found again in later conversations. "
    "A temporary chat remembers nothing."
)
_OFF = "Nothing new is kept, and nothing from other conversations is recalled. What is kept stays until you delete it."
_EMPTY = "Facts appear here when you say “Remember that ...” in the chat, and what was said once a mission is done."


def _tab(name: str, words: str, counts: dict[str, int], wanted: Wanted) -> str:
    number = counts[name] if name else sum(counts.values())
    current = ' aria-current="page"' if name == wanted.kind else ""
    query = {k: v for k, v in {"kind": name, "query": wanted.query}.items() if v}
    return f'<a class="tab" href="/memories?{escape(urlencode(query))}"{current}>{words} ({number:,})</a>'


def _of(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _more(wanted: Wanted, more: bool) -> str:
    query = {"kind": wanted.kind, "query": wanted.query, "conversation": wanted.conversation}
    links = []
    if wanted.offset:
        links.append(_link(query | {"start": max(wanted.offset - SHOWN, 0)}, "Newer"))
    if more:
        links.append(_link(query | {"start": wanted.offset + SHOWN}, "Older"))
    return " ".join(links)


def _link(query: dict[str, Any], words: str) -> str:
    kept = {name: value for name, value in query.items() if value not in ("", 0)}
    return f'<a class="button" href="/memories?{escape(urlencode(kept))}">{words}</a>'


def _item(one: Remembered, office: Any) -> str:
    text, fact = office.masked(one.text), one.what == "fact"
    title = plain(one.title) or "A conversation"
    place = (
        f'<a href="/thread/{escape(one.conversation_id)}">{title}</a>' if one.title else "a conversation that is gone"
    )
    words = {
        "id": escape(one.id),
        "badge": {"fact": "Fact", "question": "You said", "answer": "Answer"}[one.what],
        "text": plain(re.sub(r"(?m)^#{1,6} ", "", text[:_CUT])) + (" …" if len(text) > _CUT else ""),
        "whole": plain(text),
        "no_whole": "" if len(text) > _CUT else "hidden",
        "about": f"{moment(one.at, 'at an unknown time')}, by {plain(kept_by(one, office))}, in {place}",
        "changed": f"You changed its words: {moment(one.changed_at)}." if one.changed_at else "",
        "no_change": "" if fact else "hidden",
        "value": escape(text) if fact else "",
        "name": escape(" ".join(text.split())[:60]),
    }
    return template("memory_item.html").substitute(words)
