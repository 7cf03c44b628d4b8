"""Steering in a real browser: a message while work goes on, pause and resume, step by step, questions by button, two tabs."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from browser_fixtures import Server, finished, log_in, running, say, set_up, watched
from playwright.sync_api import Browser, Page, expect
from wire_replies import WireReply
from wire_servers import WireServer

pytestmark = pytest.mark.browser
BAR, CARD, SAID = "#steer .steer-bar", "#steer .steer-card", "[data-step-type=user_message]"
PLAN = {"note": "One part.", "tasks": [{"id": "t1", "operator": "analyst", "goal": "Total revenue per region"}]}


go = threading.Event()


def model() -> WireServer:
    """A model with time to look: the operator lists the files, thinks until the test lets it, lists them again, and finishes."""

    def reply(body: dict[str, Any]) -> WireReply:
        tools = {t["function"]["name"] for t in body.get("tools", [])}
        if "make_plan" in tools:
            return WireReply(calls=[("c1", "make_plan", PLAN)], first_token=0.1)
        if "finish" not in tools:
            return WireReply(text="North leads with 2,700.", first_token=0.1)
        called = sum(m["role"] == "tool" for m in body["messages"])
        if called == 1:
            assert go.wait(60)
        if called < 2:
            return WireReply(calls=[(f"c{called + 2}", "list_files", {})], first_token=0.1)
        return WireReply(text="Done as asked.", first_token=0.2)

    return WireServer(reply)


@pytest.fixture(scope="module")
def paced(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with model() as wire:
        about = {"STAFFWORK_MODEL": "compatible:paced", "STAFFWORK_COMPATIBLE_BASE_URL": wire.base_url}
        with running(tmp_path_factory.mktemp("paced") / "data", **about) as server:
            yield made_ready(chromium, server)


@pytest.fixture(scope="module")
def stepwise(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("steps") / "data", STAFFWORK_STEP_MODE="true") as server:
        yield made_ready(chromium, server)


def made_ready(chromium: Browser, server: Server) -> Server:
    page = watched(chromium, server).page
    set_up(page, server)
    page.context.close()
    return server


def at_work(chromium: Browser, server: Server, width: int = 1440) -> Page:
    """Give a mission and return the page while its operator thinks."""
    go.clear()
    page = watched(chromium, server, viewport={"width": width, "height": 844}).page
    log_in(page, server)
    say(page, "Compare the regions")
    expect(page.locator(BAR)).to_contain_text("Data analyst is at work", timeout=30_000)
    page.wait_for_url("**/thread/*")
    return page


def state(page: Page, words: str) -> None:
    expect(page.locator(f"{BAR} .steer-words")).to_have_text(words, timeout=30_000)


@pytest.mark.parametrize("width", [390, 1440])
def test_a_message_waits_and_is_used_in_the_work_at_hand(chromium: Browser, paced: Server, width: int) -> None:
    page = at_work(chromium, paced, width)
    say(page, "Leave the south out")
    card = page.locator(".steer-queued")
    expect(card).to_contain_text("Queued: next in line")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Use it now").focus()
    page.keyboard.press("Enter")
    expect(card).to_have_count(0)
    expect(page.get_by_text("Instruction · queued")).to_be_visible()
    go.set()
    expect(page.get_by_text(re.compile(r"Instruction · Seen by Data analyst at step \d"))).to_be_visible(timeout=30_000)
    finished(page)
    assert page.locator(f"{SAID} .message-content").all_inner_texts() == ["Compare the regions", "Leave the south out"]
    expect(page.locator("#steer")).to_be_empty()


def test_a_queued_message_starts_by_itself_moves_or_is_removed(chromium: Browser, paced: Server) -> None:
    page = at_work(chromium, paced)
    here = page.url
    say(page, "Forget this one")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Forget this one")).to_have_count(0)
    say(page, "And the second one")
    say(page, "And the third one")
    expect(page.locator(".steer-queued")).to_have_count(2)
    expect(page.locator(".steer-queued").last).to_contain_text("Queued: number 2 in line")
    page.get_by_role("button", name="In a new conversation").last.click()
    page.wait_for_url(lambda url: "/thread/" in url and url != here)
    expect(page.locator(f"{SAID} .message-content")).to_have_text(["And the third one"])
    go.set()
    finished(page)
    page.goto(here)
    expect(page.get_by_text("North leads with 2,700.")).to_have_count(2, timeout=30_000)  # its turn came
    expect(page.get_by_text("Continued in a conversation of its own")).to_be_visible()
    expect(page.locator(".steer-queued")).to_have_count(0)


def test_a_pause_outlives_a_reload_and_is_seen_in_a_second_tab(chromium: Browser, paced: Server) -> None:
    page = at_work(chromium, paced)
    other = page.context.new_page()
    other.goto(page.url)
    page.get_by_role("button", name="Pause").dblclick()
    for each in (page, other):
        state(each, "Pausing: calls under way finish first")
    go.set()
    for each in (page, other):
        state(each, "Paused")
    page.reload()
    state(page, "Paused")
    expect(page.get_by_text("model call")).to_have_count(0)
    page.get_by_role("button", name="Resume").focus()
    page.keyboard.press("Enter")
    for each in (page, other):
        finished(each)
        expect(each.locator("#steer")).to_be_empty()


def test_an_instruction_is_typed_into_the_bar(chromium: Browser, paced: Server) -> None:
    page = at_work(chromium, paced)
    page.get_by_role("button", name="Instruct").click()
    form = page.get_by_role("textbox", name="Instruction for the work under way")
    expect(form).to_be_focused()
    form.fill("Only the north")
    form.press("Enter")
    expect(page.locator(f"{SAID} .message-content").last).to_have_text("Only the north")
    page.reload()
    expect(page.get_by_text("Instruction · queued")).to_be_visible()
    go.set()
    expect(page.get_by_text(re.compile(r"Instruction · Seen by Data analyst at step \d"))).to_be_visible(timeout=30_000)
    finished(page)


@pytest.mark.parametrize("width", [390, 1440])
def test_step_by_step(chromium: Browser, stepwise: Server, width: int) -> None:
    seen = watched(chromium, stepwise, viewport={"width": width, "height": 844})
    page = seen.page
    log_in(page, stepwise)
    say(page, "What is 6*7?")
    state(page, "Waiting for you")
    page.get_by_role("button", name="Continue", exact=True).click()
    expect(page.locator(f"{CARD} .steer-arguments")).to_have_text("expression: 6*7")
    page.reload()
    page.get_by_role("button", name="Edit").last.click()  # above it stands the message's own
    form = page.get_by_role("textbox", name="Arguments of calculate, as JSON")
    form.fill("{6*8")
    page.get_by_role("button", name="Continue with these").click()
    expect(page.locator(f"{CARD} [role=alert]").first).to_contain_text("This is not JSON yet")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    form.fill('{"expression": "6*8"}')
    page.get_by_role("button", name="Continue with these").click()
    finished(page)
    expect(page.get_by_text("= 48").first).to_be_visible()
    expect(page.locator("#steer")).to_be_empty()
    assert seen.foreign == []


def test_a_question_is_answered_by_a_button_in_one_of_two_tabs(chromium: Browser, stepwise: Server) -> None:
    page = watched(chromium, stepwise).page
    log_in(page, stepwise)
    say(page, "Ask me which region: North, South or West")
    page.get_by_role("button", name="Step by step").click()  # off: what is held goes on
    expect(page.locator(CARD)).to_contain_text("Researcher asks you")
    page.wait_for_url("**/thread/*")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator(CARD)).to_contain_text("It waits until")
    page.get_by_role("button", name="South", exact=True).dblclick()
    for each in (page, other):
        expect(each.locator(CARD)).to_have_count(0)
        finished(each)
        assert each.locator(f"{SAID} .message-content").last.inner_text() == "South"
    expect(page.get_by_text("Researcher asked: Which region?")).to_be_visible()
