"""The runner: keeps the sandbox for a Staffwork that has none of its own, and runs what it is asked to over a socket.

It trusts nobody: who asks must be the same user, a workspace is a folder directly below the workspaces, limits can only be
lower than its own, and whoever goes away takes the run along.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import BadInput, Misconfigured, StaffworkError, ToolFailure
from tools.clearing import held_folder, put_away, sweep
from tools.sandbox.framing import Answered, Asked, Line, peer, receive, send, spool
from tools.sandbox.opening import Sandbox
from tools.sandbox.sessions import RoomSession
from tools.sandbox.terms import Absent, Limits, Result

log = logging.getLogger(__name__)
_MOST_CALLERS = 64
_ASKING_SECONDS = 60.0  # for a whole request to arrive, with the files it gives
_LONGEST_PATH = 100  # bytes; the kernel takes 107
_GIVEN = ".given-"
_OUR_OWN = Limits(seconds=600, memory=4 << 30, disk=4 << 30)
"""The most for our own programs that read and work; Staffwork asks for what it needs."""


@dataclass
class RunnerServer:
    """Answers on a socket with a sandbox, or with the reason why there is none; `root` holds the workspaces."""

    sandbox: Sandbox | Absent
    root: Path
    socket: Path
    callers: int = _MOST_CALLERS
    patience: float = _ASKING_SECONDS
    user: int = field(default_factory=os.geteuid)
    _here: set[asyncio.Task[Any]] = field(default_factory=set)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[RunnerServer]:
        """Listen until the end; then every run under way is ended."""
        if len(os.fsencode(self.socket)) > _LONGEST_PATH:
            raise Misconfigured(f"{self.socket} is too long for a socket: {_LONGEST_PATH} bytes at most.")
        self.socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        await asyncio.to_thread(sweep, self.root, _GIVEN)  # what a runner left that was killed
        await asyncio.to_thread(_forget_proxies, self.socket.parent)
        with suppress(FileNotFoundError):
            self.socket.unlink()
        server = await asyncio.start_unix_server(self._welcome, self.socket)
        self.socket.chmod(0o600)
        try:
            yield self
        finally:
            server.close()
            for task in self._here:
                task.cancel()
            await asyncio.gather(*self._here, return_exceptions=True)
            with suppress(FileNotFoundError):
                self.socket.unlink()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if peer(writer) != self.user or len(self._here) >= self.callers:
            log.warning("a caller was turned away: user %s, %s others here", peer(writer), len(self._here))
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._here.add(task)
        try:
            answer, *streams = await self._answer(reader, writer)
            await _tell(writer, answer, streams, self.patience)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            log.info("a caller went away, or stopped talking or listening")
            writer.transport.abort()  # what is still to be sent would keep it open
        except asyncio.CancelledError:  # by us, at the end
            log.info("a run was ended, because the runner ends")
        finally:
            self._here.discard(task)
            writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[Answered, bytes, bytes] | tuple[Answered]:
        try:
            async with asyncio.timeout(self.patience):
                asked: Asked = await receive(reader, Asked)
            asked.check()
            if isinstance(self.sandbox, Absent):
                return (Answered(kind="absent", words=self.sandbox.reason, fix=self.sandbox.fix),)
            if asked.ask == "hello":
                return (Answered(kind="here"),)
            if asked.ask == "session":
                return (await self._keep(self.sandbox, asked, reader, writer),)
            return _told(await self._run(self.sandbox, asked, reader))
        except BadInput as problem:
            return (Answered(kind="bad_input", words=str(problem)[:4_000]),)
        except (ConnectionError, TimeoutError):
            raise
        except (StaffworkError, OSError) as problem:
            log.info("a run could not be made: %s", problem)
            return (Answered(kind="failure", words=str(problem)[:4_000]),)

    async def _run(self, sandbox: Sandbox, asked: Asked, reader: asyncio.StreamReader) -> Result:
        workspace, network = self._workspace(asked.workspace), self._network(asked.network)
        most = sandbox.limits if asked.kit == "code" else _OUR_OWN
        limits = asked.limits.within(most) if asked.limits else None
        with self._spool() as folder:
            given = {name: folder / str(number) for number, (name, _) in enumerate(asked.given)}
            async with asyncio.timeout(self.patience):
                stdin = await reader.readexactly(asked.stdin)
                for name, size in asked.given:
                    await spool(reader, size, given[name])
            run = sandbox.run(
                asked.argv, workspace, limits, env=asked.env, network=network, stdin=stdin, given=given, kit=asked.kit
            )
            return await _while_there(asyncio.ensure_future(run), reader)

    async def _keep(
        self, sandbox: Sandbox, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Answered:
        """Keep a program until it ends or whoever asked for it is gone; returns why it ended, if it did by itself."""
        workspace = self._workspace(asked.workspace)
        with self._spool() as folder:
            given = {name: folder / str(number) for number, (name, _) in enumerate(asked.given)}
            async with asyncio.timeout(self.patience):
                for name, size in asked.given:
                    await spool(reader, size, given[name])
            session = await sandbox.session(asked.argv, workspace, given=given, idle=asked.idle)
            try:
                await send(writer, Answered(kind="here"))
                while not session.ended:
                    await _serve_line(session, sandbox, self.patience, reader, writer)
            finally:
                session.end()
                await session.gone()
            return Answered(kind="absent", words=session.why[:4_000])

    def _workspace(self, name: str) -> Path:
        """Find a workspace; nothing but a folder of ours directly below the root is one."""
        place = self.root / name
        with suppress(OSError):
            info = place.lstat()
            if name and stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid():
                return place
        raise BadInput(f"The runner sees no workspace {name!r}. Do both mount the same workspaces?")

    def _network(self, name: str) -> Path | None:
        if not name:
            return None
        place = self.socket.parent / name
        with suppress(OSError):
            if stat.S_ISSOCK(place.lstat().st_mode):
                return place
        raise BadInput("The runner does not see the proxy of this run. Do both mount the folder of the socket?")

    @contextmanager
    def _spool(self) -> Iterator[Path]:
        folder, held = held_folder(self.root, _GIVEN)
        try:
            yield folder
        finally:
            put_away(folder, held)


def _forget_proxies(folder: Path) -> None:
    """Remove the sockets of runs whose Staffwork was killed: nobody listens there any more."""
    for left in folder.glob("proxy-*"):
        with socket.socket(socket.AF_UNIX) as caller, suppress(OSError):
            caller.settimeout(1)
            try:
                caller.connect(str(left))
            except ConnectionRefusedError:
                left.unlink()


async def _tell(writer: asyncio.StreamWriter, answer: Answered, streams: Sequence[bytes], patience: float) -> None:
    """Answer somebody who has to read it, too; raises TimeoutError if they do not."""
    async with asyncio.timeout(patience):
        await send(writer, answer, streams)


async def _serve_line(
    session: RoomSession, sandbox: Sandbox, patience: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Wait for one call of a session, or for its end, and answer."""
    coming, gone = asyncio.ensure_future(receive(reader, Line)), asyncio.ensure_future(session.gone())
    try:
        await asyncio.wait((coming, gone), return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            return
        line: Line = coming.result()
    finally:
        for task in (coming, gone):
            task.cancel()
        await asyncio.gather(coming, gone, return_exceptions=True)
    asking = asyncio.ensure_future(session.ask(line.line, min(line.seconds, sandbox.limits.seconds)))
    try:
        answer, out, err = _told(await _while_there(asking, reader))
    except ToolFailure as problem:
        answer, out, err = Answered(kind="failure", words=str(problem)[:4_000]), b"", b""
    await _tell(writer, answer.model_copy(update={"over": session.ended}), (out, err), patience)


async def _while_there(run: asyncio.Future[Result], reader: asyncio.StreamReader) -> Result:
    """Wait for a run as long as whoever asked for it is there; raises ConnectionError when they are gone, and the run is too."""
    gone = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait((run, gone), return_when=asyncio.FIRST_COMPLETED)
        if run.done():
            return run.result()
        raise ConnectionResetError("who asked is gone")
    finally:
        for task in (run, gone):
            task.cancel()
        await asyncio.gather(run, gone, return_exceptions=True)


def _told(result: Result) -> tuple[Answered, bytes, bytes]:
    out, err = result.stdout.encode(), result.stderr.encode()
    answer = Answered(
        kind="result",
        words=result.reason[:4_000],
        status=result.status,
        code=result.code,
        seconds=result.seconds,
        memory=result.memory,
        out=len(out),
        err=len(err),
    )
    return answer, out, err
