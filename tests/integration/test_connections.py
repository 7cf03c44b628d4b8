"""Connections over HTTP: tried before they are kept, in force without a restart, changed by owners and admins only."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from doors_fixtures import scripts
from served_fixtures import given, play, serve, until_at_rest
from sqlalchemy import update
from wire_replies import WireReply
from wire_servers import WireServer

from agents.llm.model_lists import LocalServer, first_choice, likely_chat, local_servers
from agents.llm.trying import checked_url
from core.errors import BadInput
from core.settings import Settings
from memory import tables

RIGHT, OTHER = "sk-right-0123456789abcdefwxyz", "sk-other-0123456789abcdef9876"
MODELS = ("gpt-5-mini", "gpt-5", "text-embedding-3-small")


@asynccontextmanager
async def house(folder: Path, **chosen: Any) -> AsyncIterator[tuple[Any, httpx.AsyncClient]]:
    """A house whose environment names no model, and its owner's browser."""
    async with serve(folder, play, **{"model": "", "compatible_base_url": "", **chosen}) as opened:
        role = update(tables.users).where(tables.users.c.name == "ada").values(role="owner")
        await opened.office.database.write((role, None))
        async with opened.visitor("ada") as ada:
            yield opened, ada


async def put(client: httpx.AsyncClient, code: int = 200, name: str = "openai", **body: str) -> dict[str, Any]:
    answer = await client.put(f"/api/credentials/{name}", json=body, timeout=90)
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_key_is_tried_kept_and_answers_without_a_restart(tmp_path: Path) -> None:
    with WireServer(lambda _: WireReply(text="Hello."), models=MODELS, key=RIGHT) as model:
        async with house(tmp_path) as (served, ada):
            assert (await ada.get("/api/models")).json()["rehearsal"] is True
            tried = await put(ada, key=RIGHT, base_url=model.base_url)
            assert (tried["models"], tried["tried"]) == (list(MODELS), "gpt-5-mini")
            [kept] = (await ada.get("/api/credentials")).json()
            assert (kept["source"], kept["kept"]["ending"], kept["kept"]["changed_by"]) == ("browser", "wxyz", "ada")
            answer = await ada.patch("/api/models", json={"standard": "openai:gpt-5-mini", "small": "openai:gpt-5"})
            tiers = {t["tier"]: t for t in answer.json()["tiers"]}
            assert (tiers["standard"]["source"], tiers["strong"]["source"]) == ("choice", "standard")
            assert tiers["standard"]["per_million"] == ["0.25", "2.00"]
            done = await until_at_rest(ada, await given(ada, "Say something"), "completed", "failed")
            assert (done["status"], "Hello." in str(done)) == ("completed", True)
            assert model.asked[-1].body["model"] == "gpt-5-mini"
            model._key = OTHER  # the provider takes the old key back
            failed = await until_at_rest(ada, await given(ada, "Say something"), "completed", "failed")
            assert "the key on the page Models" in str(failed)
            assert RIGHT not in str(failed)
            await put(ada, key=OTHER, base_url=model.base_url)
            done = await until_at_rest(ada, await given(ada, "Say something"), "completed", "failed")
            assert done["status"] == "completed"
            kinds = [(e.kind, e.subject) for e in await served.office.audit.read(limit=20)]
            assert ("secret_changed", "openai") in kinds
            assert ("settings_changed", "models") in kinds
            for path in ("/api/models", "/api/credentials", "/models", "/welcome?door=connect"):
                text = (await ada.get(path)).text
                assert RIGHT not in text, path
                assert OTHER not in text, path


async def test_a_wrong_key_is_refused_in_plain_words_and_nothing_is_kept(tmp_path: Path) -> None:
    with WireServer(lambda _: WireReply(text="Hello."), models=MODELS, key=RIGHT) as model:
        async with house(tmp_path) as (_, ada):
            refused = await put(ada, 400, key=OTHER, base_url=model.base_url)
            assert "does not accept this key" in refused["detail"]
            assert OTHER[:12] not in refused["detail"]
            assert (await ada.get("/api/credentials")).json() == []
            anthropic = await put(ada, 400, "anthropic", key=OTHER, base_url=model.base_url.removesuffix("/v1"))
            assert "does not accept this key" in anthropic["detail"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (WireReply(fault="status", status=402), "credit"),
        (WireReply(fault="status", status=500), "500"),
        (WireReply(fault="html"), "web page"),
        (WireReply(fault="empty"), "nothing"),
    ],
)
async def test_a_model_that_does_not_answer_is_not_kept(tmp_path: Path, reply: WireReply, words: str) -> None:
    with WireServer([reply], models=MODELS) as model:
        async with house(tmp_path) as (_, ada):
            refused = await put(ada, 400, key=RIGHT, base_url=model.base_url)
            assert words in refused["detail"]
            assert RIGHT not in refused["detail"]
            assert (await ada.get("/api/credentials")).json() == []


