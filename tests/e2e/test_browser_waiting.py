"""What waits for a person, in a real browser: decided on another device, after a restart, twice at once, and by nobody."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_fixtures import Server, finished, log_in, running, say, set_up, steps, wait_until, watched
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
CARD = "#steer .steer-approval"
RULES = '[[rule]]\nanswer = "ask"\ntool = "calculate"\nwhy = "Sums are checked here."\n'


def strict(chromium: Browser, data: Path, **variables: str) -> Iterator[Server]:
    """Serve a house where sums need an approval."""
    data.mkdir()
    (data / "policy.toml").write_text(RULES)
    with running(data, **variables) as server:
        page = watched(chromium, server).page
        set_up(page, server)
        page.context.close()
        yield server


@pytest.fixture(scope="module")
def house(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from strict(chromium, tmp_path_factory.mktemp("waiting") / "data")


@pytest.fixture(scope="module")
def hasty(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from strict(chromium, tmp_path_factory.mktemp("hasty") / "data", STAFFWORK_APPROVAL_SECONDS="1")


def asked(chromium: Browser, server: Server, goal: str) -> Page:
    page = watched(chromium, server).page
    log_in(page, server)
    say(page, goal)
    expect(page.locator(CARD)).to_contain_text("needs your approval: calculate", timeout=60_000)
    page.wait_for_url("**/thread/*")
    return page


def device(chromium: Browser, server: Server, path: str) -> Page:
    """Open a page on another device of the same person: a phone, with a session of its own."""
    page = watched(chromium, server, viewport={"width": 390, "height": 844}).page
    log_in(page, server)
    page.goto(server.url + path)
    return page


def decided(page: Page, server: Server) -> list[tuple[str, bool]]:
    """Read what became of all calls that waited, newest first, and whether each was carried out."""
    found = page.request.get(server.url + "/api/approvals").json()["approvals"]
    return [(one["decision"], bool(one["used_at"])) for one in found]


def test_a_double_click_in_the_inbox_of_another_device_acts_once(chromium: Browser, house: Server) -> None:
    page = asked(chromium, house, "What is 12 * 12?")
    phone = device(chromium, house, "/inbox")
    expect(phone.locator(".card")).to_have_count(1)
    phone.get_by_role("button", name="Allow once").dblclick()
    expect(phone.get_by_text("Nothing waits for you")).to_be_visible()
    expect(page.locator(CARD)).to_have_count(0)  # the chat was not touched
    finished(page)
    expect(page.get_by_text("12 * 12 = 144").first).to_be_visible()
    assert decided(page, house)[0] == ("once", True)
    assert sum("Needs your approval" in step for step in steps(page)) <= 1
    page.context.close()
    phone.context.close()


def test_two_devices_decide_differently_and_the_first_one_counts(chromium: Browser, house: Server) -> None:
    page = asked(chromium, house, "What is 13 * 13?")
    before = len(decided(page, house))
    phone = device(chromium, house, "/inbox")
    page.context.set_offline(True)  # it still shows the card while the phone decides
    phone.get_by_role("button", name="Allow once").click()
    expect(phone.get_by_role("status")).to_have_text("Allowed, this once.")
    wait_until(lambda: decided(phone, house)[0] == ("once", True), 60)
    late = device(chromium, house, "/inbox")
    expect(late.get_by_text("Nothing waits for you")).to_be_visible()
    page.context.set_offline(False)
    finished(page)
    expect(page.locator(CARD)).to_have_count(0)
    expect(page.get_by_text("13 * 13 = 169").first).to_be_visible()
    assert len(decided(page, house)) == before
    for each in (page, phone, late):
        each.context.close()


def test_an_inbox_that_was_left_open_is_told_what_became_of_it(chromium: Browser, house: Server) -> None:
    page = asked(chromium, house, "What is 14 * 14?")
    phone = device(chromium, house, "/inbox")
    expect(phone.locator(".card")).to_have_count(1)
    page.get_by_role("button", name="Allow once").click()
    finished(page)
    phone.get_by_role("button", name="Do not allow").click()  # what the page showed is long past
    expect(phone.get_by_role("alert").filter(visible=True)).to_be_visible()
    assert decided(page, house)[0] == ("once", True)
    page.reload()
    expect(page.get_by_text("14 * 14 = 196").first).to_be_visible()
    page.context.close()
    phone.context.close()


def test_it_is_allowed_after_a_restart_on_another_device(chromium: Browser, house: Server) -> None:
    page = asked(chromium, house, "What is 15 * 15?")
    house.restart(signal.SIGKILL)
    phone = device(chromium, house, "/inbox")
    expect(phone.locator(".card")).to_have_count(1)
    expect(phone.locator(".card")).to_contain_text("Sums are checked here.")
    expect(page.locator(CARD)).to_be_visible(timeout=60_000)  # in the chat too, which was not reloaded
    phone.get_by_role("button", name="Allow once").click()
    expect(phone.get_by_text("Nothing waits for you")).to_be_visible()
    expect(page.locator(CARD)).to_have_count(0)
    finished(page)
    expect(page.get_by_text("15 * 15 = 225").first).to_be_visible()
    assert decided(page, house)[0] == ("once", True)
    page.context.close()
    phone.context.close()


def test_what_nobody_decides_reads_unanswered(chromium: Browser, hasty: Server) -> None:
    page = watched(chromium, hasty).page
    log_in(page, hasty)
    say(page, "What is 16 * 16?")
    for _ in ("as it comes", "reloaded"):
        finished(page)
        expect(page.locator(CARD)).to_have_count(0)
        page.locator("button[id^='step-Data analyst']").first.click()
        expect(page.get_by_text("unanswered, nobody decided in time").first).to_be_visible()
        expect(page.get_by_text("16 * 16 = 256")).to_have_count(0)
        page.wait_for_url("**/thread/*")
        page.reload()
    assert ("unanswered", False) in decided(page, hasty)
    page.goto(hasty.url + "/inbox")
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    page.context.close()
