"""What tests of shared links have in common: conversations of ada's, and words that try to get out of the page."""

from __future__ import annotations

import asyncio
from html.parser import HTMLParser
from typing import Any

import httpx
from doors_fixtures import House
from fake_office import delegated
from sqlalchemy import update

from core.missions import Artifact, Mission, Source, new_id, now
from memory import tables

CANARY = "http://canary.example"

FORMS = [
    "![a]({c}/1.png)", "![a][ref2]\n\n[ref2]: {c}/2.png", "[![a]({c}/3.png)]({c}/3)", '<img src="{c}/4.png">',
    "<img src=x onerror=alert(5)>", "<script>alert(6)</script>", '<script src="{c}/7.js"></script>', "<svg onload=alert(8)>",
    '<svg><image href="{c}/9.svg"/></svg>', '<iframe src="{c}/10"></iframe>', "<iframe srcdoc='<script>alert(11)</script>'>",
    '<object data="{c}/12"></object>', '<embed src="{c}/13">', '<link rel="stylesheet" href="{c}/14.css">',
    '<link rel="prefetch" href="{c}/15">', "<style>@import url({c}/16.css);</style>", '<div style="background:url({c}/17.png)">',
    '<meta http-equiv="refresh" content="0;url={c}/18">', '<base href="{c}/19/">', '<form action="{c}/20"><button>x</button>',
    '<video src="{c}/21" poster="{c}/21.png" autoplay></video>', '<audio src="{c}/22" autoplay>', '<body onload=alert(23)>',
    "[a](javascript:alert(24))", "[a](JaVaScRiPt:alert(25))", "[a](data:text/html;base64,PHNjcmlwdD4=)", "[a](vbscript:x)",
    "<javascript:alert(28)>", "<{c}/29>", "[ref30]\n\n[ref30]: javascript:alert(30)", "</title><script>alert(31)</script>",
    '"><script>alert(32)</script>', "' onmouseover='alert(33)", "&lt;script&gt;alert(34)&lt;/script&gt;", "{{{{7*7}}}} ${{title}}",
    "![a](//canary.example/36.png)", "[a](//canary.example/37)", "![a](data:image/svg+xml,<svg onload=alert(38)>)",
    "```\n</code></pre><script>alert(39)</script>\n```", "`<script>alert(40)</script>`", "[a](\x01javascript:alert(41))",
    "\u202etxt.exe <img src={c}/42>", "<a href='{c}/43' ping='{c}/43p'>x</a>", "[a]({c}/44 'x\" onclick=\"alert(44)')",
]  # fmt: skip


def hostile(canary: str = CANARY) -> list[str]:
    """List the forms, with the address of who waits for them."""
    return [form.format(c=canary) for form in FORMS]


class Page(HTMLParser):
    """Reads a page as a browser does: its elements, and every attribute by which something is fetched or run."""

    FETCHES = (
        "src",
        "srcset",
        "data",
        "poster",
        "background",
        "action",
        "formaction",
        "ping",
        "style",
        "srcdoc",
        "icon",
        "manifest",
    )

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.links: list[dict[str, str]] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = {name: value or "" for name, value in attrs}
        self.handlers += [name for name in given if name.startswith("on")]
        self.fetched += [value for name, value in given.items() if name in self.FETCHES]
        if tag == "link":
            self.fetched.append(given.get("href", ""))
        if tag == "a":
            self.links.append(given)

    def handle_data(self, data: str) -> None:
        self.text += data


async def talk(house: House, course: Any, goal: str = "What is 6 * 7?", conversation_id: str = "", **more: Any) -> str:
    """Let ada have a conversation that goes as written in `course`; returns its id when it is at rest."""
    house.office.course = course
    talked = Mission(
        id=new_id(),
        conversation_id=conversation_id or new_id(),
        user_id="user-ada",
        goal=goal,
        created_at=now(),
        **more,
    )
    await house.office.submit(talked)
    async with asyncio.timeout(30):
        async for _ in house.office.follow(talked.id):
            pass
    return talked.conversation_id


async def as_admin(house: House, name: str) -> None:
    """Make somebody an admin."""
    person = update(tables.users).where(tables.users.c.name == name)
    await house.office.database.write((person.values(role="admin"), None))


async def shared(client: httpx.AsyncClient, conversation_id: str, **wish: Any) -> dict[str, Any]:
    answer = await client.post(f"/api/conversations/{conversation_id}/shares", json=wish)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def a_file(house: House, content: bytes, name: str = "risks.md") -> Artifact:
    content_hash = await house.office.blobs.put(content)
    return Artifact(id=new_id(), name=name, hash=content_hash, size=len(content), mime="text/markdown")


def opened(house: House) -> Any:
    house.office.go.set()
    return house


async def worked(house: House, *content: bytes) -> str:
    made = await a_file(house, *content or (b"# Risks\n",))
    source = Source(file="memo.pdf", quote="Three risks", page=2, origin_id="att")
    memory = Source(file="what you told me", quote="the dog is called Rex", origin="memory", origin_id="mem")
    return await talk(opened(house), delegated("There are **three** risks.", artifact=made, sources=(source, memory)))
