"""The first run in a real browser: both doors, by mouse and by keyboard, wide and narrow, and the page of models."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from browser_fixtures import (
    NAME,
    PASSWORD,
    Server,
    finished,
    running,
    say,
    watched,
)
from playwright.sync_api import Browser, Page, expect
from wire_replies import WireReply
from wire_servers import WireServer

KEY = "sk-right-0123456789abcdefwxyz"
MODELS = ("gpt-5-mini", "gpt-5", "text-embedding-3-small")
SHOTS = os.environ.get("STAFFWORK_TESTS_SHOTS", "")
VIEWS = [(1440, "light"), (390, "dark")]


def shoot(page: Page, name: str) -> None:
    """Keep a picture where somebody wants to look at it."""
    if SHOTS:
        page.wait_for_timeout(800)  # the page's own fading in
        page.screenshot(path=f"{SHOTS}/{name}-{page.viewport_size['width']}.png", full_page=True)


def first_start(page: Page, server: Server) -> None:
    """Make the owner's account; that leads to the two doors."""
    page.goto(server.setup_url)
    page.fill("#name", NAME)
    page.fill("#password", PASSWORD)
    page.fill("#repeated", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/welcome")


def no_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_door_without_a_key_opens_the_chat_with_samples(
    chromium: Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    with running(tmp_path / "data") as server:
        seen = watched(chromium, server, viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = seen.page
        first_start(page, server)
        doors = page.locator(".door")
        expect(doors).to_have_count(2)
        boxes = [doors.nth(n).bounding_box() for n in range(2)]
        assert boxes[0]["width"] == pytest.approx(boxes[1]["width"], abs=1)
        if width > 640:
            assert boxes[0]["height"] == pytest.approx(boxes[1]["height"], abs=1)
        assert no_sideways(page)
        shoot(page, f"welcome-{scheme}")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Open the chat with samples")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#chat-input")).to_be_visible(timeout=20_000)
        starter = page.get_by_role("button", name=re.compile("Sample: two files"))
        expect(starter).to_be_visible()
        shoot(page, f"samples-{scheme}")
        starter.click()
        finished(page, 60)
        text = page.locator(".ai-message").last.inner_text()
        assert "rehearsal" in text.lower()
        assert "The office in the south gets a second field representative" in text
        assert "72333" in text.replace(",", ""), text
        shoot(page, f"sample-answer-{scheme}")
        page.reload()
        expect(page.get_by_text("sales.csv", exact=True).first).to_be_visible()
        with page.expect_download() as download:
            page.get_by_text("memo.md", exact=True).first.click()
        assert Path(download.value.path()).read_text().startswith("# Memo: the second half")
        assert seen.foreign == []


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_other_door_connects_a_model_that_answers_at_once(
    chromium: Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    script = lambda body: WireReply(text="The answer is 42.")  # noqa: E731
    with WireServer(script, models=MODELS, key=KEY) as model, running(tmp_path / "data") as server:
        seen = watched(chromium, server, viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = seen.page
        first_start(page, server)
        page.get_by_role("link", name="Connect a model").click()
        expect(page.locator("#key")).to_be_focused()
        assert no_sideways(page)
        shoot(page, f"connect-{scheme}")
        page.keyboard.type("sk-wrong-0123456789abcdef")
        page.fill("#base_url", model.base_url)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("does not accept this key")
        assert "sk-wrong-0123456789abcdef" not in page.content()
        expect(page.locator("#base_url")).to_have_value(model.base_url)
        shoot(page, f"connect-refused-{scheme}")
        page.fill("#key", KEY)
        page.get_by_role("button", name="Test and keep").click()
        expect(page.get_by_role("heading", name="OpenAI is connected")).to_be_visible(timeout=30_000)
        assert page.locator("#model option").all_inner_texts() == ["gpt-5", "gpt-5-mini"]
        expect(page.locator("#model")).to_have_value("openai:gpt-5-mini")
        shoot(page, f"choose-{scheme}")
        page.get_by_role("button", name="Use it and open the chat").click()
        expect(page.locator("#chat-input")).to_be_visible(timeout=20_000)
        say(page, "What is the answer?")
        finished(page, 60)
        expect(page.get_by_text("The answer is 42.").last).to_be_visible()
        page.goto(server.url + "/models")
        expect(page.get_by_text("key ending in wxyz")).to_be_visible()
        assert KEY not in page.content()
        assert no_sideways(page)
        shoot(page, f"models-{scheme}")
        page.locator("#anthropic summary").click()
        expect(page.locator("#anthropic-key")).to_be_visible()
        page.get_by_role("button", name="Test OpenAI").click()
        expect(page.get_by_role("status")).to_contain_text("OpenAI answered")
        page.get_by_role("button", name="Remove OpenAI").click()
        expect(page.get_by_role("alert")).to_contain_text("openai:gpt-5-mini is chosen")
        assert seen.foreign == []
        assert [e for e in seen.errors if "Content Security" in e] == []
