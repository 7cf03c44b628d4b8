"""The doors as people meet them: the real server on a free port, a browser-like client for pages and one for the socket."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import socketio
import uvicorn
from fake_office import FakeOffice
from sqlalchemy import insert

from chat.server import configured, create_app
from core.missions import now
from core.settings import Settings
from memory import tables

PASSWORD = "a long password"


@dataclass
class House:
    """The running server and the office behind it."""

    url: str
    office: FakeOffice
    app: Any

    @asynccontextmanager
    async def visitor(self, name: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A browser without scripts, logged in if a name is given."""
        async with httpx.AsyncClient(timeout=60, base_url=self.url, headers={"origin": self.url}) as client:
            if name:
                answer = await client.post("/login", data={"username": name, "password": PASSWORD})
                assert answer.status_code == 200, answer.text
                # Sent by hand: a Secure cookie would stay away from plain http.
                client.headers["cookie"] = answer.headers["set-cookie"].split(";")[0]
            yield client

    @asynccontextmanager
    async def tab(self, client: httpx.AsyncClient, conversation_id: str = "") -> AsyncIterator[Tab]:
        """A browser tab: a socket with the client's session, showing a conversation or an empty one."""
        tab = Tab(client, conversation_id)
        await tab.open(self.url)
        try:
            yield tab
        finally:
            await tab.socket.disconnect()


@dataclass
class Tab:
    """Keeps what the server sent, and the lines a page would show for it."""

    client: httpx.AsyncClient
    conversation_id: str = ""
    session_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    lines: dict[str, dict[str, Any]] = field(default_factory=dict)
    elements: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[tuple[str, Any]] = field(default_factory=list)
    missions: dict[str, dict[str, Any]] = field(default_factory=dict)
    socket: Any = None

    async def open(self, url: str) -> None:
        self.socket = socketio.AsyncClient(reconnection=False)
        self.socket.on("*", self._take)
        await self.socket.connect(
            url,
            socketio_path="/ws/socket.io",
            transports=["websocket"],
            headers={"cookie": self.client.headers["cookie"], "origin": url},
            auth={"sessionId": self.session_id, "clientType": "webapp", "threadId": self.conversation_id},
        )
        await self.socket.emit("connection_successful")

    async def _take(self, name: str, data: Any = None) -> None:
        self.events.append((name, data))
        if name in ("new_message", "update_message"):
            self.lines[data["id"]] = {**self.lines.get(data["id"], {}), **data}
            if "steps" in data:  # what is put into a line comes with what is in that
                inner = {step["id"]: step for step in unfolded(data["steps"])}
                self.lines = dict(list(inner.items()) + list(self.lines.items()))
        elif name == "stream_token":
            self.lines[data["id"]]["output"] += data["token"]
        elif name == "delete_message":
            self.lines.pop(data["id"], None)
        elif name == "element":
            self.elements[data["id"]] = data
        elif name == "resume_thread":
            self.lines = {step["id"]: step for step in unfolded(data["steps"])}
            self.elements = {element["id"]: element for element in data["elements"]}
        elif name == "first_interaction":
            self.conversation_id = data["thread_id"]
        elif name == "window_message" and "steering" in data:
            self._steer(data["steering"])

    def _steer(self, view: dict[str, Any] | None) -> None:
        """Keep what can be done about each mission, as the page does."""
        if view is None:
            self.missions = {}
        elif view["state"] == "ended":
            self.missions.pop(view["mission"], None)
        else:
            self.missions[view["mission"]] = view

    async def say(self, text: str, files: tuple[str, ...] = ()) -> str:
        """Send a message as the page does."""
        message_id = str(uuid.uuid4())
        message = {"id": message_id, "output": text, "type": "user_message", "name": "x", "createdAt": ""}
        self.lines[message_id] = {**message, "parentId": None}
        await self.socket.emit("client_message", {"message": message, "fileReferences": [{"id": i} for i in files]})
        return message_id

    async def steer(self, mission: str, kind: str, **more: Any) -> httpx.Response:
        """Click a button above the composer."""
        answer = await self.client.post(f"/steer/{mission}", json={"kind": kind, **more})
        assert answer.status_code == 200, answer.text
        return answer

    async def attach(self, name: str, content: bytes, mime: str = "text/plain") -> str:
        """Upload a file as the page does, and return its id in this tab."""
        answer = await self.client.post(
            f"/project/file?session_id={self.session_id}", files={"file": (name, content, mime)}
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    async def until(self, true: Callable[[Tab], object], seconds: float = 30) -> None:
        """Wait until something is shown."""
        async with asyncio.timeout(seconds):
            while not true(self):
                await asyncio.sleep(0.01)

    async def finished(self) -> None:
        """Wait until the answer stands and nothing is left to be steered."""
        await self.until(lambda tab: tab.answer["end"] and not tab.missions)

    @property
    def states(self) -> dict[str, str]:
        """Where each message stands that has not come to its end."""
        return {view["message"]: view["state"] for view in self.missions.values()}

    @property
    def busy(self) -> bool:
        """Say whether something is at work."""
        return any(view["state"] in ("running", "pausing") for view in self.missions.values())

    @property
    def answer(self) -> dict[str, Any]:
        """The newest message of the chief (empty if there is none yet)."""
        found = [line for line in self.lines.values() if line["type"] == "assistant_message"]
        return found[-1] if found else {"end": None, "output": ""}

    @property
    def names(self) -> list[str]:
        """What the lines are called, in order."""
        return [line["name"] for line in self.lines.values()]

    @property
    def view(self) -> list[tuple[Any, ...]]:
        """What a person sees, for comparisons: what belongs to a line stands below it."""
        keys = ("id", "parentId", "type", "name", "input", "output", "isError", "start", "end")

        def below(parent: str | None) -> list[tuple[Any, ...]]:
            those = [line for line in self.lines.values() if line.get("parentId") == parent]
            return [seen for line in those for seen in (tuple(line.get(key) for key in keys), *below(line["id"]))]

        return below(None)


def scripts(page: str) -> list[str]:
    """List the scripts of a page but those that every page of ours may have: the theme's, and the one that lets forms go once."""
    ours = re.compile(r'<script src="/public/(theme_choice|pressing)\.js\?v=[0-9a-f]{8}"></script>')
    return re.findall(r"<script[^>]*>", ours.sub("", page))


def unfolded(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """List steps and those in them, as they stand on the page."""
    return [one for step in steps for one in (step, *unfolded(step.get("steps", [])))]


async def add_person(office: FakeOffice, name: str) -> None:
    """Add a member with PASSWORD, as an owner will be able to."""
    password_hash = office.people._argon.hash(PASSWORD)
    row = {"id": f"user-{name}", "name": name, "password_hash": password_hash, "role": "member", "active": True}
    await office.database.write((insert(tables.users), {**row, "token_version": 1, "created_at": now()}))


@asynccontextmanager
async def open_house(folder: Path, **chosen: Any) -> AsyncIterator[House]:
    """Serve on a free port; ada and bob can log in."""
    settings = Settings(data_dir=folder / "data", port=0, **chosen)
    app = create_app(settings, FakeOffice.open)
    server = uvicorn.Server(configured(app, settings))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
        assert not serving.done()
    port = server.servers[0].sockets[0].getsockname()[1]
    office = app.state.office
    for name in ("ada", "bob"):
        await add_person(office, name)
    try:
        yield House(f"http://127.0.0.1:{port}", office, app)
    finally:
        server.should_exit = True
        await serving
