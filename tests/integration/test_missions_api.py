"""Missions over REST: given, looked at, steered and followed, each person's own only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from doors_fixtures import House
from served_fixtures import serve, told, until_at_rest

from api.mission_events import lines
from core.missions import new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")
RESTING = ("completed", "failed", "cancelled", "paused", "waiting_answer", "needs_attention")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with serve(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def ada(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.visitor("ada") as client:
        yield client


async def given(client: httpx.AsyncClient, goal: str = "Work it out", **more: Any) -> str:
    answer = await client.post("/api/missions", json={"goal": goal, **more})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["mission_id"])


async def order(client: httpx.AsyncClient, mission_id: str, kind: str, code: int = 202, **more: Any) -> dict[str, Any]:
    answer = await client.post(f"/api/missions/{mission_id}/orders", json={"kind": kind, **more})
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_mission_is_given_and_looked_at_to_its_end(ada: httpx.AsyncClient) -> None:
    answer = await ada.post("/api/missions", json={"goal": "Work it out", "priority": "high", "cost": 0.5})
    body = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/api/missions/{body['mission_id']}")
    shown = await until_at_rest(ada, body["mission_id"], *RESTING)
    assert (shown["status"], shown["answer"], shown["priority"], shown["cost"], shown["origin"]) == (
        "completed", "The answer is 42.", "high", "0.5", "api",
    )  # fmt: skip
    [task] = shown["tasks"]
    assert (task["id"], task["status"], task["summary"]) == ("t1", "completed", "It is 42.")
    assert (shown["usage"]["model_calls"], shown["usage"]["tool_calls"]) == (4, 1)
    assert shown["usage"]["seconds"] > 0
    assert shown["open"] == {"questions": [], "steps": [], "attention": [], "orders": []}
    assert "user_id" not in shown
    listed = (await ada.get("/api/missions")).json()["missions"]
    assert listed[0]["id"] == body["mission_id"]


async def test_the_same_id_twice_is_one_mission(ada: httpx.AsyncClient) -> None:
    before = len((await ada.get("/api/missions?limit=500")).json()["missions"])
    body = {"goal": "Say hello", "id": "mine-1"}
    answers = await asyncio.gather(*(ada.post("/api/missions", json=body) for _ in range(5)))
    assert {a.status_code for a in answers} == {202}
    assert len({(a.json()["mission_id"], a.json()["conversation_id"]) for a in answers}) == 1
    after = (await ada.get("/api/missions?limit=500")).json()["missions"]
    assert len(after) == before + 1
    other = await ada.post("/api/missions", json=body | {"goal": "Something else"})
    assert (other.status_code, "used for another mission" in other.json()["detail"]) == (409, True)


async def test_lists_are_filtered(ada: httpx.AsyncClient) -> None:
    held = await given(ada, step_mode=True)
    await until_at_rest(ada, held, "paused")
    paused = (await ada.get("/api/missions", params={"status": "paused"})).json()["missions"]
    assert held in [m["id"] for m in paused]
    assert {m["status"] for m in paused} == {"paused"}
    both = (await ada.get("/api/missions", params={"status": ["paused", "completed"], "limit": 500})).json()["missions"]
    assert {m["status"] for m in both} == {"paused", "completed"}
    assert len((await ada.get("/api/missions?limit=1")).json()["missions"]) == 1
    await order(ada, held, "stop")


async def test_a_held_mission_is_released_step_by_step(ada: httpx.AsyncClient) -> None:
    mission = await given(ada, step_mode=True)
    shown = await until_at_rest(ada, mission, "paused")
    [held] = shown["open"]["steps"]
    assert (held["what"], held["task_id"], held["choices"]) == ("think", "t1", ["continue", "skip", "edit", "abort"])
    await order(ada, mission, "release", choice="continue", step=held["step"])
    shown = await act_held(ada, mission)
    [held] = shown["open"]["steps"]
    assert (held["tool"], held["arguments"]) == ("calculate", {"expression": "6*7"})
    await order(ada, mission, "release", choice="edit", arguments={"expression": "2*21"})
    shown = await until_at_rest(ada, mission, "completed")
    events = await so_far(ada, mission)
    [called] = [e for e in events if e["kind"] == "tool_called"]
    assert called["arguments"] == {"expression": "2*21"}


async def act_held(client: httpx.AsyncClient, mission: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            shown = await until_at_rest(client, mission, "paused")
            if any(h["what"] == "act" for h in shown["open"]["steps"]):
                return shown


async def so_far(client: httpx.AsyncClient, mission: str, after: int = 0) -> list[dict[str, Any]]:
    answer = await client.get(
        f"/api/missions/{mission}/events?after={after}&limit=10000", headers={"accept": "application/json"}
    )
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["more"] is False
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


async def test_pause_step_mode_instruct_resume_and_stop(ada: httpx.AsyncClient) -> None:
    mission = await given(ada, step_mode=True)
    await until_at_rest(ada, mission, "paused")
    await order(ada, mission, "pause")
    await order(ada, mission, "instruct", text="Count the blue ones only.", task_id="t1", id="o1")
    await order(ada, mission, "instruct", text="Count the blue ones only.", task_id="t1", id="o1")  # sent again
    again = await order(ada, mission, "instruct", 409, text="Count the red ones.", task_id="t1", id="o1")
    assert "another order" in again["detail"]
    async with asyncio.timeout(20):
        while not (shown := (await ada.get(f"/api/missions/{mission}")).json())["paused"]:
            await asyncio.sleep(0.02)
    [waiting] = [o for o in shown["open"]["orders"] if o["kind"] == "instruct"]
    assert waiting["text"] == "Count the blue ones only."
    assert "paused already" in (await order(ada, mission, "pause", 409))["detail"]
    await order(ada, mission, "step_mode", choice="off")
    await order(ada, mission, "resume")
    shown = await until_at_rest(ada, mission, "completed")
    assert (shown["step_mode"], shown["open"]["orders"]) == (False, [])
    settled = [e["words"] for e in await so_far(ada, mission) if e["kind"] == "order_settled"]
    assert "Seen by Data analyst at step 1." in settled
    assert "has ended" in (await order(ada, mission, "stop", 409))["detail"]


@pytest.mark.parametrize(
    ("form", "wrong", "right", "kept"),
    [
        ("text", {"text": " "}, {"text": "The second"}, "The second"),
        ("number", {"text": "many"}, {"text": "3,5"}, "3.5"),
        ("choice", {"text": "green"}, {"text": "BLUE"}, "blue"),
        ("yes_no", {"text": "maybe"}, {"text": "Ja"}, "yes"),
    ],
)
async def test_a_question_is_answered_in_its_form(
    ada: httpx.AsyncClient, form: str, wrong: dict[str, str], right: dict[str, str], kept: str
) -> None:
    mission = await given(ada, f"ask: {form} first")
    shown = await until_at_rest(ada, mission, "waiting_answer")
    [asked] = shown["open"]["questions"]
    assert (asked["question"], asked["form"], asked["operator"]) == ("Which one?", form, "Data analyst")
    await order(ada, mission, "answer", 422, **wrong)
    await order(ada, mission, "answer", step=asked["step"], **right)
    await until_at_rest(ada, mission, "completed")
    [answered] = [e for e in await so_far(ada, mission) if e["kind"] == "question_answered"]
    assert answered["answer"] == kept


async def test_a_file_answers_with_one_that_was_received_in_the_conversation(
    house: House, ada: httpx.AsyncClient, tmp_path: Any
) -> None:
    mission = await given(ada, "ask: file first")
    shown = await until_at_rest(ada, mission, "waiting_answer")
    path = tmp_path / "list.txt"
    path.write_text("one\ntwo\n")
    here = await house.office.receive("user-ada", shown["conversation_id"], "list.txt", "text/plain", path)
    elsewhere = await house.office.receive("user-ada", new_id(), "other.txt", "text/plain", path)
    assert "Attach one" in (await order(ada, mission, "answer", 422))["detail"]
    assert (await order(ada, mission, "answer", 404, files=[elsewhere.id]))["detail"].startswith("files: ")
    await order(ada, mission, "answer", files=[here.id])
    await until_at_rest(ada, mission, "completed")
    [answered] = [e for e in await so_far(ada, mission) if e["kind"] == "question_answered"]
    assert [a["name"] for a in answered["attachments"]] == ["list.txt"]


async def test_events_are_replayed_and_then_told_live(house: House, ada: httpx.AsyncClient) -> None:
    mission = await given(ada, step_mode=True)
    shown = await until_at_rest(ada, mission, "paused")
    async with ada.stream("GET", f"/api/missions/{mission}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        first = [e async for e in told(stream)]  # the mission rests: what there is, and the end
    assert [e["seq"] for e in first] == list(range(1, shown["last_seq"] + 1))
    assert first[-1]["kind"] == "mission_ended"
    await order(ada, mission, "step_mode", choice="off")
    rest: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while not rest or rest[-1]["kind"] != "mission_ended":
            came = {"last-event-id": str((first + rest)[-1]["seq"])}
            async with ada.stream("GET", f"/api/missions/{mission}/events", headers=came) as stream:
                rest += [e async for e in told(stream)]
    assert first + rest == await so_far(ada, mission)
    done = await ada.get(f"/api/missions/{mission}/events", headers={"last-event-id": str(rest[-1]["seq"])})
    assert (done.status_code, done.content) == (204, b"")


async def test_whoever_comes_again_gets_every_event_exactly_once(house: House, ada: httpx.AsyncClient) -> None:
    mission = await given(ada, "Say hello")
    seen: list[dict[str, Any]] = []
    cuts = 0
    async with asyncio.timeout(30):
        while not seen or seen[-1]["kind"] != "mission_ended":
            came = {"last-event-id": str(seen[-1]["seq"])} if seen else {}
            async with ada.stream("GET", f"/api/missions/{mission}/events?after=0", headers=came) as stream:
                number = 0
                async for event in told(stream):
                    seen.append(event)
                    number += 1
                    if number == 2:
                        cuts += 1
                        break
    assert cuts >= 4, "the line was hardly ever cut"
    assert seen == await so_far(ada, mission)
    async with asyncio.timeout(10):
        while mission in house.office.database.signals._callbacks:  # who went away is forgotten
            await asyncio.sleep(0.02)


async def test_while_nothing_happens_the_line_is_kept_alive_and_who_goes_away_is_forgotten(
    house: House, ada: httpx.AsyncClient
) -> None:
    mission = await given(ada, "Wait for ever")
    topics = house.office.database.signals._callbacks
    async with asyncio.timeout(20):
        beats = 0
        reading: Any = lines(house.office, mission, 0, heartbeat=0.02)
        async for chunk in reading:
            beats += chunk.startswith(b": ")
            if beats == 3:
                break
        await reading.aclose()
        assert mission not in topics
        async with ada.stream("GET", f"/api/missions/{mission}/events") as stream:
            async for event in told(stream):
                if event["kind"] == "model_asked":
                    break
            assert mission in topics
        while mission in topics:
            await asyncio.sleep(0.02)
    assert (await ada.get(f"/api/missions/{mission}")).json()["status"] == "in_progress"
    await order(ada, mission, "stop")
    assert (await until_at_rest(ada, mission, *RESTING))["problem"] == "You stopped this mission."


async def test_what_is_not_yours_does_not_exist(house: House, ada: httpx.AsyncClient) -> None:
    mission = await given(ada, step_mode=True)
    talk = (await until_at_rest(ada, mission, "paused"))["conversation_id"]
    async with house.visitor("bob") as bob:
        for path in (mission, "nothing-like-it"):
            assert (await bob.get(f"/api/missions/{path}")).status_code == 404
            assert (await bob.get(f"/api/missions/{path}/events")).status_code == 404
            json_only = {"accept": "application/json"}
            assert (await bob.get(f"/api/missions/{path}/events", headers=json_only)).status_code == 404
            assert (await order(bob, path, "stop", 404))["detail"] == "There is no such mission."
        assert (await bob.get("/api/missions")).json() == {"missions": []}
        assert (await bob.post("/api/missions", json={"goal": "x", "conversation_id": talk})).status_code == 404
        same = await bob.post("/api/missions", json={"goal": "Say hello", "id": "mine-1"})
        assert same.json()["mission_id"] not in [
            m["id"] for m in (await ada.get("/api/missions?limit=500")).json()["missions"]
        ]
    async with house.visitor() as nobody:
        assert (await nobody.get(f"/api/missions/{mission}/events")).status_code == 401
        assert (await nobody.post("/api/missions", json={"goal": "x"})).status_code == 401
    foreign = {"origin": "https://evil.example"}
    for path in ("/api/missions", f"/api/missions/{mission}/orders"):
        refused = await ada.post(path, json={"goal": "x", "kind": "stop"}, headers=foreign)
        assert refused.status_code == 403
    assert (await ada.get(f"/api/missions/{mission}")).json()["status"] == "paused"
    await order(ada, mission, "stop")


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
        ("/api/missions?limit=many", "limit: it should be a valid integer"),
        ("/api/missions?status=gone", "status.0: it must be "),
    ):
        answer = await ada.get(address)
        assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.text
    for number in ("x", "-1", "9" * 40, "²".encode("latin-1")):
        answer = await ada.get(f"/api/missions/{mission}/events", headers={"last-event-id": number})
        assert (answer.status_code, "Last-Event-ID" in answer.json()["detail"]) == (422, True), number
    await order(ada, mission, "stop")
