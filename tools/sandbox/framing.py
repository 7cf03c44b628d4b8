"""What app and runner say to each other over their socket: a length, a JSON header of that length, then the bytes it announces."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import BadInput
from tools.sandbox.terms import Kit, Limits, Status

VERSION = 1
MOST_HEADER = 4 << 20  # bytes
MOST_STDIN = 64 << 20
MOST_GIVEN = 2 << 30
MOST_OUTPUT = 1 << 20  # of each stream; a sandbox keeps far less of it
PIECE = 1 << 18
_LENGTH = struct.Struct(">I")
_CREDENTIALS = struct.Struct("3i")

Count = Field(ge=0)


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    version: Literal[1] = 1


class Measures(_Said):
    """Limits on the wire; the runner's own are the most that is granted."""

    seconds: float = Field(gt=0)
    memory: int = Count
    pids: int = Count
    disk: int = Count
    files: int = Count
    scratch: int = Count
    output: int = Count
    descriptors: int = Count

    def within(self, most: Limits) -> Limits:
        return Limits(**{name: min(getattr(self, name), getattr(most, name)) for name in Limits.__slots__})


class Asked(_Said):
    """One question: who is there ("hello"), a run, or a session (its program is ended when unused for `idle` seconds).

    Behind it come `stdin` bytes, then the given files, each its size. `workspace` is a folder directly below the workspaces,
    `network` a socket beside the runner's own ("" for none).
    """

    ask: Literal["hello", "run", "session"]
    argv: list[str] = Field([], max_length=1_000)
    workspace: str = Field("", pattern=r"^([A-Za-z0-9_-]{1,100}|\.reading-[0-9a-f]{16})?$")
    env: dict[str, str] = Field({}, max_length=200)
    limits: Measures | None = None
    network: str = Field("", pattern=r"^(proxy-[0-9a-f]{16})?$")
    stdin: int = Field(0, ge=0, le=MOST_STDIN)
    given: list[tuple[str, int]] = Field([], max_length=1_000)
    kit: Kit = "code"
    idle: float = Field(0.0, ge=0, le=86_400)

    def check(self) -> None:
        """Refuse what has no business in a command line; raises BadInput."""
        words = [*self.argv, *self.env, *self.env.values(), *(name for name, _ in self.given)]
        if any("\0" in word for word in words) or any("=" in name or not name for name in self.env):
            raise BadInput("A command needs a program, and holds no zero characters.")
        if any("/" in name or name in ("", ".", "..") or size < 0 for name, size in self.given):
            raise BadInput("A given file has a plain name without folders.")
        if sum(size for _, size in self.given) > MOST_GIVEN:
            raise BadInput(f"The given files have more than {MOST_GIVEN:,} bytes together. Give fewer of them.")


class Line(_Said):
    """One call of a session."""

    line: str
    seconds: float = Field(gt=0)


class Answered(_Said):
    """What came of it: who is there, a result (its streams come behind it, `out` and `err` bytes), or a problem in words."""

    kind: Literal["here", "absent", "result", "bad_input", "failure"]
    words: str = Field("", max_length=4_000)
    fix: str = Field("", max_length=4_000)
    status: Status = "error"
    code: int | None = None
    seconds: float = Field(0.0, ge=0)
    memory: int = Field(0, ge=0)
    out: int = Field(0, ge=0, le=MOST_OUTPUT)
    err: int = Field(0, ge=0, le=MOST_OUTPUT)
    over: bool = False
    """Of a session: this was its last answer."""


async def send(writer: asyncio.StreamWriter, said: _Said, bodies: Iterable[bytes] = ()) -> None:
    """Send a header, and what it announces, no faster than it is read."""
    header = said.model_dump_json(exclude_defaults=False).encode()
    writer.write(_LENGTH.pack(len(header)) + header)
    await writer.drain()
    for body in bodies:
        writer.write(body)
        await writer.drain()


async def receive(reader: asyncio.StreamReader, kind: type[BaseModel]) -> Any:
    """Read one header; raises BadInput for one that is none of ours, IncompleteReadError at an early end."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > MOST_HEADER:
        raise BadInput(f"A request to the runner has {length:,} bytes of header; {MOST_HEADER:,} are the most.")
    header = await reader.readexactly(length)
    try:
        return kind.model_validate_json(header)
    except ValidationError as error:
        raise BadInput(_explained(header, error)) from None


def _explained(header: bytes, error: ValidationError) -> str:
    try:
        version = json.loads(header).get("version")
    except (ValueError, AttributeError, RecursionError):
        version = VERSION
    if version != VERSION:
        return (
            f"Staffwork and its runner are of different versions ({VERSION} and {version}). Start both from one image."
        )
    problem = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc'])[:200]}: {problem['msg'][:200]}"


async def spool(reader: asyncio.StreamReader, size: int, path: Path) -> None:
    """Write so many of the coming bytes into a new file."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        while size:
            piece = await reader.readexactly(min(size, PIECE))
            await asyncio.to_thread(file.write, piece)
            size -= len(piece)


def peer(writer: asyncio.StreamWriter) -> int:
    """Say which user is at the other end of a socket, as the kernel knows it."""
    raw = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(raw)[1])
