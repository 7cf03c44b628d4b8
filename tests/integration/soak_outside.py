"""The world outside, for the soak: a server on loopback that carries out effects, and counts every one of them.

One request is one line of JSON on a connection of its own. What is done here stands, whatever dies on the other side.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str, int]  # a mission, and the number of an effect in it


@dataclass
class Outside:
    """What happened, as those outside know it."""

    port: int = 0
    done: Counter[Place] = field(default_factory=Counter)  # how often an effect was carried out
    keys: dict[Place, set[str]] = field(default_factory=dict)  # of effects that take a key: each key is served once
    fences: dict[Place, int] = field(default_factory=dict)  # attempts below are not served any more
    fenced: int = 0  # requests of overtaken attempts that were turned away
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)  # model calls: mission and step
    open: int = 0

    def take(self, request: dict[str, Any]) -> Any:
        """Carry out one request and return the answer."""
        mission, place = request["mission"], (request["mission"], request.get("number", 0))
        match request["do"]:
            case "call":
                self.calls[mission, request["step"]] += 1
            case "once":
                if request["attempt"] < self.fences.get(place, 0):
                    self.fenced += 1
                    return "too late"
                self.done[place] += 1
            case "keyed":
                known = self.keys.setdefault(place, set())
                if request["key"] not in known:
                    known.add(request["key"])
                    self.done[place] += 1
            case "look":
                # From here on nothing of an older attempt is served, so "it did not happen" stays true.
                self.fences[place] = max(request["attempt"], self.fences.get(place, 0))
        return self.done[place]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            if line := await reader.readline():
                writer.write(json.dumps(self.take(json.loads(line))).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, json.JSONDecodeError):
            pass  # killed in the middle of its line: nothing was asked for
        finally:
            self.open -= 1
            writer.close()

    async def quiet(self) -> None:
        """Return once all that is under way is carried out."""
        await asyncio.sleep(0.02)  # what lies in the socket's buffer is accepted meanwhile
        while self.open:
            await asyncio.sleep(0.005)

    def happened(self, mission: str, number: int) -> bool:
        return self.done[mission, number] > 0

    def twice(self) -> list[Place]:
        """List what was carried out more than once."""
        return [place for place, count in self.done.items() if count > 1]


@asynccontextmanager
async def outside() -> AsyncIterator[Outside]:
    """Open the world outside on a free port of loopback."""
    world = Outside()
    server = await asyncio.start_server(world.serve, "127.0.0.1", 0, backlog=1000)
    async with server:
        world.port = server.sockets[0].getsockname()[1]
        yield world


async def ask(port: int, **request: Any) -> Any:
    """Ask the world outside for something; raises OSError if it is not there."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        return json.loads(await reader.readline())
    finally:
        writer.close()
