"""What every test may use: settings that touch nothing outside the test's own folder."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from core.logs import _Learned
from core.settings import Settings

PasswordHash.recommended = classmethod(  # type: ignore[method-assign,assignment]
    lambda cls: cls((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
)
"""Passwords cost next to nothing here: the real hashing takes 64 MB and 0.15 s each time. Servers that tests start as programs
keep the real one (tests/e2e), and so does `bench/login.py`."""


_LONGEST = ("test_browser_", "test_terminal", "test_sandbox", "test_runner")
"""Files whose tests start browsers, servers and rooms. They go first: one that came last would keep all workers waiting for it."""


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Whoever starts the tests in the background of a shell has them ignore Ctrl-C, and every program they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


_OTHER_PROGRAMS = ("test_browser_", "test_terminal_")
"""Files whose tests type and click in programs that run beside them. On a machine with too much to do such a test is tried once
more; that is printed ("rerun", with what went wrong), and each is a defect to be found. All other tests have one try."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.path.name.startswith(_LONGEST))
    for item in items:
        if item.path.name.startswith(_OTHER_PROGRAMS):
            item.add_marker(pytest.mark.flaky(reruns=1))


def _forget_secrets_afterwards() -> Iterator[None]:
    """Take back what a test made the process mask: secrets are random, and part of the next test's text may begin like one."""
    before = _Learned.secrets
    yield
    _Learned.secrets = before


secrets_of_a_test = pytest.fixture(autouse=True)(_forget_secrets_afterwards)
secrets_of_a_file = pytest.fixture(autouse=True, scope="module")(_forget_secrets_afterwards)


@pytest.fixture(autouse=True)
def no_settings_from_outside() -> None:
    """Make sure that no key or setting of the machine reaches a test: real model calls are impossible by this switch."""
    for name in [
        n for n in os.environ if n.startswith(("STAFFWORK_", "OPENAI_", "ANTHROPIC_", "LANGSMITH_", "LANGCHAIN_"))
    ]:
        if name != "STAFFWORK_TESTS_REQUIRE":
            del os.environ[name]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", port=0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what went wrong with each test that was tried once more."""
    for report in terminalreporter.stats.get("rerun", []):
        terminalreporter.section(f"tried once more: {report.nodeid}")
        terminalreporter.write_line(str(report.longrepr)[-6000:])
