"""What most browser tests begin with: a Chromium, a house of their own with its owner's account, and a page logged in to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser_fixtures import Server, Watched, browser, log_in, running, set_up, watched
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def server(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("house") / "data") as started:
        page = watched(chromium, started).page
        set_up(page, started)
        page.context.close()
        yield started


@pytest.fixture
def seen(chromium: Browser, server: Server) -> Iterator[Watched]:
    opened = watched(chromium, server)
    log_in(opened.page, server)
    opened.errors.clear()
    yield opened
    opened.page.context.close()
