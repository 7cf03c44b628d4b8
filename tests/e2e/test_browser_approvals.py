"""Approvals in a real browser: on the card, after a restart, in a second tab, and in the inbox of a phone without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_fixtures import Server, finished, log_in, running, say, set_up, watched
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
CARD = "#steer .steer-approval"
AGAIN = "e => e.dispatchEvent(new MouseEvent('click', { detail: 2, bubbles: true, cancelable: true }))"
RULES = '[[rule]]\nanswer = "ask"\ntool = "calculate"\nwhy = "Sums are checked here."\n'


@pytest.fixture(scope="module")
def house(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data: Path = tmp_path_factory.mktemp("approvals") / "data"
    data.mkdir()
    (data / "policy.toml").write_text(RULES)
    with running(data) as server:
        page = watched(chromium, server).page
        set_up(page, server)
        page.context.close()
        yield server


def asked(chromium: Browser, server: Server, goal: str, width: int = 1440) -> Page:
    page = watched(chromium, server, viewport={"width": width, "height": 844}).page
    log_in(page, server)
    say(page, goal)
    expect(page.locator(CARD)).to_contain_text("needs your approval: calculate", timeout=30_000)
    page.wait_for_url("**/thread/*")
    return page


@pytest.mark.parametrize("width", [360, 1440])
def test_the_card_shows_all_and_a_double_click_in_two_tabs_acts_once(
    chromium: Browser, house: Server, width: int
) -> None:
    page = asked(chromium, house, "What is 12 * 12?", width)
    card = page.locator(CARD)
    expect(card).to_contain_text("Sums are checked here.")
    expect(card.locator("pre")).to_contain_text('"expression":')
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator(CARD)).to_be_visible()
    # the second press of two was meant for what stood here before
    assert page.get_by_role("button", name="Allow once").evaluate(AGAIN) is False
    assert card.get_attribute("data-busy") is None
    page.get_by_role("button", name="Allow once").dblclick()
    for each in (page, other):
        finished(each)
        expect(each.locator(CARD)).to_have_count(0)
        expect(each.get_by_text("144").last).to_be_visible()


def test_it_waits_over_a_restart_and_is_edited_by_keyboard(chromium: Browser, house: Server) -> None:
    page = asked(chromium, house, "What is 12 * 12?")
    house.restart()
    page.reload()
    page.get_by_role("button", name="Change the arguments").focus()
    page.keyboard.press("Enter")
    text = page.locator(f"{CARD} textarea")
    expect(text).to_be_focused()
    text.fill("{no")
    page.get_by_role("button", name="Allow with these").click()
    expect(page.locator(CARD)).to_contain_text("This is not JSON yet")
    text.fill('{"expression": "2 * 21"}')
    page.get_by_role("button", name="Allow with these").click()
    finished(page)
    newest = page.request.get(house.url + "/api/approvals").json()["approvals"][0]
    assert (newest["decision"], newest["edited"]) == ("edit", {"expression": "2 * 21"})
    assert newest["used_at"], "what ran is what was allowed"


def test_it_is_rejected_with_a_reason(chromium: Browser, house: Server) -> None:
    page = asked(chromium, house, "What is 12 * 12?")
    page.get_by_role("button", name="Do not allow").click()
    page.locator(f"{CARD} textarea").fill("I know it.")
    page.locator(f"{CARD} form").get_by_role("button", name="Do not allow").click()
    finished(page)
    expect(page.locator(CARD)).to_have_count(0)


def test_the_inbox_of_a_phone_without_javascript(chromium: Browser, house: Server) -> None:
    page = asked(chromium, house, "What is 13 * 13?")
    plain = chromium.new_context(
        java_script_enabled=False,
        viewport={"width": 360, "height": 740},
        storage_state=page.context.storage_state(),
    ).new_page()
    plain.goto(house.url + "/inbox")
    expect(plain).to_have_title("(1) Inbox - Staffwork")
    expect(plain.locator(".card")).to_contain_text("Sums are checked here.")
    boxes = plain.locator("body *:visible").evaluate_all("all => all.map(e => e.getBoundingClientRect().right)")
    assert max(boxes) <= 360
    plain.get_by_label("Reason (optional)").fill("x")
    plain.get_by_role("button", name="Allow once").click()
    expect(plain.get_by_role("status")).to_have_text("Allowed, this once.")
    expect(plain.get_by_text("Nothing waits for you")).to_be_visible()
    finished(page)
    expect(page.get_by_text("169").last).to_be_visible()


def test_a_pattern_is_allowed_on_the_card_and_forgotten_in_the_inbox(chromium: Browser, house: Server) -> None:
    page = asked(chromium, house, "What is 14 * 14?")
    page.get_by_role("button", name="Allow calls like this").click()
    page.locator(f"{CARD} textarea").fill('{"expression": "*"}')
    page.locator(f"{CARD} form").get_by_role("button", name="Allow calls like this").click()
    finished(page)
    say(page, "What is 15 * 15?")
    expect(page.get_by_text("225").last).to_be_visible(timeout=30_000)
    page.goto(house.url + "/inbox")
    assert page.get_by_role("button", name="Forget it").evaluate(AGAIN) is False
    page.get_by_role("button", name="Forget it").click()
    expect(page.get_by_role("status")).to_contain_text("You are asked again")
    expect(page.get_by_role("button", name="Forget it")).to_have_count(0)
