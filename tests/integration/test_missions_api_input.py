"""Missions over REST: what cannot be used is refused in words that name it, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from doors_fixtures import House
from served_fixtures import given, order, serve, so_far, until_at_rest

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with serve(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def ada(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.visitor("ada") as client:
        yield client


BAD_MISSIONS = [
    (b"", 400, "This is no JSON"),
    (b"[]", 400, "Send one JSON object"),
    (b'{"goal": "\xff"}', 400, "encoded as UTF-8"),
    (b"{}", 422, "goal: it is missing."),
    (b'{"goal": "  "}', 422, "goal: it is empty."),
    (b'{"goal": 5}', 422, "goal: it should be a valid string."),
    (b'{"goal": "x", "gaol": "y"}', 422, "gaol: there is no such field. There are goal, conversation_id"),
    (b'{"goal": "\\ud800"}', 422, "half of a character"),
    (b'{"goal": "x", "cost": NaN}', 422, "NaN is no number in JSON"),
    (b'{"goal": "x", "cost": 1e999}', 422, "is too large"),
    (b'{"goal": "x", "cost": 18446744073709551617}', 422, "more than 64 bits"),
    (b'{"goal": "x", "cost": ' + b"9" * 5000 + b"}", 422, "more than 64 bits"),
    (b'{"goal": "x", "cost": "NaN"}', 422, "cost: "),
    (b'{"goal": "x", "cost": 0}', 422, "cost: it should be greater than 0."),
    (b'{"goal": "x", "cost": true}', 422, "cost: it must be an amount of US dollars"),
    (b'{"goal": "x", "cost": 10001}', 422, "cost: "),
    (b'{"goal": "x", "priority": "now"}', 422, "priority: it must be 'urgent', 'high', 'medium' or 'low'."),
    (b'{"goal": "x", "step_mode": "yes"}', 422, "step_mode: "),
    (b'{"goal": "x", "conversation_id": "../x"}', 422, "conversation_id: letters, digits"),
    (b'{"goal": "x", "id": ""}', 422, "id: it is empty."),
    (b'{"goal": "x", "id": "' + b"i" * 101 + b'"}', 422, "id: it is too long; at most 100 characters."),
    (b'{"goal": "' + b"x" * 500_001 + b'"}', 422, "goal: it is too long; at most 500,000 characters."),
    (b'{"goal": "' + b"x" * 2_000_000 + b'"}', 413, "too large"),
    (b'{"goal": ' + b"[" * 100_000, 422, "nested too deep"),
]


async def test_a_mission_that_cannot_be_taken_is_refused_in_words(ada: httpx.AsyncClient) -> None:
    before = (await ada.get("/api/missions?limit=500")).json()
    for body, code, words in BAD_MISSIONS:
        answer = await ada.post("/api/missions", content=body)
        assert (answer.status_code, words in answer.json()["detail"]) == (code, True), (body[:80], answer.text)
    assert (await ada.get("/api/missions?limit=500")).json() == before


async def test_an_order_that_cannot_be_taken_is_refused_in_words(ada: httpx.AsyncClient) -> None:
    mission = await given(ada, step_mode=True)
    [held] = (await until_at_rest(ada, mission, "paused"))["open"]["steps"]
    large = {"x": "y" * 64_000}
    bad: list[tuple[Any, int, str]] = [
        ({}, 422, "kind: it is missing."),
        ({"kind": "explode"}, 422, "kind: it must be 'pause', 'resume', 'stop'"),
        ({"kind": "pause", "by": "user-bob"}, 422, "by: there is no such field."),
        ({"kind": "resume"}, 409, "not paused"),
        ({"kind": "instruct", "text": " "}, 422, "The instruction is empty."),
        ({"kind": "instruct", "text": "x" * 20_001}, 422, "text: it is too long; at most 20,000 characters."),
        ({"kind": "cancel_task", "task_id": "t9"}, 404, "no task 't9'"),
        ({"kind": "retry_task", "task_id": "t1"}, 409, "only a task that failed"),
        ({"kind": "release", "choice": "explode"}, 422, "Choose continue, skip, edit or abort."),
        ({"kind": "release", "choice": "continue", "step": "t7/1"}, 409, "not held any more"),
        ({"kind": "release", "choice": "edit", "step": held["step"]}, 422, "Say what the operator should do"),
        ({"kind": "release", "choice": "edit", "arguments": []}, 422, "arguments: "),
        ({"kind": "release", "choice": "edit", "arguments": large}, 422, "arguments: they are too large"),
        ({"kind": "answer", "text": "x"}, 409, "answered already"),
        ({"kind": "settle", "choice": "retry"}, 409, "decided already"),
        ({"kind": "step_mode", "choice": "perhaps"}, 422, "on or off"),
        ({"kind": "answer", "files": ["x"]}, 404, "files: 'x'"),
        ({"kind": "pause", "id": "x" * 101}, 422, "id: it is too long"),
        (b'{"kind": "release", "choice": "edit", "arguments": {"n": 99999999999999999999}}', 422, "64 bits"),
        (b'{"kind": "instruct", "text": "\\udfff"}', 422, "half of a character"),
        (b'{"kind": "release", "arguments": {"n": Infinity}}', 422, "Infinity is no number"),
        (b'{"kind": "release", "arguments": ' + b'{"a":' * 60 + b"1" + b"}" * 60 + b"}", 422, "nested too deep"),
    ]
    for body, code, words in bad:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = await ada.post(f"/api/missions/{mission}/orders", content=content)
        assert (answer.status_code, words in answer.json()["detail"]) == (code, True), (content[:80], answer.text)
    assert [e for e in await so_far(ada, mission) if e["kind"] == "order_given"] == []
    for address, words in (
        (f"/api/missions/{mission}/events?after=-1", "after: it should be greater than or equal to 0."),
        (f"/api/missions/{mission}/events?after=99999999999999999999", "after: it should be less than"),
        ("/api/missions?limit=0", "limit: "),
        ("/api/missions?limit=many", "limit: it must be a whole number"),
        ("/api/missions?status=gone", "status.0: it must be "),
        (f"/api/search?query={'x' * 501}", "query: it is too long; at most 500 characters."),
    ):
        answer = await ada.get(address)
        assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.text
        page = await ada.get(address, headers={"accept": "text/html"})  # a person, who followed a link
        assert (page.status_code, "<h1>This could not be done</h1>" in page.text) == (422, True), page.text
    for number in ("x", "-1", "9" * 40, "²".encode("latin-1")):
        answer = await ada.get(f"/api/missions/{mission}/events", headers={"last-event-id": number})
        assert (answer.status_code, "Last-Event-ID" in answer.json()["detail"]) == (422, True), number
    await order(ada, mission, "stop")
