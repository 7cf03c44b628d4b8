"""Twenty secrets planted in settings, credentials, messages, tool results, provider errors and files; none of them gets out.

What belongs to a person is kept for them: a file stays in its blob as it was given, and its own text in the index by which it
is found (a secret of this house is masked even there). Everything that is made of it is masked.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from canary_fixtures import Traffic, everything_in, planted, raw_files, running, spellings
from doors_fixtures import Tab
from web_fixtures import little_web, page
from wire_replies import WireReply
from wire_servers import WireServer

OWN_TEXT = {
    "passages",
    "passages_fts",
    "passages_fts_data",
    "passages_fts_content",
    "artifact_words",
    "artifact_readings",
}
"""Tables that hold the words of a person's own files, so that they can be found."""


PAGES = [
    "/",
    "/models",
    "/welcome",
    "/welcome?door=connect",
    "/inbox",
    "/shares",
    "/schedules",
    "/readyz",
    "/me",
    "/audit",
]
ROUTES = ["/api/models", "/api/credentials", "/api/missions", "/api/approvals", "/api/audit"]


def play(canaries: dict[str, str], page_url: str) -> Any:
    """Play a model that reads what is there, repeats what it reads, and says the key it was called with."""

    def script(body: dict[str, Any]) -> WireReply:
        tools = {t["function"]["name"] for t in body.get("tools", [])}
        done = [c["function"]["name"] for m in body["messages"] for c in m.get("tool_calls") or ()]
        key = canaries["credential: openai key"]
        heard = [str(m["content"]) for m in body["messages"] if m["role"] == "tool"]
        if "make_plan" in tools:
            return WireReply(
                calls=[
                    ("c1", "make_plan", {"note": key, "tasks": [{"operator": "researcher", "goal": f"Read it. {key}"}]})
                ]
            )
        if "finish" not in tools:
            return WireReply(text=f"My key is {key}. I read: {' '.join(heard)[:2000]} The end.", piece=3)
        if "read_file" not in done:
            return WireReply(calls=[("c2", "read_file", {"file": "table.csv"})])
        if "fetch_page" not in done:
            return WireReply(calls=[("c3", "fetch_page", {"url": page_url})])
        words = f"It is done with {key}. {' '.join(heard)[:3000]}"
        return WireReply(
            text=words, piece=5, calls=[("c4", "finish", {"status": "completed", "summary": words, "result": words})]
        )

    return script


async def at_rest(client: httpx.AsyncClient, mission: str) -> dict[str, Any]:
    async with asyncio.timeout(90):
        while True:
            shown: dict[str, Any] = (await client.get(f"/api/missions/{mission}")).json()
            if shown["status"] not in ("pending", "in_progress"):
                return shown
            await asyncio.sleep(0.05)


async def test_no_canary_gets_out(tmp_path: Path) -> None:
    canaries, traffic = planted(), Traffic()
    canaries["person: a house key in a message"] = canaries["model: a house key, in pieces"] = canaries[
        "credential: openai key"
    ]
    canaries["file: a house key in a memo"] = canaries["setting: anthropic key"]
    assert len(canaries) == 20
    told = "\n".join(f"{n} {v}" for n, v in canaries.items() if n.startswith("tool result"))
    said_by_provider = " ".join(v for n, v in canaries.items() if n.startswith("provider error"))
    async with little_web(**{"": page(f"<p>{told}</p>")}) as web:
        web.pages["/"] = page(f"<pre>{told}</pre>")
        url = web.address("/", "127.0.0.1")
        ready = WireReply(text="ready")
        refusing = WireReply(fault="status", status=500, message=f"We met {said_by_provider} and failed.")
        keys = {name: canaries[f"credential: {name} key"] for name in ("openai", "openrouter")}
        settings = {
            "anthropic_api_key": canaries["setting: anthropic key"],
            "search_api_key": canaries["setting: search key"],
            "search": "tavily",
            "secrets_key": canaries["setting: sealing key"],
            "web": "listed",
            "web_hosts": f"127.0.0.1:{web.port}",
            "model_attempts": "1",
            "log_level": "debug",
            "sandbox": "off",
        }
        with (
            WireServer(play(canaries, url), models=["gpt-5-mini"], key=keys["openai"]) as openai,
            WireServer([ready, ready, refusing], models=["big"], key=keys["openrouter"]) as router,
            running(tmp_path, **settings) as house,
        ):
            async with httpx.AsyncClient(base_url=house.url, headers={"origin": house.url}, timeout=90) as ada:
                ada.event_hooks["response"] = [traffic.note]
                await scenario(
                    ada, house.token, canaries, {"openai": openai, "openrouter": router}, traffic=traffic, url=url
                )
            said = [house.command(*words.split()) for words in ("doctor", "config", "config --json", "secrets status")]
            said.append(house.command("missions", "list", "--json"))
    places = {"logs": house.log.read_text(), "terminal": "\n".join(said), "browser": "\n".join(traffic.heard)}
    places |= {f"table {n}": text for n, text in everything_in(tmp_path / "data" / "staffwork.db").items()}
    places |= {f"file {n}": text for n, text in raw_files(tmp_path / "data", "secrets", "blobs", "chainlit").items()}
    house_files = {p.name: p.read_text().strip() for p in (tmp_path / "data" / "secrets").glob("*.key")}
    assert openai.violations == []
    assert len(places["browser"]) > 20_000, "nothing much happened"
    assert "table checkpoints" in places
    assert "checkpoint" in "".join(places), "nothing was stored of missions"
    hits = found_in(places, canaries | house_files)
    assert hits == []


