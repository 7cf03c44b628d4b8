"""A mission in a real browser: files in, steps live, a reload in the middle, the same after a restart, nothing sent elsewhere."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from browser_fixtures import (
    finished,
    log_in,
    make_memo,
    make_sales,
    need_browser,
    running,
    say,
    set_up,
    steps,
    wait_until,
    watched,
)
from playwright.sync_api import Browser, expect
from wire_replies import WireReply
from wire_servers import WireServer

pytestmark = pytest.mark.browser

GOAL = "Compare the two files: total revenue per region, the biggest change, and three risks mentioned in the memo"
ANSWER = "North leads with 2,700. Watch key:value. " + "The memo names three risks. " * 12
PLAN = {
    "note": "The figures and the memo at the same time.",
    "tasks": [
        {"id": "t1", "operator": "analyst", "goal": "Total revenue per region"},
        {"id": "t2", "operator": "researcher", "goal": "Find three risks in the memo"},
    ],
}


def model(operators_think: float) -> WireServer:
    """A model with pauses one can look into: plan, two operators that list the files and then think, a report."""

    def reply(body: dict[str, Any]) -> WireReply:
        tools = {t["function"]["name"] for t in body.get("tools", [])}
        if "make_plan" in tools:
            return WireReply(calls=[("c1", "make_plan", PLAN)], first_token=0.2)
        if "finish" not in tools:
            return WireReply(text=ANSWER, first_token=0.2, tokens_per_second=150)
        if not any(m["role"] == "tool" for m in body["messages"]):
            return WireReply(calls=[("c2", "list_files", {})], first_token=0.2)
        return WireReply(text="Done as asked.", first_token=operators_think)

    return WireServer(reply)


def variables(server: WireServer) -> dict[str, str]:
    return {"STAFFWORK_MODEL": "compatible:paced", "STAFFWORK_COMPATIBLE_BASE_URL": server.base_url}


def test_files_in_answer_out_and_the_same_after_a_restart(chromium: Browser, tmp_path: Path) -> None:
    files = [make_sales(tmp_path / "sales.csv"), make_memo(tmp_path / "memo.pdf")]
    with running(tmp_path / "data") as server:
        seen = watched(chromium, server)
        page = seen.page
        set_up(page, server)
        log_in(page, server)
        say(page, GOAL, files)
        finished(page, 60)
        text = page.locator(".ai-message").last.inner_text()
        for figure in ("2,700", "1,600", "820", "1,290"):
            assert figure in text or figure.replace(",", "") in text
        assert "memo.pdf, page 2" in text
        assert "rehearsal" in text.lower()
        assert any(name.startswith("Chief of Staff · ") for name in steps(page))
        assert sum("analyst" in name.lower() or "researcher" in name.lower() for name in steps(page)) >= 2
        before = steps(page)
        page.reload()
        expect(page.get_by_text("memo.pdf, page 2").last).to_be_visible()
        wait_until(lambda: steps(page) == before)
        server.restart(signal.SIGKILL)
        page.goto(page.url)
        expect(page.get_by_text("memo.pdf, page 2").last).to_be_visible(timeout=30_000)
        wait_until(lambda: steps(page) == before)
        assert page.locator(".ai-message").last.inner_text() == text
        with page.expect_download() as download:
            page.get_by_text("memo.pdf", exact=True).first.click()
        assert Path(download.value.path()).read_bytes() == files[1].read_bytes()
        assert seen.foreign == []
        assert [e for e in seen.errors if "Content Security" in e or "CSP" in e] == []


def test_steps_appear_live_and_go_on_after_a_reload(chromium: Browser, tmp_path: Path) -> None:
    need_browser()
    with model(operators_think=3) as paced, running(tmp_path / "data", **variables(paced)) as server:
        seen = watched(chromium, server)
        page = seen.page
        set_up(page, server)
        log_in(page, server)
        say(page, GOAL)
        expect(page.get_by_text("Find three risks in the memo").first).to_be_visible(timeout=30_000)
        expect(page.locator("#stop-button")).to_be_visible()
        assert any("planned 2 tasks" in name for name in steps(page))
        page.wait_for_url("**/thread/*")
        page.reload()  # in the middle: the operators are thinking
        expect(page.locator("#stop-button")).to_be_visible()
        assert page.get_by_text("model calls · ").count() == 0
        other = page.context.new_page()
        other.goto(page.url)
        finished(page)
        finished(other)
        text = page.locator(".ai-message").last.inner_text()
        assert "key:value" in text  # nothing is lost after a colon
        assert text.count("The memo names three risks.") == 12
        assert steps(page) == steps(other)
        page.locator("button[id^='step-Data analyst']").first.click()
        expect(page.get_by_text("Done as asked.").first).to_be_visible()
        assert seen.foreign == []


def test_stop_and_the_next_message(chromium: Browser, tmp_path: Path) -> None:
    with model(operators_think=60) as paced, running(tmp_path / "data", **variables(paced)) as server:
        page = watched(chromium, server).page
        set_up(page, server)
        log_in(page, server)
        say(page, GOAL)
        expect(page.get_by_text("Find three risks in the memo").first).to_be_visible(timeout=30_000)
        page.click("#stop-button")
        expect(page.get_by_text("Nothing more is done for this message.")).to_be_visible()
        expect(page.locator("#stop-button")).to_have_count(0)
        assert any("stopped" in name for name in steps(page))


def test_a_killed_server_takes_the_mission_up_again(chromium: Browser, tmp_path: Path) -> None:
    with model(operators_think=2) as paced, running(tmp_path / "data", **variables(paced)) as server:
        page = watched(chromium, server).page
        set_up(page, server)
        log_in(page, server)
        say(page, GOAL)
        expect(page.get_by_text("Find three risks in the memo").first).to_be_visible(timeout=30_000)
        page.wait_for_url("**/thread/*")
        server.stop(signal.SIGKILL)
        page.wait_for_timeout(1500)
        server.start()
        finished(page, 40)  # in the page as it was: it waited for the server to come back
        plans = [a for a in paced.asked if "make_plan" in str(a.body.get("tools"))]
        assert len(plans) == 1  # what was finished is not done again
        assert page.locator(".ai-message").last.inner_text().count("The memo names three risks.") == 12
