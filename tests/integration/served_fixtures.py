"""The real server over the real office, with a model played on loopback; and what its routes send, read like a program."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from doors_fixtures import House, add_person
from wire_replies import WireReply
from wire_servers import Script, WireServer

from chat.server import configured, create_app
from core.settings import Settings


def play(body: dict[str, Any]) -> WireReply:
    """Play a model: one analyst, who asks the user first if the goal says so ("ask: <form>"), and answers 42."""
    tools = {t["function"]["name"] for t in body.get("tools", [])}
    calls = [c["id"] for m in body["messages"] for c in m.get("tool_calls") or ()]
    goal = json.dumps(body["messages"]).split("<goal>")[-1].split("</goal>")[0]  # not what is remembered of others
    form = goal.split("ask: ")[1].split(" ")[0] if "ask: " in goal else ""
    if "Say hello" in goal:
        return WireReply(text="Hello. " * 20, tokens_per_second=100)
    if "Wait for ever" in goal:
        return WireReply(fault="hang")
    if "make_plan" in tools:
        tasks = [{"operator": "analyst", "goal": f"Work it out, ask: {form} ." if form else "Work it out"}]
        return WireReply(calls=[("c1", "make_plan", {"note": "One part.", "tasks": tasks})])
    if "finish" not in tools:
        return WireReply(text="The answer is 42.")
    if any(c.startswith("c2") for c in calls):
        return WireReply(calls=[("c3", "finish", {"status": "completed", "summary": "It is 42.", "result": "42"})])
    if form:
        choices = ["red", "blue"] if form == "choice" else []
        return WireReply(calls=[("c2", "ask_user", {"question": "Which one?", "form": form, "choices": choices})])
    return WireReply(calls=[("c2", "calculate", {"expression": "6*7"})])


@asynccontextmanager
async def serve(folder: Path, script: Script = play, **chosen: Any) -> AsyncIterator[House]:
    """Serve on a free port; ada and bob can log in."""
    with WireServer(script) as model:
        about = {"model": "compatible:m", "compatible_base_url": model.base_url} | chosen
        given = {name: value for name, value in about.items() if value != ""}  # as `load` leaves out what is empty
        settings = Settings.model_validate({"data_dir": folder / "data", "port": 0} | given)
        app = create_app(settings)
        server = uvicorn.Server(configured(app, settings))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
            assert not serving.done()
        office = app.state.office
        for name in ("ada", "bob"):
            await add_person(office, name)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield House(f"http://127.0.0.1:{port}", office, app)
        finally:
            server.should_exit = True
            await serving


async def told(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Read an event stream: each event with the id it came under."""
    number = ""
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "id":
            number = value
        elif name == "data":
            event = json.loads(value)
            assert str(event["seq"]) == number
            yield event


async def until_at_rest(client: httpx.AsyncClient, mission_id: str, *statuses: str) -> dict[str, Any]:
    """Look at a mission until it stands at one of these statuses."""
    async with asyncio.timeout(60):
        while True:
            shown: dict[str, Any] = (await client.get(f"/api/missions/{mission_id}")).json()
            if shown["status"] in statuses:
                return shown
            await asyncio.sleep(0.02)


async def given(client: httpx.AsyncClient, goal: str = "Work it out", **more: Any) -> str:
    answer = await client.post("/api/missions", json={"goal": goal, **more})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["mission_id"])


async def order(client: httpx.AsyncClient, mission_id: str, kind: str, code: int = 202, **more: Any) -> dict[str, Any]:
    answer = await client.post(f"/api/missions/{mission_id}/orders", json={"kind": kind, **more})
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def so_far(client: httpx.AsyncClient, mission: str, after: int = 0) -> list[dict[str, Any]]:
    answer = await client.get(
        f"/api/missions/{mission}/events?after={after}&limit=10000", headers={"accept": "application/json"}
    )
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["more"] is False
    found: list[dict[str, Any]] = answer.json()["events"]
    return found
