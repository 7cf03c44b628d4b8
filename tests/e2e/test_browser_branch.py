"""Branches in a real browser: a message changed or answered again opens a new conversation; the old one stays as it was."""

from __future__ import annotations

import re

import pytest
from browser_fixtures import Server, finished, log_in, say, watched
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
SAID = "[data-step-type=user_message]"
FIRST, SECOND = "What is 12 * 12?", "And what is 7 * 8?"


def talked(page: Page, server: Server) -> str:
    """Say two things; returns the address of the conversation."""
    log_in(page, server)
    say(page, FIRST)
    expect(page.get_by_role("button", name="Regenerate")).to_have_count(1, timeout=30_000)
    say(page, SECOND)
    expect(page.get_by_role("button", name="Regenerate")).to_have_count(2, timeout=30_000)
    finished(page)
    return page.url


def goals(page: Page) -> list[str]:
    return page.locator(f"{SAID} .message-content").all_inner_texts()


def went_on(page: Page, from_address: str) -> None:
    """Wait until the browser shows another conversation, with its answer."""
    page.wait_for_url(lambda url: url != from_address and "/thread/" in url)
    expect(page.get_by_role("button", name="Regenerate")).to_have_count(2, timeout=30_000)


@pytest.mark.parametrize("width", [390, 1440])
def test_a_changed_message_goes_on_in_a_branch(chromium: Browser, server: Server, width: int) -> None:
    seen = watched(chromium, server, viewport={"width": width, "height": 844})
    page = seen.page
    old = talked(page, server)

    page.locator(SAID).nth(1).get_by_role("button", name="Edit").focus()
    page.keyboard.press("Enter")
    form = page.get_by_role("textbox", name="Your message, changed")
    expect(form).to_be_focused()
    assert form.input_value() == SECOND
    page.keyboard.press("Escape")
    expect(form).to_have_count(0)
    expect(page.locator(SAID).nth(1).get_by_role("button", name="Edit")).to_be_focused()

    page.keyboard.press("Enter")
    form.fill("   ")
    expect(page.locator(".turn-send")).to_be_disabled()
    form.fill("And what is 9 * 9?")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    form.press("Enter")
    went_on(page, old)
    branch = page.url
    for _ in ("as it comes", "reloaded"):
        expect(page.get_by_text("9 * 9 = 81")).to_be_visible()
        expect(page.get_by_text("12 * 12 = 144")).to_be_visible()
        expect(page.get_by_text("7 * 8 = 56")).to_have_count(0)
        assert goals(page) == [FIRST, "And what is 9 * 9?"]
        note = page.locator(SAID).nth(1).get_by_text("This is a branch. The earlier version is in")
        expect(note.get_by_role("link")).to_have_attribute("href", re.sub(r"^https?://[^/]+", "", old))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.reload()
        expect(page.get_by_role("button", name="Regenerate")).to_have_count(2, timeout=30_000)

    note.get_by_role("link").click()
    page.wait_for_url(old)
    expect(page.get_by_text("7 * 8 = 56")).to_be_visible()
    expect(page.get_by_text("9 * 9 = 81")).to_have_count(0)
    assert goals(page) == [FIRST, SECOND]
    onward = page.locator(SAID).nth(1).get_by_text("Continued differently in")
    expect(onward.get_by_role("link")).to_have_attribute("href", re.sub(r"^https?://[^/]+", "", branch))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    say(page, "What is 2 + 2?")  # and it goes on as ever
    expect(page.get_by_role("button", name="Regenerate")).to_have_count(3, timeout=30_000)
    assert seen.foreign == []
    page.context.close()


def test_an_answer_is_written_again(chromium: Browser, server: Server) -> None:
    page = watched(chromium, server).page
    old = talked(page, server)
    page.get_by_role("button", name="Regenerate").nth(1).click()
    went_on(page, old)
    assert goals(page) == [FIRST, SECOND]
    expect(page.get_by_text("This is a branch. The earlier version is in")).to_be_visible()
    expect(page.locator("#thread-history a.bg-muted, #thread-history a").first).to_contain_text("(")
    page.context.close()


def test_what_goes_wrong_is_said_and_the_words_are_kept(chromium: Browser, server: Server) -> None:
    page = watched(chromium, server).page
    talked(page, server)
    page.locator(SAID).nth(0).get_by_role("button", name="Edit").click()
    form = page.get_by_role("textbox", name="Your message, changed")
    form.fill("What is 3 * 3?")
    page.context.set_offline(True)
    form.press("Enter")
    expect(page.get_by_role("alert").get_by_text("The server cannot be reached just now")).to_be_visible()
    assert form.input_value() == "What is 3 * 3?"
    page.context.set_offline(False)
    page.locator(".turn-send").click()
    expect(page.get_by_text("3 * 3 = 9")).to_be_visible(timeout=30_000)
    assert goals(page) == ["What is 3 * 3?"]
    page.context.close()


def test_renaming_in_two_tabs_loses_nothing(chromium: Browser, server: Server) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    one = context.new_page()
    log_in(one, server)
    say(one, "What is 5 * 5?")
    finished(one)
    one.reload()
    two = context.new_page()
    two.goto(server.url)
    expect(two.locator("#thread-history").get_by_text("What is 5 * 5?")).to_be_visible()

    def rename(page: Page, name: str) -> None:
        row = page.locator("#thread-history a", has_text="What is 5 * 5?").first
        row.hover()
        row.locator("#thread-options").click()
        page.get_by_role("menuitem", name="Rename").click()
        page.get_by_placeholder("Enter new name").fill(name)
        page.get_by_role("button", name="Confirm").click()

    rename(one, "Twenty-five")
    expect(one.locator("#thread-history").get_by_text("Twenty-five").first).to_be_visible()
    rename(two, "Squares")
    expect(two.get_by_text("it is called “Twenty-five” now").first).to_be_visible()
    two.reload()
    expect(two.locator("#thread-history").get_by_text("Twenty-five").first).to_be_visible()
    expect(two.locator("#thread-history").get_by_text("Squares")).to_have_count(0)
    context.close()
