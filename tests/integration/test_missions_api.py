"""Missions over REST: given, looked at, steered and followed, each person's own only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from doors_fixtures import House
from served_fixtures import given, order, serve, so_far, until_at_rest

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
    assert shown["open"] == {"questions": [], "steps": [], "attention": [], "plans": [], "approvals": [], "orders": []}
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
