"""Schedules in a real browser: the first one, changes, what goes wrong, the phone, and the keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from browser_fixtures import Server, Watched, log_in, watched
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture
def seen(chromium: Browser, server: Server) -> Iterator[Watched]:
    opened = watched(chromium, server, timezone_id="Europe/Berlin")
    log_in(opened.page, server)
    opened.errors.clear()
    yield opened
    opened.page.context.close()


def card(page: Page, name: str):
    return page.locator("#list > li", has_text=name)


def test_from_the_first_schedule_to_its_result_and_away(seen: Watched, server: Server) -> None:
    page = seen.page
    page.get_by_role("button", name="Pages", exact=True).click()
    page.get_by_role("link", name="Schedules").click()
    expect(page.get_by_text("Nothing is scheduled yet")).to_be_visible()
    page.get_by_role("button", name="Make the first schedule").click()
    page.fill("#goal", "What is 12 * 12?")
    expect(page.locator("#preview")).to_contain_text("Every weekday at 08:00, Europe/Berlin. Next: ")
    page.fill("#name", "Squares")
    page.keyboard.press("Enter")
    expect(card(page, "Squares")).to_contain_text(re.compile(r"Every weekday at 08:00, Europe/Berlin\s+Next: \w+ \d+"))
    expect(page.locator("#said")).to_contain_text("Saved. Next: ")
    expect(page.get_by_text("Nothing is scheduled yet")).to_be_hidden()
    card(page, "Squares").get_by_role("button", name="Run now").click()
    expect(card(page, "Squares")).to_contain_text("Started by hand")
    page.reload()
    card(page, "Squares").get_by_role("link", name="See the results").click()
    expect(page.get_by_text("12 * 12 = 144").first).to_be_visible(timeout=30_000)
    expect(page.locator("#thread-history").get_by_text("Squares")).to_be_visible()
    page.goto(server.url + "/schedules")
    card(page, "Squares").get_by_role("button", name="Pause").click()
    expect(card(page, "Squares")).to_contain_text("Paused: it does not run by itself.")
    expect(card(page, "Squares").get_by_role("button", name="Resume")).to_be_visible()
    card(page, "Squares").get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Keep it").click()
    expect(card(page, "Squares")).to_be_visible()
    card(page, "Squares").get_by_role("button", name="Remove").click()
    page.locator("#sure").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Nothing is scheduled yet")).to_be_visible()
    assert (seen.foreign, seen.errors) == ([], [])


def test_a_change_what_is_wrong_with_one_and_two_windows(chromium: Browser, seen: Watched, server: Server) -> None:
    page = seen.page
    page.goto(server.url + "/schedules")
    page.locator("#first, #new").locator("visible=true").first.click()
    page.fill("#goal", "Tell me the time")
    page.select_option("#every", "week")
    page.select_option("#weekday", "3")
    page.fill("#time", "17:30")
    page.fill("#timezone", "America/New_York")
    page.click("#save")
    expect(card(page, "Tell me the time")).to_contain_text("Every Wednesday at 17:30, America/New_York")
    other = page.context.new_page()
    other.goto(server.url + "/schedules")
    card(page, "Tell me the time").get_by_role("button", name="Change").click()
    assert (page.input_value("#every"), page.input_value("#weekday"), page.input_value("#time")) == (
        "week",
        "3",
        "17:30",
    )
    page.select_option("#every", "cron")
    page.fill("#cron", "0 8 * *")
    expect(page.locator("#preview")).to_contain_text("5 fields: minute hour day month weekday; you gave 4")
    page.click("#save")
    expect(page.locator("#problem")).to_contain_text("you gave 4")
    page.fill("#cron", "every 15 minutes")
    page.click("#save")
    expect(card(page, "Tell me the time")).to_contain_text("Every 15 minutes, America/New_York")
    card(other, "Tell me the time").get_by_role("button", name="Pause").click()
    expect(other.locator("#said")).to_contain_text("ada changed this schedule on ")
    expect(card(other, "Tell me the time")).to_contain_text("Every 15 minutes")  # it shows what is true now
    other.close()


def test_on_a_phone_with_the_keyboard_alone(seen: Watched, server: Server) -> None:
    page = seen.page
    page.set_viewport_size({"width": 390, "height": 844})
    page.route("**/public/schedules.js*", lambda route: route.abort())
    page.goto(server.url + "/schedules")
    button = page.locator("#first, #new").locator("visible=true").first
    expect(button).to_be_disabled()  # until its script is there, nothing would hear it
    page.unroute("**/public/schedules.js*")
    page.reload()
    expect(button).to_be_enabled()
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#goal")).to_be_focused()
    page.keyboard.type("<b>Bold</b> " + "averyverylongwordwithoutend" * 6)
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#missed")).to_be_visible()
    assert page.evaluate("document.getElementById('form').scrollWidth <= document.getElementById('form').clientWidth")
    page.keyboard.press("Escape")
    expect(page.locator("#form")).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("<b>Bold</b> " + "averyverylongwordwithoutend" * 6)
    signed_in = page.context.cookies()
    page.context.clear_cookies()
    page.locator("#save").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#problem")).to_contain_text("what you typed stays")  # the session ended in mid-typing
    page.context.add_cookies(signed_in)
    page.locator("#save").focus()
    page.keyboard.press("Enter")
    expect(card(page, "<b>Bold</b>")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
