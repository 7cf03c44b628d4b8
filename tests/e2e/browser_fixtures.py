"""A real browser in front of the real server: started as a program, set up and used as a person does."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sample_files import make_memo, make_sales  # noqa: F401 (the tests take them from here)

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests" / "integration"))  # the loopback model servers live there

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
NAME, PASSWORD = "Ada", "a long password"
STEP = "[data-step-type] [id^=step-] > :first-child"

expect.set_options(timeout=30_000)  # on a busy machine a page takes its time; who waits for nothing loses none


def need_browser() -> None:
    """Skip where no Chromium is installed, unless the tests are asked to insist on it."""
    if shutil.which(CHROMIUM) is None and "browser" not in os.environ.get("STAFFWORK_TESTS_REQUIRE", ""):
        pytest.skip("no Chromium here")


@dataclass
class Server:
    """`staffwork serve` as a process, on a free port, over one data folder."""

    data: Path
    variables: dict[str, str] = field(default_factory=dict)
    process: Any = None
    url: str = ""
    setup_url: str = ""
    port: int = 0
    wrapped: Callable[[list[str]], list[str]] = list  # makes of the command one that runs it in another way

    def start(self) -> None:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("STAFFWORK_")}
        environ |= {"STAFFWORK_DATA_DIR": str(self.data), "PYTHONUNBUFFERED": "1", **self.variables}
        command = [sys.executable, "-m", "chat.terminal", "serve", "--port", str(self.port)]
        log = (self.data.parent / "server.log").open("a")
        self.process = subprocess.Popen(
            self.wrapped(command), cwd=PROJECT, env=environ, stdout=subprocess.PIPE, stderr=log, text=True
        )
        for line in self.process.stdout:
            if found := re.search(r"ready: (http://127\.0\.0\.1:(\d+))", line):
                self.url, self.port = found[1], int(found[2])
                if (self.data / "staffwork.db").exists() and self.setup_url:
                    return
            if found := re.search(r"(http://\S+/setup\?token=\S+)", line):
                self.setup_url = found[1]
                return
        raise AssertionError((self.data.parent / "server.log").read_text())

    def stop(self, how: int = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(20)
        self.process.stdout.close()

    def restart(self, how: int = signal.SIGTERM) -> None:
        self.stop(how)
        self.start()


@contextmanager
def running(data: Path, wrapped: Callable[[list[str]], list[str]] = list, **variables: str) -> Iterator[Server]:
    server = Server(data, variables, wrapped=wrapped)
    server.start()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


@dataclass
class Watched:
    """A page whose requests and complaints are written down."""

    page: Page
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def browser() -> Iterator[Browser]:
    need_browser()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield opened
        finally:
            opened.close()


def watched(opened: Browser, server: Server, **options: Any) -> Watched:
    """Open a page; what leaves the server's origin, and what the page complains of, is kept."""
    context = opened.new_context(viewport=options.pop("viewport", {"width": 1440, "height": 900}), **options)
    seen = Watched(context.new_page())
    ours = (server.url, server.url.replace("http", "ws"), "data:", "blob:")
    context.on("request", lambda r: None if r.url.startswith(ours) else seen.foreign.append(r.url))
    context.on("weberror", lambda e: seen.errors.append(str(e.error)))
    context.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
    return seen


def set_up(page: Page, server: Server) -> None:
    """Make the owner's account as the printed address asks."""
    page.goto(server.setup_url)
    page.fill("#name", NAME)
    page.fill("#password", PASSWORD)
    page.fill("#repeated", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/welcome")
    page.context.clear_cookies()  # whoever made the account is in already; the tests log in as one does later


def log_in(page: Page, server: Server) -> None:
    page.goto(server.url + "/login")
    page.fill("#email", NAME)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    expect(page.locator("#chat-input")).to_be_visible(timeout=30_000)


def say(page: Page, goal: str, files: list[Path] | None = None) -> None:
    """Send a message, with files, as a person does."""
    if files:
        expect(page.locator("#upload-button")).to_be_enabled()  # connected: only then a file finds its place
        page.set_input_files("input[type=file] >> nth=0", [str(f) for f in files])
        for file in files:
            expect(page.locator("#message-composer").get_by_text(file.name)).to_be_visible()
    expect(page.locator("#chat-input")).to_be_visible()
    page.fill("#chat-input", goal)
    expect(page.locator("#chat-submit")).to_be_enabled(timeout=30_000)
    page.keyboard.press("Enter")


def finished(page: Page, seconds: float = 60) -> None:
    """Wait until the answer stands: its last line says what it took, and the stop button is gone."""
    expect(page.get_by_text(re.compile(r"\d+ model calls? · ")).last).to_be_visible(timeout=seconds * 1000)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=30_000)


def steps(page: Page) -> list[str]:
    """Read the steps that are shown, folded ones as one line."""
    rows = page.locator("button[id^='step-'], p[id^='step-']").all_inner_texts()
    return [" ".join(row.split()) for row in rows]


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not come true"
        time.sleep(0.05)
