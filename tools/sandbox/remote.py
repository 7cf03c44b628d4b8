"""The sandbox of a runner: asked over a socket, and believed no more than its answers hold."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from core.errors import BadInput, ToolFailure
from tools.sandbox.framing import PIECE, Answered, Asked, Measures, peer, receive, send
from tools.sandbox.remote_session import GIVEN_UP, RemoteSession, result_of
from tools.sandbox.terms import PYTHON, Absent, Kit, Limits, Result

log = logging.getLogger(__name__)
_HELLO_SECONDS = 5.0
_LOOK_EVERY = 5.0  # seconds
_SPARE_SECONDS = 90.0  # beyond a run's own time: for a place, for given files, for the end
_GONE = "The runner went away while this ran. It was ended; what it did to the files of this conversation stays."


class RemoteSandbox:
    """Has commands run by a runner (serving.py), which may come and go; `absent` says why there is none just now."""

    tier = "runner"
    python = PYTHON

    def __init__(self, socket: Path, workspaces: Path, limits: Limits) -> None:
        self._socket, self._workspaces, self.limits = socket, workspaces, limits
        self.absent: Absent | None = Absent("the runner was not asked yet.", "Wait a moment.")

    @property
    def sockets(self) -> Path:
        """Where the socket of a proxy must be, for the runner to see it."""
        return self._socket.parent

    def there(self) -> bool:
        """Say whether there was a runner, with a sandbox that holds, when it was last asked."""
        return self.absent is None

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[RemoteSandbox]:
        """Look for the runner now, and again and again until the end."""
        await self.look()
        watch = asyncio.ensure_future(self._watch())
        try:
            yield self
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def look(self) -> Absent | None:
        """Ask whether there is a runner with a sandbox that holds."""
        before, self.absent = self.absent, await self._missing()
        if self.absent != before:
            log.info("sandbox: %s", self.absent.reason if self.absent else "the runner is there")
        return self.absent

    async def run(
        self,
        argv: Sequence[str],
        workspace: Path,
        limits: Limits | None = None,
        *,
        env: Mapping[str, str] | None = None,
        network: Path | None = None,
        stdin: bytes = b"",
        given: Mapping[str, Path] | None = None,
        kit: Kit = "code",
    ) -> Result:
        """Run a command in a workspace; when this returns, or is cancelled, nothing of it runs any more."""
        if not argv or any("\0" in part for part in argv):
            raise BadInput("A command needs a program, and holds no zero characters.")
        limits, files = limits or self.limits, dict(given or {})
        asked = Asked(
            ask="run",
            argv=list(argv),
            workspace=self._below(workspace, self._workspaces),
            env=dict(env or {}),
            limits=Measures(**asdict(limits)),
            network=self._below(network, self.sockets) if network else "",
            stdin=len(stdin),
            kit=kit,
            given=[(name, await asyncio.to_thread(_size, path)) for name, path in files.items()],
        )
        bodies = _bodies(stdin, [(files[name], size) for name, size in asked.given])
        try:
            async with asyncio.timeout(limits.seconds + _SPARE_SECONDS):
                answer, out, err = await self._ask(asked, bodies)
        except TimeoutError:
            raise ToolFailure("The runner did not answer in time. Try again in a moment.") from None
        return result_of(answer, out, err)

    async def session(
        self, argv: Sequence[str], workspace: Path, *, given: Mapping[str, Path], idle: float
    ) -> RemoteSession:
        """Start a program that answers one call after the other (see sessions.OpensSessions)."""
        sizes = [(name, await asyncio.to_thread(_size, path)) for name, path in given.items()]
        place = self._below(workspace, self._workspaces)
        asked = Asked(ask="session", argv=list(argv), workspace=place, given=sizes, idle=idle)
        try:
            reader, writer = await self._connected()
        except OSError:
            self.absent = self._away("it does not answer")
            raise ToolFailure(f"Code cannot be run just now: {self.absent.reason}") from None
        try:
            answer, *_ = await _exchanged(reader, writer, asked, _bodies(b"", [(given[n], s) for n, s in sizes]))
            if answer.kind != "here":
                result_of(answer, b"", b"")  # raises
        except BaseException as problem:
            writer.close()
            if isinstance(problem, asyncio.IncompleteReadError | ConnectionError):
                raise ToolFailure(_GONE) from None
            raise
        return RemoteSession(reader, writer)

    async def _ask(self, asked: Asked, bodies: Iterator[bytes]) -> tuple[Answered, bytes, bytes]:
        """Ask, and wait for the answer; whoever gives up waits until the runner has ended what it began."""
        try:
            reader, writer = await self._connected()
        except OSError:
            self.absent = self._away("it does not answer")
            raise ToolFailure(f"Code cannot be run just now: {self.absent.reason}") from None
        try:
            return await _exchanged(reader, writer, asked, bodies)
        except asyncio.CancelledError:
            with suppress(OSError):
                writer.write_eof()
            await asyncio.shield(_to_the_end(reader))  # a runner that stands still is not waited for
            raise
        except (asyncio.IncompleteReadError, ConnectionError):
            self.absent = self._away("it broke off")
            raise ToolFailure(_GONE) from None
        finally:
            writer.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_unix_connection(self._socket)
        if peer(writer) != os.geteuid():
            writer.close()
            raise PermissionError("another user listens there")
        return reader, writer

    async def _missing(self) -> Absent | None:
        try:
            async with asyncio.timeout(_HELLO_SECONDS):
                reader, writer = await self._connected()
                try:
                    answer, *_ = await _exchanged(reader, writer, Asked(ask="hello"), iter(()))
                finally:
                    writer.close()
        except (OSError, asyncio.IncompleteReadError) as problem:
            words = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
            return self._away(words.lower() or "it takes too long to answer")
        except BadInput as problem:
            return Absent(str(problem), "Start Staffwork and its runner from the same version.")
        match answer.kind:
            case "here":
                return None
            case "absent":
                return Absent(f"in the runner, {answer.words}", answer.fix)
        return Absent(f"the runner refuses: {answer.words}", "Start Staffwork and its runner from the same version.")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            await self.look()

    def _away(self, why: str) -> Absent:
        fix = f"`docker compose up -d runner`, or `staffwork runner --socket {self._socket}` as the same user"
        return Absent(f"the runner is not there ({why}).", f"Start it: {fix}. The tools come back by themselves.")

    @staticmethod
    def _below(path: Path, folder: Path) -> str:
        if path.absolute().parent != folder.absolute():
            raise BadInput("The runner sees only what lies directly in its folders.")
        return path.name


async def _exchanged(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: Asked, bodies: Iterator[bytes]
) -> tuple[Answered, bytes, bytes]:
    with suppress(ConnectionError):  # it may refuse before it has read everything: its answer says why
        await send(writer, asked, bodies)
    answer: Answered = await receive(reader, Answered)
    return answer, await reader.readexactly(answer.out), await reader.readexactly(answer.err)


async def _to_the_end(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        try:
            async with asyncio.timeout(GIVEN_UP):
                while await reader.read(PIECE):
                    pass
        except TimeoutError:
            log.warning("the runner does not say that it has ended a run")


def _size(path: Path) -> int:
    return path.stat().st_size


def _bodies(stdin: bytes, files: Sequence[tuple[Path, int]]) -> Iterator[bytes]:
    """Give out what is sent behind a request: exactly the announced bytes, also if a file changes meanwhile."""
    yield stdin
    for path, size in files:
        with path.open("rb") as file:
            for start in range(0, size, PIECE):
                most = min(PIECE, size - start)
                yield file.read(most).ljust(most, b"\0")
