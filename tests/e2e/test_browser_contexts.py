"""Context documents in a browser: kept without JavaScript, on small screens and in the dark; and Staffwork explains itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser_fixtures import browser, finished, log_in, running, say, set_up, watched
from playwright.sync_api import expect

VIEWS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1440, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
    "narrow and dark": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
}


@pytest.mark.timeout(240)
def test_documents_are_kept_without_javascript_and_explain_staffwork(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, browser() as opened:
        page = watched(opened, server).page
        set_up(page, server)
        log_in(page, server)
        say(page, "How do approvals work?")
        finished(page)
        expect(page.get_by_text("An approval is your decision about one call of a tool").last).to_be_visible()
        expect(page.get_by_text("Context documents used:").last).to_be_visible()
        session = page.context.storage_state()
        for number, (name, options) in enumerate(VIEWS.items()):
            context = opened.new_context(storage_state=session, java_script_enabled=False, **options)
            _keep_one(context.new_page(), server.url, f"Rule {number} {name}")
            context.close()


def _keep_one(page: Any, url: str, title: str) -> None:
    page.goto(f"{url}/contexts")
    _fits(page)
    page.click("text=New document")
    page.fill("#title", title)
    page.fill("#triggers", "tax*, a very long phrase that must be wrapped somewhere on a small screen")
    page.fill("#text", "We pay 19 percent.\n" + "x" * 300)
    page.click("text=Keep it")
    expect(page.get_by_role("status")).to_contain_text("Kept.")
    page.fill("#text", "We pay 7 percent.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved as a new version.")
    _fits(page)
    page.click("text=What changed")
    expect(page.locator("del").first).to_contain_text("We pay 19 percent.")
    expect(page.locator("ins").first).to_contain_text("We pay 7 percent.")
    _fits(page)
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.locator("#text")).to_have_value("We pay 19 percent.\n" + "x" * 300)
    for button in page.locator("button:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 40, "large enough for a finger"
    page.click("summary")
    page.get_by_role("button", name="Remove it for good").click()
    expect(page.get_by_role("status")).to_contain_text("Removed")
    expect(page.get_by_text(title)).to_have_count(0)


def _fits(page: Any) -> None:
    inner = page.locator("html").evaluate("e => e.scrollWidth <= e.clientWidth")
    assert inner, f"{page.url} is wider than its screen"