def _own_text(where: str) -> bool:
    """Say whether this is where the words of a person's own files are kept to be found by."""
    return where.removeprefix("table ") in OWN_TEXT or where.startswith(("file staffwork.db", "file index"))


def found_in(places: dict[str, str], canaries: dict[str, str]) -> list[str]:
    """List where a canary is that must not be there."""
    hits = []
    for name, secret in canaries.items():
        for where, text in places.items():
            if name == "file: token in a table" and _own_text(where):
                continue
            hits += [f"{name} is in {where}" for way in spellings(secret) if way in text]
    return sorted(set(hits))


def test_the_search_for_canaries_finds_them() -> None:
    canaries = planted()
    for name, secret in canaries.items():
        if secret:
            for way in spellings(secret):
                assert found_in({"logs": f"before {way} after"}, {name: secret}) == [f"{name} is in logs"]


async def scenario(
    ada: httpx.AsyncClient,
    token: str,
    canaries: dict[str, str],
    providers: dict[str, WireServer],
    *,
    traffic: Traffic,
    url: str,
) -> None:
    """Live through a day: set up, connect, give missions, fail, share, look at everything."""
    password = canaries["person: password"]
    form = {"token": token, "name": "ada", "password": password, "repeated": password}
    made = await ada.post("/setup", data=form)
    assert made.headers["location"] == "/welcome"
    ada.headers["cookie"] = made.headers["set-cookie"].split(";")[0]
    await ada.post("/login", data={"username": "ada", "password": canaries["person: a wrong password"]})
    address = providers["openai"].base_url
    await connect(ada, "openai", canaries["credential: a key that was refused"], address, 400)
    providers["openai"]._key = canaries["credential: a key that was replaced"]
    await connect(ada, "openai", canaries["credential: a key that was replaced"], address)
    providers["openai"]._key = canaries["credential: openai key"]
    await connect(ada, "openai", canaries["credential: openai key"], address)
    await connect(ada, "openrouter", canaries["credential: openrouter key"], providers["openrouter"].base_url)
    assert (await ada.patch("/api/models", json={"standard": "openai:gpt-5-mini"})).status_code == 200
    conversation = await first_mission(ada, canaries, traffic, url)
    await ada.patch("/api/models", json={"standard": "openrouter:big"})
    await failing(ada, "the server fails", "500")
    providers["openrouter"]._key = "another key now"
    await failing(ada, "the key is refused", "401")
    await share(ada, conversation, canaries["person: a link's password"])
    for path in (*PAGES, *ROUTES, f"/api/conversations/{conversation}"):
        assert (await ada.get(path)).status_code < 500, path


async def connect(ada: httpx.AsyncClient, name: str, key: str, address: str, code: int = 200) -> None:
    answer = await ada.put(f"/api/credentials/{name}", json={"key": key, "base_url": address})
    assert answer.status_code == code, answer.text
    page = await ada.post("/models", data={"kind": "connect", "name": name, "key": key, "base_url": address})
    assert page.status_code == (303 if code == 200 else 400)


