"""Documents into passages with their places; whatever needs a large parser is read in a process that can be killed."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import orjson

from core.errors import BadInput
from core.settings import Settings
from memory.chunking import MOST_PASSAGES, Piece, Section, clean, passages
from memory.parsing import TOO_MUCH_MEMORY, cut_note
from memory.sniffing import SAMPLE, decode, sniff

log = logging.getLogger(__name__)

SMALL = 2_000_000
"""Bytes of plain text that are read here, since decoding needs no parser; larger files leave the process."""
MOST_OUTPUT = 200_000_000
"""Bytes of output after which a parser is stopped."""
AT_ONCE = 2
"""Parsers running at the same time; each may use the memory of one."""
_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document's passages as (text, page, line), its pages (None where there are none), its characters.

    `note` says in plain words what was left out, if anything; `members` names the files of an archive, each of which is a page.
    """

    passages: list[Piece]
    pages: int | None
    characters: int
    note: str = ""
    members: tuple[str, ...] = ()

    def name_at(self, name: str, page: int | None) -> str:
        """Name the place a passage is from: the file, with the file in it if it is an archive."""
        return f"{name}: {self.members[page - 1]}" if page and page <= len(self.members) else name


class Rooms(Protocol):
    """Where a parser sees its one file and nothing else."""

    async def parsed(
        self, module: str, arguments: Sequence[str], file: Path, *, seconds: float, memory: int, most: int
    ) -> tuple[bytes, int]:
        """Run `python -m module arguments` ({file} stands for the file); returns output and exit status, a signal negative.

        Raises TimeoutError, MemoryError or OverflowError at a limit, BadInput if nothing can be read there just now.
        """
        ...


class DocumentReader:
    """Reads stored files, by what they are and not by what they are called: in rooms, or in processes with limits."""

    def __init__(self, settings: Settings, rooms: Rooms | None = None) -> None:
        self._rooms = rooms
        self._seconds = settings.parse_seconds
        self._memory = settings.parse_memory_mb * 1024 * 1024
        self._places = asyncio.Semaphore(AT_ONCE)

    async def check(self, path: Path, name: str) -> None:
        """Look at a file's beginning; raises BadInput, in words, if it is nothing that can be read as text."""
        sample, _ = await asyncio.to_thread(_look_at, path)
        sniff(sample, clean(name)[:200])

    async def read(self, path: Path, name: str, mime: str = "") -> ReadDocument:
        """Read a file into passages; raises BadInput, in words for the person who gave it, if that cannot be done.

        `name` is for people and decides only between kinds of text; `mime` is a claim and decides nothing.
        """
        name = clean(name)[:200]
        sample, size = await asyncio.to_thread(_look_at, path)
        kind = sniff(sample, name)
        if kind == "text" and size <= SMALL:
            document = await asyncio.to_thread(_read_text, path)
        else:
            async with self._places:
                document = await (
                    self._parse(kind, path, name) if self._rooms is None else self._in_a_room(kind, path, name)
                )
        if not document.passages:
            raise BadInput(f"{name} contains no text.")
        return document

    async def _in_a_room(self, kind: str, path: Path, name: str) -> ReadDocument:
        """Read a file where its parser sees nothing else; whatever goes wrong there, it is not read in another way."""
        assert self._rooms is not None
        plain = name.replace("{", "(").replace("}", ")")
        arguments = [kind, "{file}", plain, str(self._memory), str(int(self._seconds) + 1)]
        limits = {"memory": self._memory, "most": MOST_OUTPUT}
        try:
            output, status = await self._rooms.parsed(
                "memory.parsing", arguments, path, seconds=self._seconds, **limits
            )
        except TimeoutError:
            raise BadInput(_too_slow(name, self._seconds)) from None
        except MemoryError:
            raise BadInput(TOO_MUCH_MEMORY.format(name=name)) from None
        except OverflowError:
            raise BadInput(_too_much_text(name)) from None
        return await asyncio.to_thread(_collect, output, status, name)

    async def _parse(self, kind: str, path: Path, name: str) -> ReadDocument:
        program = [sys.executable, "-I", "-B", "-m", "memory.parsing", kind, str(path), name]
        limits = [str(self._memory), str(int(self._seconds) + 1)]
        process = await asyncio.create_subprocess_exec(
            *program,
            *limits,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._seconds):
                output, complaint = await asyncio.gather(
                    _read_all(process.stdout, MOST_OUTPUT), _read_all(process.stderr, MOST_OUTPUT)
                )
                status = await process.wait()
        except TimeoutError:
            raise BadInput(_too_slow(name, self._seconds)) from None
        except OverflowError:
            raise BadInput(_too_much_text(name)) from None
        finally:
            await asyncio.shield(_end(process))
        if status:
            log.info("a parser ended with %s: %s", status, complaint[-2000:].decode("utf-8", "replace"))
        return await asyncio.to_thread(_collect, output, status, name)


async def _read_all(stream: asyncio.StreamReader | None, most: int) -> bytes:
    assert stream is not None
    pieces, size = [], 0
    while piece := await stream.read(1 << 20):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise OverflowError
    return b"".join(pieces)


async def _end(process: Process) -> None:
    """Kill the parser with whatever it started, and see it gone."""
    with suppress(ProcessLookupError):  # it has ended by itself, and nothing it started is left
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _collect(output: bytes, status: int, name: str) -> ReadDocument:
    lines = [orjson.loads(line) for line in output.splitlines()] if status == 0 else []
    last = lines.pop() if lines else {}
    if "problem" in last:
        raise BadInput(last["problem"])
    if status or "note" not in last:
        raise BadInput(_why_it_died(status, name))
    pieces: list[Piece] = [(text, page, line) for text, page, line in lines]
    characters = sum(len(text) for text, _, _ in pieces)
    return ReadDocument(pieces, last["pages"], characters, last["note"], tuple(last.get("members", ())))


def _too_slow(name: str, seconds: float) -> str:
    return f"{name} took longer than {seconds:g} seconds to read, so it was given up."


def _too_much_text(name: str) -> str:
    return f"{name} holds more text than can be read. Split it into smaller files."


def _why_it_died(status: int, name: str) -> str:
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"{name} took too long to read, so it was given up."
    if status == -signal.SIGABRT:
        return f"{name} needs too much memory to be read. Split it into smaller files and give those."
    return (
        f"{name} is damaged or not what it says it is, so it cannot be read. Open it, save it again and give the copy."
    )


def _look_at(path: Path) -> tuple[bytes, int]:
    with path.open("rb") as file:
        return file.read(SAMPLE), path.stat().st_size


def _read_text(path: Path) -> ReadDocument:
    pieces = list(islice(passages([Section(decode(path.read_bytes()))]), MOST_PASSAGES + 1))
    note = cut_note() if len(pieces) > MOST_PASSAGES else ""
    kept = pieces[:MOST_PASSAGES]
    return ReadDocument(kept, None, sum(len(text) for text, _, _ in kept), note)
