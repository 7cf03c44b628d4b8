"""One run in a real browser, seen from everywhere: reloads, a second tab, a phone, Stop elsewhere, a lost network, restarts."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from browser_fixtures import Server, finished, log_in, running, say, set_up, steps, watched
from browser_network import Cable, Drop
from playwright.sync_api import Browser, Page, expect
from wire_replies import Tap, WireReply
from wire_servers import WireServer

pytestmark = pytest.mark.browser
WORDS = [f"w{n:03}" for n in range(1, 241)]
EACH = len("w001 ")  # eight words are five pieces on the wire: the tap lets whole ones through
BAR, TASKS, STOP = "#steer .steer-bar", "aside.tasklist .task", "#stop-button"
GOAL = "Save the notes and count them"
AGAIN = "Picked up again where it was interrupted"
PLAN = {
    "note": "Two parts.",
    "tasks": [
        {"id": "t1", "operator": "writer", "goal": "Save the notes"},
        {"id": "t2", "operator": "analyst", "goal": "Count the notes", "needs": ["t1"]},
    ],
}
PATIENT = {f"STAFFWORK_MODEL_{which}_SECONDS": "3000" for which in ("FIRST_TOKEN", "SILENCE", "TOTAL")}


@dataclass
class Model:
    """A model that has a file written, counts as far as `counts` is open, and answers as far as `says` is."""

    counts: Tap = field(default_factory=Tap)
    says: Tap = field(default_factory=Tap)

    def begin(self, words: int = 0, *, counted: bool = True) -> None:
        """Before a mission: how far it may come by itself."""
        self.counts.open(1000 if counted else 0)
        self.says.open(words * EACH)

    def reply(self, body: dict[str, Any]) -> WireReply:
        tools = {t["function"]["name"] for t in body.get("tools", [])}
        if "make_plan" in tools:
            return WireReply(calls=[("c1", "make_plan", PLAN)])
        if "finish" not in tools:
            return WireReply(text=" ".join(WORDS), tap=self.says)
        if "profile_table" in tools:  # the analyst
            return WireReply(text="Counted: three notes.", tap=self.counts)
        if not any(m["role"] == "tool" for m in body["messages"]):
            return WireReply(calls=[("c2", "write_file", {"name": "notes.md", "content": "one\ntwo\nthree\n"})])
        return WireReply(text="Saved as notes.md.")


model = Model()


@pytest.fixture(scope="module")
def server(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with WireServer(model.reply) as wire:
        about = {"STAFFWORK_MODEL": "compatible:paced", "STAFFWORK_COMPATIBLE_BASE_URL": wire.base_url, **PATIENT}
        with running(tmp_path_factory.mktemp("live") / "data", **about) as started:
            page = watched(chromium, started).page
            set_up(page, started)
            page.context.close()
            yield started
            model.begin(1000)  # whatever a failed test left behind can end


def given(chromium: Browser, server: Server, url: str = "") -> Page:
    """Give the mission in a browser of its own, and see it at work."""
    reached = Server(server.data, url=url or server.url)
    page = watched(chromium, reached).page
    log_in(page, reached)
    say(page, GOAL)
    expect(page.locator(BAR)).to_be_visible(timeout=60_000)
    page.wait_for_url("**/thread/*")
    return page


def phone(chromium: Browser, server: Server, address: str) -> Page:
    """Open the same conversation on a phone of the same person."""
    small = watched(chromium, server, viewport={"width": 390, "height": 844}).page
    log_in(small, server)
    small.goto(address)
    return small


def shows(page: Page, words: int) -> None:
    """Wait until the answer stands there as far as this many words: contiguous, and each once."""
    expect(page.get_by_text(f"{WORDS[words - 1]}").last).to_be_visible(timeout=60_000)
    assert said(page) == WORDS[:words]


def said(page: Page) -> list[str]:
    return re.findall(r"w\d{3}", page.locator("main").inner_text())


def everything(page: Page) -> dict[str, list[str]]:
    """Read all that a view shows of the conversation, apart from times that go on."""
    return {
        "said": page.locator("[data-step-type=user_message] .message-content").all_inner_texts(),
        "answers": page.locator(".ai-message .message-content").all_inner_texts(),
        "steps": [re.sub(r"· [\d.]+ s\b", "", step) for step in steps(page)],
        "tasks": [" ".join(task.split()) for task in page.locator(TASKS).all_inner_texts()],
        "files": page.get_by_text("notes.md", exact=True).all_inner_texts(),
        "buttons": page.locator("#steer button, .steer-task button, .turn button").all_inner_texts(),
        "state": page.locator("#steer .steer-words").all_inner_texts(),
    }


def the_same(page: Page, before: dict[str, list[str]]) -> None:
    """Wait until a page shows all of it again."""
    expect(page.locator(TASKS)).to_have_count(len(before["tasks"]), timeout=60_000)
    for _ in range(600):
        if everything(page) == before:
            return
        page.wait_for_timeout(100)
    assert everything(page) == before


def test_two_tabs_and_a_phone_see_one_run(chromium: Browser, server: Server) -> None:
    model.begin(80)
    page = given(chromium, server)
    shows(page, 80)
    other = page.context.new_page()
    other.goto(page.url)
    small = phone(chromium, server, page.url)
    page.reload()
    for each in (page, other, small):
        shows(each, 80)
        expect(each.locator(STOP)).to_be_visible()
    model.says.open(160 * EACH)
    for each in (page, other, small):
        shows(each, 160)
    other.reload()
    small.reload()
    model.says.open()
    for each in (page, other, small):
        finished(each)
        shows(each, 240)
        assert everything(each)["said"] == [GOAL]
        expect(each.locator("#steer")).to_be_empty()
    assert steps(page) == steps(other) == steps(small)
    assert small.evaluate("document.documentElement.scrollWidth") <= 390
    page.context.close()
    small.context.close()


def test_stop_on_the_phone_stops_it_everywhere(chromium: Browser, server: Server) -> None:
    model.begin(80)
    page = given(chromium, server)
    other = page.context.new_page()
    other.goto(page.url)
    small = phone(chromium, server, page.url)
    for each in (page, other, small):
        shows(each, 80)
    small.locator(STOP).dblclick()
    for each in (page, other, small):
        expect(each.get_by_text("Nothing more is done for this message.")).to_be_visible(timeout=60_000)
        expect(each.locator(STOP)).to_have_count(0)
        assert said(each) == WORDS[:80]  # what was said stays
    model.says.open()
    page.reload()
    expect(page.get_by_text("Nothing more is done for this message.")).to_be_visible(timeout=60_000)
    expect(other.get_by_role("button", name="Regenerate")).to_have_count(1)
    the_same(page, everything(other))
    page.context.close()
    small.context.close()


@pytest.mark.parametrize("how", ["cut", "silent"])
def test_a_lost_network_loses_nothing_and_shows_nothing_twice(chromium: Browser, server: Server, how: Drop) -> None:
    model.begin(64)
    with Cable(server.port) as cable:
        page = given(chromium, server, cable.url)
        watcher = phone(chromium, server, page.url.replace(cable.url, server.url))
        shows(page, 64)
        cable.drop(how)
        model.says.open(144 * EACH)
        shows(watcher, 144)  # it goes on meanwhile
        page.wait_for_timeout(4_000)  # some seconds without a network, whatever happens in them
        cable.mend()
        shows(page, 144)
        expect(page.locator(STOP)).to_be_visible()
        cable.drop(how)
        model.says.open()
        finished(watcher)
        cable.mend()
        finished(page)
        shows(page, 240)
        expect(page.get_by_role("button", name="Regenerate")).to_have_count(1)
        before = everything(page)
        page.reload()
        the_same(page, before)
        page.context.close()
        watcher.context.close()


def test_all_of_it_is_there_after_a_reload_and_a_restart(chromium: Browser, server: Server) -> None:
    model.begin(1000, counted=False)
    page = given(chromium, server)
    expect(page.locator(f"{BAR} .steer-words")).to_have_text("Data analyst is at work", timeout=60_000)
    expect(page.locator(TASKS)).to_have_count(2)
    expect(page.locator(".steer-task button")).not_to_have_count(0)
    before = everything(page)
    page.reload()
    the_same(page, before)
    server.restart(signal.SIGKILL)
    expect(page.get_by_text(AGAIN)).to_have_count(1, timeout=60_000)  # in the page as it was
    expect(page.locator(f"{BAR} .steer-words")).to_have_text("Data analyst is at work", timeout=60_000)
    steps_before = [step for step in before["steps"] if not step.startswith("Chief of Staff")]
    the_same(page, before | {"steps": ["Chief of Staff · goes on\u2060", *steps_before, AGAIN]})
    page.reload()
    the_same(page, before | {"steps": ["Chief of Staff · goes on\u2060", *steps_before, AGAIN]})
    model.counts.open()
    finished(page)
    shows(page, 240)
    expect(page.get_by_role("button", name="Regenerate")).to_have_count(1)
    after = everything(page)
    assert after["files"]
    page.reload()
    the_same(page, after)
    server.restart()
    page.reload()
    the_same(page, after)
    with page.expect_download() as download:
        page.get_by_role("link", name="download", exact=True).click()
    assert download.value.path().read_text() == "one\ntwo\nthree\n"
    page.context.close()
