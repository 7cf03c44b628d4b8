"""Speaking to a Staffwork on another machine with an API key; what goes wrong is said in words."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import typer

from chat.terminal_lines import hints, line_of
from core.errors import BadInput, Refused, StoreUnavailable
from core.events import EVENTS, Event, MissionEnded
from graphs.standing import Standing

if TYPE_CHECKING:
    import httpx

TRIES = 20
"""How often in a row a connection that broke off is made again."""
_PAUSE, _LONGEST_PAUSE = 0.1, 3.0


def pauses(tries: int) -> Iterator[float]:
    """Say how many seconds to wait after each try: ever longer."""
    return (min(_LONGEST_PAUSE, _PAUSE * 2**number) for number in range(tries))


@asynccontextmanager
async def reached(server: str, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """Speak to a server with a key, which goes over TLS or stays on this machine; what breaks is said in words."""
    import httpx

    try:
        place = urlsplit(server.strip())
    except ValueError:
        place = urlsplit("")
    if place.scheme not in ("http", "https") or not place.hostname:
        raise BadInput("Where is it? Give --server https://..., or set STAFFWORK_SERVER.")
    if place.scheme == "http" and place.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise BadInput("--server: the key would be sent readable. Use https:// (http:// on this machine only).")
    if not key:
        raise BadInput("Set STAFFWORK_SERVER_KEY to an API key of yours there; you make one on its page /keys.")
    if _NO_KEY.search(key):
        raise BadInput("STAFFWORK_SERVER_KEY is no API key: it has spaces or letters that none has. Copy it again.")
    headers = {"authorization": f"Bearer {key}", "accept": "application/json"}
    try:
        async with httpx.AsyncClient(base_url=server.strip().rstrip("/"), headers=headers, timeout=30) as client:
            yield client
    except httpx.HTTPError as problem:
        raise StoreUnavailable(f"{server} cannot be reached: {problem or type(problem).__name__}.") from None


async def asked(there: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask there; raises Refused with its own words."""
    answer = await there.request(method, path, json=body)
    refused(answer)
    try:
        return answer.json() if answer.content else {}
    except ValueError:
        raise Refused(f"{there.base_url} is no Staffwork: it answered something else ({answer.status_code}).") from None


def refused(answer: httpx.Response) -> None:
    """Raise Refused, in the other side's own words, if an answer (that has been read) says no."""
    if not answer.is_error:
        return
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        raise Refused(f"{answer.request.url.host} refused it and did not say why ({answer.status_code}).") from None
    raise Refused(str(detail))


async def whole_id(there: httpx.AsyncClient, name: str, beginning: str) -> str:
    """Find the id of a mission or conversation there by its unique beginning; raises BadInput."""
    beginning = beginning.strip()
    if not beginning or _ODD.search(beginning):
        raise BadInput(f"{beginning[:60]!r} is no id of a {name}. An id has letters, digits, - and _ only.")
    if len(beginning) >= _WHOLE:
        return beginning
    which = "?limit=500" if name == "mission" else "?limit=500&which=all"
    found = [one["id"] for one in (await asked(there, "GET", f"/api/{name}s{which}"))[f"{name}s"]]
    fits = [one for one in found if one.startswith(beginning)]
    if len(fits) > 1 and beginning not in fits:
        raise BadInput(f"Several {name}s there begin with {beginning}. Give more of the id.")
    return beginning if beginning in fits or not fits else str(fits[0])


class Following:
    """Tells what happens in a mission there, each event once and in order, however often the connection breaks."""

    def __init__(self, there: httpx.AsyncClient, mission: str, *, as_json: bool) -> None:
        self._there, self._mission, self._as_json = there, mission, as_json
        self.after = 0  # the number of the last event that is known
        self.standing = Standing()
        self.ended: MissionEnded | None = None  # how it ended, or came to rest the last time
        self._cut = False

    def know(self, event: Event) -> None:
        """Take note of what happened."""
        self.after = max(self.after, event.seq)
        self.standing.note(event)
        self.ended = event if isinstance(event, MissionEnded) else self.ended

    async def to_rest(self) -> MissionEnded:
        """Return how the mission ended, or why it waits; raises StoreUnavailable if the server stays away."""
        tries = pauses(TRIES)
        try:
            while (pause := next(tries, None)) is not None:
                before = self.after
                if (ended := await self._followed()) is not None:
                    return ended
                tries = pauses(TRIES) if self.after > before else tries
                await asyncio.sleep(pause)
        except asyncio.CancelledError:
            typer.echo(f"\nLeft; the mission goes on there. Follow it with: {_FOLLOW} {self._mission}", err=True)
            raise
        why = "The connection is lost" if self._cut else "Nobody is at work on it there just now"
        raise StoreUnavailable(f"{why}. The mission is kept; follow it with: {_FOLLOW} {self._mission}")

    async def _followed(self) -> MissionEnded | None:
        """Follow until the stream ends; a stream that breaks off is taken up after the last event that came whole."""
        import httpx

        path = f"/api/missions/{quote(self._mission, safe='')}/events?after={self.after}"
        try:
            async with self._there.stream("GET", path, headers={"accept": "text/event-stream"}) as answer:
                if answer.status_code in _AWAY:
                    self._cut = True
                    return None
                if answer.is_error:
                    await answer.aread()
                    refused(answer)
                self._cut = False
                async for line in answer.aiter_lines():
                    if (ended := self._noted(line)) is not None:
                        return ended
        except httpx.TransportError:
            self._cut = True
        return None

    def _noted(self, line: str) -> MissionEnded | None:
        if not line.startswith("data: "):
            return None
        try:
            event = EVENTS.validate_json(line.removeprefix("data: "))
        except ValueError:
            return None  # cut in the middle (it comes again), or of a kind that this version does not know
        if event.seq <= self.after:
            return None
        self.know(event)
        if isinstance(event, MissionEnded):
            return event
        _tell(event, as_json=self._as_json)
        return None


def _tell(event: Event, *, as_json: bool) -> None:
    if as_json:
        typer.echo(event.model_dump_json(exclude_none=True))
    elif line := line_of(event):
        typer.echo(line, err=True)


def hints_there(mission: str, standing: Standing) -> list[str]:
    """Say of everything that waits for a person there what it is, and what settles it."""
    said: list[str] = []
    for line in hints(mission, standing):
        found = next(((old, new) for old, new in _THERE if old in line), None)
        if found is None and "staffwork " in line:
            said.append("  Decide about this in the browser, in the conversation or on the page /inbox.")
        else:
            said.append((line.replace(*found) if found else line).replace(" --work", ""))
    return said


_AWAY = (502, 503, 504)
_FOLLOW = "staffwork remote follow"
_WHOLE = 32
_NO_KEY = re.compile(r"[^!-~]")
_ODD = re.compile(r"[^A-Za-z0-9_-]")
_THERE = (
    ("staffwork answer", "staffwork remote answer"),
    ("staffwork approvals approve", "staffwork remote approve"),
    ("staffwork missions resume", "staffwork remote resume"),
)