async def _listening(answer: bytes) -> tuple[asyncio.Server, str]:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer:
            writer.write(answer)
            await writer.drain()
            writer.close()
        else:
            await reader.read()  # says nothing for as long as anybody listens

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n<html>hi</html>", "no list of models"),
        (b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", "often ends in /v1"),
        (b"HTTP/1.1 302 Go\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n", "sends us elsewhere"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b'{"data": [' + b" " * 9_000_000, "too large"),
        (b'HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"data": []}', "offers no model"),
        (b"nonsense\r\n\r\n", "Nothing was reached"),
        (b"", "did not answer"),
    ],
)
async def test_an_address_that_is_none_is_said(
    tmp_path: Path, answer: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not answer:
        monkeypatch.setattr("agents.llm.model_lists._SECONDS", 0.3)
    server, url = await _listening(answer)
    async with server, house(tmp_path) as (_, ada):
        refused = await put(ada, 400, "compatible", key=RIGHT, base_url=url)
        assert words in refused["detail"], refused
        server.close()


async def test_where_nobody_listens_nothing_is_kept(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with house(tmp_path) as (_, ada):
            url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
            assert "Nothing was reached" in (await put(ada, 400, "compatible", base_url=url))["detail"]


async def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    async with house(tmp_path, anthropic_api_key=RIGHT) as (_, ada):
        for name, body, code, words in (
            ("openai", {}, 400, "Paste the key"),
            ("openai", {"key": "two words"}, 400, "no key"),
            ("openai", {"key": RIGHT, "base_url": "ftp://x"}, 400, "must look like https://"),
            ("openai", {"key": RIGHT, "base_url": "https://u:p@x.example/v1"}, 400, "must not hold a name"),
            ("compatible", {}, 400, "Enter the address"),
            ("nobody", {"key": RIGHT}, 400, "provider: it must be one of"),
            ("anthropic", {"key": RIGHT}, 409, "where Staffwork was started"),
            ("search", {"service": "tavily"}, 400, "Paste the key"),
            ("search", {"service": "searxng"}, 400, "Enter the address"),
            ("openai", {"secret": RIGHT}, 422, "there is no such field"),
        ):
            refused = await put(ada, code, name, **body)
            assert words in refused["detail"], (name, body, refused)
        for body, words in (
            ({"standard": "openai:gpt-5"}, "OpenAI is not connected"),
            ({"standard": "gpt-5"}, "provider:name"),
            ({"standard": "import:os:system"}, "provider:name"),
        ):
            answer = await ada.patch("/api/models", json=body)
            assert words in answer.json()["detail"]
        [fixed] = (await ada.get("/api/credentials")).json()
        assert (fixed["name"], fixed["source"], RIGHT in str(fixed)) == ("anthropic", "environment", False)


async def test_a_model_of_the_environment_is_not_changed_in_the_browser(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        await served.office.database.write((update(tables.users).values(role="owner"), None))
        async with served.visitor("ada") as ada:
            answer = await ada.patch("/api/models", json={"standard": "rehearsal:"})
            assert (answer.status_code, "STAFFWORK_MODEL names this model" in answer.text) == (409, True)
            page = (await ada.get("/models")).text
            assert "Set by STAFFWORK_MODEL where Staffwork was started." in page


@pytest.mark.parametrize("role", ["member", "viewer"])
async def test_only_owners_and_admins_come_near(tmp_path: Path, role: str) -> None:
    async with house(tmp_path) as (served, _ada):
        await served.office.database.write(
            (update(tables.users).where(tables.users.c.name == "bob").values(role=role), None)
        )
        before = await served.office.connections.credentials.version()
        async with served.visitor("bob") as bob:
            for method, path in (
                ("GET", "/api/models"), ("PATCH", "/api/models"), ("GET", "/api/models/local"), ("GET", "/api/credentials"),
                ("PUT", "/api/credentials/openai"), ("POST", "/api/credentials/openai/test"),
                ("DELETE", "/api/credentials/openai"), ("GET", "/models"), ("POST", "/models"), ("GET", "/welcome"),
                ("POST", "/welcome"),
            ):  # fmt: skip
                answer = await bob.request(method, path, json={} if method != "GET" else None)
                assert answer.status_code == 403, (method, path, answer.status_code)
        async with served.visitor() as nobody:
            assert (await nobody.get("/api/credentials")).status_code == 401
        assert await served.office.connections.credentials.version() == before


async def test_the_pages_forms_do_the_same(tmp_path: Path) -> None:
    with WireServer(lambda _: WireReply(text="Hello."), models=MODELS, key=RIGHT) as model:
        async with house(tmp_path) as (_, ada):
            form = {"kind": "connect", "name": "openai", "key": OTHER, "base_url": model.base_url}
            refused = await ada.post("/models", data=form)
            assert (refused.status_code, "does not accept this key" in refused.text, OTHER in refused.text) == (
                400,
                True,
                False,
            )
            assert ("<details open>" in refused.text, refused.text.count(f'value="{model.base_url}"')) == (True, 1)
            done = await ada.post("/models", data={**form, "key": RIGHT})
            assert (done.status_code, done.headers["location"]) == (303, "/models?did=connected&name=openai")
            page = (await ada.get(done.headers["location"])).text
            assert "OpenAI is connected" in page
            assert 'value="openai:gpt-5-mini"' in page
            assert scripts(page) == []
            await ada.post(
                "/models", data={"kind": "choose", "standard": "openai:gpt-5-mini", "small": "", "strong": ""}
            )
            kept = await ada.post("/models", data={"kind": "remove", "name": "openai"})
            assert (kept.status_code, "is chosen as a model" in kept.text) == (409, True)
            await ada.post("/models", data={"kind": "choose", "standard": ""})
            assert (await ada.post("/models", data={"kind": "remove", "name": "openai"})).status_code == 303
            assert (await ada.get("/api/credentials")).json() == []
            assert (await ada.post("/models", data={"kind": "?"})).status_code == 400
            foreign = await ada.post("/models", data=form, headers={"origin": "https://elsewhere.example"})
            assert foreign.status_code == 403


async def test_a_placeholder_for_a_key_is_no_secret(tmp_path: Path) -> None:
    with WireServer(lambda _: WireReply(text="Hello."), models=("qwen3:8b",)) as model:
        async with house(tmp_path) as (_, ada):
            tried = await put(ada, name="compatible", key="ollama", base_url=model.base_url)
            assert tried["tried"] == "qwen3:8b"
            [kept] = (await ada.get("/api/credentials")).json()
            assert kept["kept"]["has_key"] is False


async def test_model_servers_on_this_machine_are_offered_only_if_they_answer() -> None:
    with WireServer([WireReply(text="x")], models=("llama3.2:3b",)) as here, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port, nobody = here._port, taken.getsockname()[1]
        found = await local_servers(0, [("Ollama", port), ("vLLM", nobody)])
        assert found == [LocalServer("Ollama", f"http://127.0.0.1:{port}/v1", ("llama3.2:3b",))]
        assert await local_servers(port, [("Ollama", port)]) == []  # ourselves


def test_a_good_model_to_begin_with_is_chosen() -> None:
    assert first_choice(["whisper-1", "gpt-4o-mini", "gpt-5-mini", "gpt-5", "gpt-6-mini"]) == "gpt-6-mini"
    assert first_choice(["claude-opus-4-8", "claude-haiku-4-5", "claude-haiku-4-6"]) == "claude-haiku-4-6"
    assert first_choice(["nomic-embed-text", "qwen3:8b"]) == "qwen3:8b"
    assert (first_choice([]), likely_chat(["text-embedding-3"])) == ("", ["text-embedding-3"])


def test_addresses() -> None:
    assert checked_url(" https://models.example.com/v1/ ") == "https://models.example.com/v1"
    for bad in ("", "models.example.com", "file:///etc/passwd", "http://", "http://x:99999/v1", "http://x/\nv1"):
        with pytest.raises(BadInput):
            checked_url(bad)


def test_settings_know_their_secrets() -> None:
    settings = Settings(database_url="postgresql://ada:pass-word-1@db/x", secrets_key="first-key,second-key")  # type: ignore[arg-type]
    assert {"pass-word-1", "first-key", "second-key"} <= set(settings.secrets())
