"""Tests marked `sandbox` run as an ordinary user, as the product must; where pytest itself runs as root, in a pytest below it.

The inner pytest runs the same tests of the same file under a user number that nobody has. What lies behind folders that only
root may enter (a Python in root's home, a checkout there) is laid open to it in a mount namespace of its own, which nobody
else sees. It reports in a file, and what it reports is what the outer pytest says of each test.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.clearing import clear

USER = 65_533
MARK = "sandbox"
_REPORTS = "ORDINARY_USER_REPORTS"
_ROOT = Path(__file__).resolve().parents[2]
_LAY_OPEN = """
import ctypes, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def mount(*arguments):
    if libc.mount(*arguments):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), arguments[1])
def lay_open(wall, kept):
    held = {path: os.open(path, os.O_PATH) for path in kept}
    mount(b"none", wall.encode(), b"tmpfs", 0, b"mode=755")
    for path, descriptor in held.items():
        os.makedirs(path, 0o755, exist_ok=True)
        mount(f"/proc/self/fd/{descriptor}".encode(), path.encode(), None, 4096 | 16384, None)  # bind, with what is below
for wall, kept in json.loads(sys.argv[1]).items():
    lay_open(wall, kept)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def skip_or_fail_without() -> None:
    """Skip where there is no bubblewrap, unless the sandbox is required here."""
    if shutil.which("bwrap") is None:
        if MARK in os.environ.get("STAFFWORK_TESTS_REQUIRE", "").split(","):
            pytest.fail("bubblewrap is not installed, and STAFFWORK_TESTS_REQUIRE names the sandbox")
        pytest.skip("bubblewrap is not installed")


def possible() -> bool:
    """Say whether tests can be handed to an ordinary user; where bubblewrap is missing they only say so."""
    return shutil.which("bwrap") is not None


class Reported:
    """What the inner runs said, by test; each file is run once, when its first test is due."""

    def __init__(self) -> None:
        self._said = dict[str, list[pytest.TestReport]]()

    def of(self, item: pytest.Item) -> list[pytest.TestReport]:
        if item.nodeid not in self._said:
            same = [i.nodeid for i in item.session.items if i.path == item.path and i.get_closest_marker(MARK)]
            self._said |= self._run(same)
        return self._said.get(item.nodeid, [])

    def _run(self, nodes: list[str]) -> dict[str, list[pytest.TestReport]]:
        base = Path(tempfile.mkdtemp(prefix="ordinary-"))
        try:
            os.chown(base, USER, USER)
            with _patience():
                done = subprocess.run(
                    _command(base, nodes), cwd=_ROOT, env=_environment(base), capture_output=True, check=False
                )
            lines = (base / "reports").read_text().splitlines() if (base / "reports").exists() else []
            reports = [pytest.TestReport._from_json(json.loads(line)) for line in lines]
        finally:
            clear(base)
        said = {node: [r for r in reports if r.nodeid == node] for node in nodes}
        if lost := [node for node, parts in said.items() if not parts]:
            words = (done.stdout + done.stderr).decode(errors="replace")[-4000:]
            raise RuntimeError(f"The inner pytest said nothing of {lost[0]}:\n{words}")
        return said


@contextmanager
def _patience() -> Iterator[None]:
    """Keep the outer pytest's limit for one test away from the many tests of the inner one, which has limits of its own."""
    left = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *left)


def dropped(command: list[str]) -> list[str]:
    """Make of a command one that root can start and an ordinary user runs."""
    drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all", "--", *command]
    if not (walls := _walls()):
        return drop
    open_up = [sys.executable, "-I", "-c", _LAY_OPEN, json.dumps(walls)]
    return ["unshare", "--mount", "--propagation", "private", *open_up, *drop]


def _command(base: Path, nodes: list[str]) -> list[str]:
    inner = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", f"{base}/t", *nodes]
    return dropped(inner)


def _walls() -> dict[str, list[str]]:
    """Find the folders that keep others away from what is needed, and what is needed behind each."""
    needed = [Path(sys.base_prefix).resolve(), Path(sys.prefix), _ROOT]
    found: dict[str, list[str]] = {}
    for path in needed:
        wall = next((p for p in reversed(path.parents) if not p.stat().st_mode & 0o001), None)
        if wall is not None:
            found.setdefault(str(wall), []).append(str(path))
    return found


def _environment(base: Path) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if n in ("PATH", "LANG", "CI", "STAFFWORK_TESTS_REQUIRE")}
    return kept | {"HOME": str(base), "TMPDIR": str(base), _REPORTS: str(base / "reports")}


def report_inwards(report: pytest.TestReport) -> None:
    """In the inner pytest: write down what the outer one is to say."""
    if path := os.environ.get(_REPORTS):
        with Path(path).open("a") as file:
            file.write(json.dumps(report._to_json()) + "\n")


def parts(item: pytest.Item) -> Iterator[pytest.TestReport]:
    """In the outer pytest: what there is to report of a test."""
    if not hasattr(item.session, "reported_by_ordinary_user"):
        item.session.reported_by_ordinary_user = Reported()  # type: ignore[attr-defined]
    yield from item.session.reported_by_ordinary_user.of(item)  # type: ignore[attr-defined]
