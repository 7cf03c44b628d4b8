"""The self-attack at the start: tries to break out of the sandbox by the very same way everything else runs in it."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from tools.sandbox.terms import MEGABYTE, Absent, Limits, Runner

_ATTACK = Path(__file__).with_name("self_attack.py")
_BOMB = "import time\nb = bytearray(2 ** 28)\nfor i in range(0, 2 ** 28, 4096): b[i] = 1\ntime.sleep(5)"
"""Takes too much and keeps it a while: on a busy machine it can take long until somebody looks."""
_SECONDS = 10
_FIXES = (
    (
        ("No permissions to create", "creating new namespace", "Creating new namespace"),
        "Allow user namespaces: `sysctl kernel.unprivileged_userns_clone=1` on older Debian. In Docker, code runs in the "
        "runner's container with the security options of compose.yaml, see docs/operating.md#sandbox.",
    ),
    (
        ("setting up uid map",),
        "AppArmor forbids user namespaces: `sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or a profile for "
        "bubblewrap with `userns,`.",
    ),
    (
        ("Can't mount proc", "slave", "pivot_root"),
        "In Docker, code runs in the runner's container with the security options of compose.yaml, see "
        "docs/operating.md#sandbox.",
    ),
    (("Unknown option", "unknown option"), "Install bubblewrap 0.8 or newer."),
)


class _Probed(Runner, Protocol):
    python: str
    limits: Limits


async def probe(sandbox: _Probed, data: Path) -> Absent | None:
    """Attack the sandbox; returns None if it held, else why there can be none."""
    folder = data / "sandbox" / secrets.token_hex(8)
    work = folder / "work"
    work.mkdir(parents=True, mode=0o700)
    try:
        (folder / "canary").write_text(secrets.token_hex(16))
        with _listening(folder) as told:
            escaped, swollen = await asyncio.gather(_attack(sandbox, work, told), _swell(sandbox, work))
        return escaped or swollen
    finally:
        shutil.rmtree(folder)


async def _attack(sandbox: _Probed, work: Path, told: dict[str, object]) -> Absent | None:
    argv = (sandbox.python, "-I", "-S", "-c", _ATTACK.read_text(encoding="utf-8"))
    limits = replace(sandbox.limits, seconds=_SECONDS)
    result = await sandbox.run(argv, work, limits, stdin=json.dumps(told).encode())
    if result.status == "exited" and result.code == 0:
        with suppress(ValueError):
            if not (could := json.loads(result.stdout)):
                return None
            return Absent(f"the sandbox does not hold: from inside it was possible to {', to '.join(could)}.", _REPORT)
    said = (result.stderr or result.reason).strip()[-300:]
    return Absent(f"the sandbox does not start: {said or result.status}", _fix(said))


async def _swell(sandbox: _Probed, work: Path) -> Absent | None:
    limits = replace(sandbox.limits, seconds=_SECONDS, memory=64 * MEGABYTE)
    result = await sandbox.run((sandbox.python, "-I", "-S", "-c", _BOMB), work, limits)
    if result.status in ("memory", "error"):  # an error is told of by the attack
        return None
    return Absent(f"the sandbox does not hold: its memory limit did not end a run ({result.status}).", _REPORT)


_REPORT = "Update bubblewrap and the kernel. If it stays so, set STAFFWORK_SANDBOX=off, and report it."


def _fix(said: str) -> str:
    fixes = (fix for words, fix in _FIXES if any(word in said for word in words))
    return next(fixes, "Run `bwrap --unshare-all --ro-bind / / true` as the same user; it must succeed.")


@contextmanager
def _listening(folder: Path) -> Iterator[dict[str, object]]:
    """Put up what must not be reached: a file, a server on loopback, an abstract socket."""
    name = f"staffwork-{secrets.token_hex(8)}"
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind("\0" + name)
        abstract.listen()
        yield {"canary": str(folder / "canary"), "port": server.getsockname()[1], "socket": name}
