"""People in a real browser: invite, join, change a role, and whoever is deactivated is out at once; without scripts too."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from browser_fixtures import PASSWORD, Server, finished, log_in, running, say, set_up, watched
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

SHOTS = os.environ.get("STAFFWORK_TESTS_SHOTS", "")
"""Folder for pictures of the pages; empty: none are taken."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("people") / "data") as started:
        set_up(watched(chromium, started).page, started)
        yield started


def enter(page: Page, server: Server, name: str) -> None:
    """Sign in without the chat's own page: the pages about people are plain."""
    answer = page.request.post(server.url + "/login", form={"username": name, "password": PASSWORD})
    assert answer.ok, answer.text()


def invite(page: Page, server: Server, role: str, name: str) -> str:
    """Make an invitation on the page, and return its link."""
    page.goto(server.url + "/people")
    page.select_option("#role", role)
    page.fill("#name", name)
    page.get_by_role("button", name="Make the invitation").click()
    return page.locator("#link").input_value()


def join(page: Page, link: str, name: str) -> None:
    page.goto(link)
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.fill("#repeated", PASSWORD)
    page.get_by_role("button", name="Create my account").click()


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def test_from_invitation_to_deactivation(chromium: Browser, server: Server) -> None:
    name = f"eve-{token_hex(3)}"  # another one, should this be tried again
    owner, eve = watched(chromium, server), watched(chromium, server)
    log_in(owner.page, server)
    link = invite(owner.page, server, "member", name)
    join(eve.page, link, name)
    expect(eve.page.locator("#chat-input")).to_be_visible(timeout=15_000)  # signed in by joining
    say(eve.page, "What is 6 * 7?")
    finished(eve.page)

    owner.page.goto(server.url + "/people")
    owner.page.locator("li", has_text=name).get_by_role("link", name="Sessions, password, more").click()
    expect(owner.page.get_by_role("heading", name="Signed in")).to_be_visible()
    owner.page.locator("select[name=role]").select_option("viewer")
    owner.page.get_by_role("button", name="Change").click()
    expect(owner.page.get_by_role("status")).to_contain_text("The role is changed")
    eve.page.wait_for_url(re.compile("/login"), timeout=30_000)  # the open page notices by itself

    eve.page.fill("#email", name)
    eve.page.fill("#password", PASSWORD)
    eve.page.click("button[type=submit]")
    expect(eve.page.locator("#chat-input")).to_be_visible(timeout=15_000)
    say(eve.page, "Start something")
    expect(eve.page.get_by_text("Your role here is viewer").first).to_be_visible(timeout=15_000)

    owner.page.get_by_role("button", name="Deactivate").click()
    expect(owner.page.get_by_role("status")).to_contain_text("They are out")
    eve.page.wait_for_url(re.compile("/login"), timeout=30_000)
    eve.page.goto(link)
    expect(eve.page.get_by_role("heading", name="This link does not work")).to_be_visible()
    assert owner.foreign == eve.foreign == []


@pytest.mark.parametrize("width", [360, 390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_work_without_scripts_and_fit(chromium: Browser, server: Server, width: int, scheme: str) -> None:
    seen = watched(
        chromium, server, viewport={"width": width, "height": 844}, color_scheme=scheme, java_script_enabled=False
    )
    page, name = seen.page, f"person-{width}-{scheme}"
    enter(page, server, "Ada")
    link = invite(page, server, "admin", name)
    shot(page, f"people-{width}-{scheme}")
    other = watched(chromium, server, viewport={"width": width, "height": 844}, color_scheme=scheme,
                    java_script_enabled=False).page  # fmt: skip
    other.goto(link)
    shot(other, f"join-{width}-{scheme}")
    fits(other, width)
    join(other, link, name)
    page.goto(server.url + "/people")
    page.locator("li", has_text=name).get_by_role("link", name="Sessions, password, more").click()
    page.get_by_role("button", name="Make a link for a new password").click()
    reset = page.locator("#link").input_value()
    shot(page, f"person-{width}-{scheme}")
    fits(page, width)
    other.goto(server.url + "/me")
    fits(other, width)
    shot(other, f"me-{width}-{scheme}")
    other.goto(reset)
    fits(other, width)
    for path in ("/people", "/audit", "/audit?kind=role_changed&person=nobody"):
        page.goto(server.url + path)
        fits(page, width)
        shot(page, f"{path.strip('/').replace('?', '-')}-{width}-{scheme}")
    page.goto(server.url + "/people")
    page.locator("li", has_text=name).get_by_role("link", name="Sessions, password, more").click()
    page.fill("#sure", name)
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("status")).to_contain_text("They are out")
    expect(page.locator("main > ul").first).not_to_contain_text(name)
    assert seen.foreign == []


def fits(page: Page, width: int) -> None:
    # without scripts in the page; the browser's own tools may still measure
    box = page.locator("main").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    for part in page.locator("main *:visible").all():
        inner = part.bounding_box()
        assert inner is None or inner["x"] + inner["width"] <= width + 1, part.inner_html()[:200]