async def first_mission(ada: httpx.AsyncClient, canaries: dict[str, str], traffic: Traffic, url: str) -> str:
    """Give two files that hold secrets and a message that holds one, as the page does; returns the conversation."""
    tab = Tab(ada)
    await tab.open(str(ada.base_url))
    try:
        token, house_key = canaries["file: token in a table"], canaries["file: a house key in a memo"]
        files = (
            await tab.attach("table.csv", f"name,token\nrobot,{token}\n".encode(), "text/csv"),
            await tab.attach("memo.md", f"# Memo\n\nThe key of the house is {house_key}.\n".encode(), "text/markdown"),
        )
        await tab.say(
            f"Read table.csv and {url} for me. My key is {canaries['person: a house key in a message']}", files
        )
        await tab.until(lambda t: t.answer["end"], 45)
        again = Tab(ada, tab.conversation_id)
        await again.open(str(ada.base_url))
        await again.until(lambda t: t.answer["end"])
        await again.socket.disconnect()
        answer = str(tab.answer["output"])
        assert "My key is [secret]" in answer, answer
        echoes = [json.dumps(e, default=str) for e in (*tab.events, *again.events)]
        traffic.heard += echoes
        shown = (await ada.get("/api/missions")).json()
        mission = (shown["missions"] if isinstance(shown, dict) else shown)[0]["id"]
        await ada.get(f"/api/missions/{mission}")
        events = await ada.get(f"/api/missions/{mission}/events?limit=10000", headers={"accept": "application/json"})
        read = [e for e in events.json()["events"] if e["kind"] == "tool_returned"]
        assert {e["tool"] for e in read} >= {"read_file", "fetch_page"}, read
        assert all("[secret]" in e["output"] for e in read if e["tool"] in ("read_file", "fetch_page")), read
        return tab.conversation_id
    finally:
        await tab.socket.disconnect()


async def failing(ada: httpx.AsyncClient, goal: str, words: str) -> None:
    answer = await ada.post("/api/missions", json={"goal": goal})
    ended = await at_rest(ada, answer.json()["mission_id"])
    assert ended["status"] == "failed", ended
    assert words in json.dumps(ended), ended


async def share(ada: httpx.AsyncClient, conversation: str, password: str) -> None:
    """Share with steps and files: first asked about what was found, then published with it masked."""
    there = (await ada.get(f"/api/conversations/{conversation}/shares")).json()
    files = [f["id"] for f in there["files"]]
    assert len(files) == 2, there
    wish = {"include": "steps", "files": files, "password": password}
    asked = await ada.post(f"/api/conversations/{conversation}/shares", json=wish)
    assert asked.status_code in (400, 409, 422), asked.text
    assert "secret" in asked.text
    made = await ada.post(f"/api/conversations/{conversation}/shares", json=wish | {"secrets": "mask"})
    assert made.status_code in (200, 201), made.text
    link = made.json()["path"]
    opened = await ada.get(link)
    assert opened.status_code in (200, 401), opened.text
    unlocked = await ada.post(link, data={"password": password})
    if unlocked.headers.get("set-cookie"):
        ada.headers["cookie"] += "; " + unlocked.headers["set-cookie"].split(";")[0]
    shown = await ada.get(link)
    assert "My key is [secret]" in shown.text, shown.text[:2000]


@pytest.mark.parametrize("secret", ["kept.openai.0123456789abcdef", "aa-key-aaaaaaaab", "ключ-этого-дома-42"])
def test_a_secret_in_pieces_of_any_size_is_masked(secret: str) -> None:
    from agents.llm.masking import MaskedText
    from core.logs import Masker

    text = f"It is {secret}, and {secret[:-1]} is none; {secret}"
    whole = Masker([secret]).known(text)
    for size in range(1, len(text)):
        told = ""

        def hear(piece: str, offset: int) -> None:
            nonlocal told
            assert offset <= len(told)
            told = told[:offset] + piece

        stream = MaskedText(hear, Masker([secret]))
        for at in range(0, len(text), size):
            stream.add(text[at : at + size], at)
        stream.flush()
        assert told == whole
        assert secret not in told
