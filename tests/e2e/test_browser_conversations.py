"""Conversations in a real browser: login, list, rename, delete, small screens."""

from __future__ import annotations

import pytest
from browser_fixtures import Server, finished, log_in, say, watched
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser


def test_a_wrong_password_is_refused_in_words(chromium: Browser, server: Server) -> None:
    page = watched(chromium, server).page
    page.goto(server.url)
    page.wait_for_url("**/login")
    page.fill("#email", "ada")
    page.fill("#password", "not the password")
    page.click("button[type=submit]")
    expect(page.get_by_text("The name or the password is not right.").first).to_be_visible()


def _menu(page: Page, name: str, entry: str) -> None:
    row = page.locator("#thread-history a", has_text=name).first
    row.hover()
    row.locator("#thread-options").click()
    page.get_by_role("menuitem", name=entry).click()


def test_rename_find_again_and_delete(chromium: Browser, server: Server) -> None:
    page = watched(chromium, server).page
    log_in(page, server)
    say(page, "What is 12 * 12?")
    finished(page)
    _menu(page, "What is 12", "Rename")
    page.get_by_placeholder("Enter new name").fill("Square numbers")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator("#thread-history").get_by_text("Square numbers")).to_be_visible()
    page.reload()
    expect(page.locator("#thread-history").get_by_text("Square numbers")).to_be_visible()
    _menu(page, "Square numbers", "Delete")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator("#thread-history").get_by_text("Square numbers")).to_have_count(0)
    page.reload()
    expect(page.locator("#chat-input")).to_be_visible()
    expect(page.locator("#thread-history").get_by_text("Square numbers")).to_have_count(0)


def test_a_starter_is_answered(chromium: Browser, server: Server) -> None:
    seen = watched(chromium, server)
    log_in(seen.page, server)
    seen.page.get_by_role("button", name="Sample: sum up a table").click()  # no model is connected: samples are offered
    finished(seen.page, 60)
    expect(seen.page.get_by_text("sales.csv").first).to_be_visible()
    assert seen.foreign == []


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_runs_over_the_edge(chromium: Browser, server: Server, width: int) -> None:
    page = watched(chromium, server, viewport={"width": width, "height": 844}).page
    for path in ("/login", "/setup"):
        page.goto(server.url + path)
        expect(page.locator("form, h1").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    log_in(page, server)
    say(page, "Remember that my favourite colour is green, then tell me the time.")
    finished(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_logging_out_ends_it(chromium: Browser, server: Server) -> None:
    page = watched(chromium, server).page
    log_in(page, server)
    page.locator("#user-nav-button").click()
    page.get_by_text("Log out").click()
    page.wait_for_url("**/login")
    page.goto(server.url)
    page.wait_for_url("**/login")
