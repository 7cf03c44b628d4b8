"""The composer in a real browser: plans first, operators by name and for a conversation, commands, and the panel of settings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser_fixtures import Server, log_in, running, set_up, watched
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def server(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("choosing") / "data") as served:
        seen = watched(chromium, served)
        set_up(seen.page, served)
        seen.page.context.close()
        yield served


@pytest.fixture
def page(chromium: Browser, server: Server) -> Iterator[Page]:
    seen = watched(chromium, server)
    log_in(seen.page, server)
    expect(seen.page.locator("#choosing")).to_be_visible()
    yield seen.page
    assert seen.foreign == []
    seen.page.context.close()


def send(page: Page, text: str) -> None:
    page.locator("#chat-input").fill(text)
    page.keyboard.press("Enter")


def answered(page: Page, text: str) -> None:
    expect(page.locator(".ai-message").filter(has_text=text).first).to_be_visible()


def test_what_is_too_long_stays_in_the_composer_and_it_is_said_why(page: Page) -> None:
    page.locator("#chat-input").fill("x" * 5_000_000)  # more than the connection takes at once
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("at most 500,000 characters; this one has 5,000,000")
    page.locator("#chat-submit").click()
    assert page.locator("#chat-input").input_value() == "x" * 5_000_000
    send(page, "What is 6 * 7?")
    answered(page, "42")
    expect(page.locator("#said")).to_have_count(0)


def test_a_plan_waits_through_reload_and_restart_and_is_changed_before_work_begins(page: Page, server: Server) -> None:
    send(page, "/plan Calculate 6*7; then calculate 9*9")
    card = page.locator(".steer-plan")
    expect(card.locator(".plan-task")).to_have_count(2)
    page.wait_for_url("**/thread/*")
    server.restart()
    page.reload()
    expect(card.locator(".plan-task")).to_have_count(2)
    card.get_by_role("button", name="Change the plan").click()
    card.get_by_role("button", name="Remove this task").nth(1).click()
    card.get_by_label("Goal").fill("Calculate 12*12")
    card.get_by_role("button", name="Go on with this plan").click()
    answered(page, "144")
    expect(card).to_have_count(0)
    expect(page.locator(".ai-message").filter(has_text="81")).to_have_count(0)
    page.reload()
    answered(page, "144")


def test_another_plan_is_asked_for_once_and_the_mission_can_be_stopped_there(page: Page) -> None:
    send(page, "/plan Calculate 6*7; then calculate 9*9")
    card = page.locator(".steer-plan")
    card.get_by_role("button", name="Ask for another plan").click()
    card.get_by_label("What should be different?").fill("Shorter, please.")
    card.get_by_role("button", name="Plan again").click()
    expect(card.get_by_role("button", name="Ask for another plan")).to_have_count(0)
    expect(card.get_by_role("button", name="Go on with it")).to_be_visible()
    card.get_by_role("button", name="Stop").click()
    expect(card).to_have_count(0)


def test_an_operator_is_named_with_the_keyboard_and_answers_itself(page: Page) -> None:
    page.locator("#chat-input").press_sequentially("@dat")
    expect(page.locator("#offer [aria-selected=true]")).to_contain_text("Data analyst")
    page.keyboard.press("Tab")
    expect(page.locator("#chat-input")).to_have_value("@analyst ")
    page.keyboard.type("calculate 6*7")
    page.keyboard.press("Enter")
    answered(page, "42")
    expect(page.locator("[data-step-type=tool]").filter(has_text="Data analyst").first).to_be_visible()


def test_a_command_is_chosen_with_the_mouse_and_answered_beside_the_conversation(page: Page) -> None:
    page.locator("#chat-input").press_sequentially("/op")
    page.locator("#offer li").first.click()
    expect(page.locator("#chat-input")).to_have_value("/operators ")
    page.keyboard.press("Enter")
    said = page.locator("#said")
    expect(said).to_contain_text("@analyst")
    expect(page.locator("[data-step-type=user_message]")).to_have_count(0)
    said.get_by_role("button", name="Talk to").first.click()
    expect(page.locator("#talk-to")).to_have_value("analyst")
    expect(said).to_have_count(0)
    page.locator("#chat-input").press_sequentially("/he")
    page.keyboard.press("Escape")
    expect(page.locator("#offer")).to_have_count(0)


def test_a_schedule_that_is_said_is_kept_when_its_button_is_pressed(page: Page, server: Server) -> None:
    zone = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    send(page, "Every Monday at 9, summarise the news")
    said = page.locator("#said")
    expect(said).to_contain_text(f"Every Monday at 09:00, {zone}. Nothing is kept until you press the button.")
    expect(page.locator("[data-step-type=user_message]")).to_have_count(0)
    assert page.request.get(f"{server.url}/api/schedules").json()["schedules"] == []
    said.get_by_role("button", name="Make this schedule").click()
    expect(said).to_contain_text("Summarise the news: Every Monday at 09:00")
    said.get_by_role("link", name="Schedules").click()
    expect(page.locator("#list")).to_contain_text("Summarise the news")


def test_whom_a_conversation_goes_to_is_chosen_before_it_begins_and_kept(page: Page) -> None:
    page.locator("#talk-to").select_option("coder")
    send(page, "calculate 6*7")
    page.wait_for_url("**/thread/*")
    expect(page.locator("[data-step-type=tool]").filter(has_text="Software engineer").first).to_be_visible()
    page.reload()
    expect(page.locator("#talk-to")).to_have_value("coder")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator("#talk-to")).to_have_value("coder")
    page.locator("#talk-to").select_option("")
    expect(other.locator("#talk-to")).to_have_value("")  # at once, in every tab
    page.reload()
    expect(page.locator("#talk-to")).to_have_value("")


def test_settings_are_kept_for_another_browser_and_a_wrong_one_is_said(
    page: Page, chromium: Browser, server: Server
) -> None:
    page.locator("#chat-settings").click()
    panel = page.locator("#choosing-panel")
    panel.get_by_label("Most US dollars for one mission").fill("500")
    panel.get_by_role("button", name="Keep these settings").click()
    expect(panel.get_by_role("alert")).to_contain_text("at most 5")
    panel.get_by_label("Most US dollars for one mission").fill("1.5")
    panel.get_by_label("Language of answers").select_option("German")
    panel.get_by_role("button", name="Keep these settings").click()
    expect(panel.get_by_role("status")).to_contain_text("Kept")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    elsewhere = watched(chromium, server, viewport=PHONE)
    log_in(elsewhere.page, server)
    elsewhere.page.goto(server.url + "/preferences")
    expect(elsewhere.page.get_by_label("Language of answers")).to_have_value("German")
    expect(elsewhere.page.get_by_label("Most US dollars for one mission")).to_have_value("1.5")
    elsewhere.page.context.close()


@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_of_it_is_out_of_reach_and_no_rule_of_access_is_broken(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.locator("#chat-input").press_sequentially("@")
    expect(page.locator("#offer")).to_be_visible()
    page.locator("#chat-input").fill("")
    send(page, "/help")
    expect(page.locator("#said li")).to_have_count(10)
    page.locator("#chat-settings").click()
    expect(page.locator("#choosing-panel form")).to_be_visible()
    for ours in ("#choosing", "#said", "#choosing-panel", "#choosing-panel form"):
        box = page.locator(ours).bounding_box()
        assert box is not None
        assert box["x"] >= 0, ours
        assert box["x"] + box["width"] <= width, ours
    found = Axe().run(page, context="#choosing-panel").response["violations"]
    page.keyboard.press("Escape")
    found += Axe().run(page, context="#message-composer").response["violations"]
    found += Axe().run(page, context="#choosing").response["violations"]
    found += Axe().run(page, context="#said").response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")] == []
