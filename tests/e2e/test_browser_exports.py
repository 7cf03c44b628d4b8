"""Export, wipe and import in a real browser: it looks as it did; and what one thinks of a step stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser_fixtures import (
    Server,
    Watched,
    finished,
    make_sales,
    say,
    steps,
)
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
GOAL = "Compare revenue per region in the file and name the best region"


def looks(page: Page) -> tuple[list[str], list[str]]:
    """Read what is shown: messages, and the steps under the Chief with those of the task."""
    finished(page)
    for name in ("Edit", "Regenerate"):  # drawn a moment later than the messages they belong to
        expect(page.get_by_role("button", name=name, exact=True).first).to_be_visible()
    page.locator("button[id^='step-Data analyst']").click()
    expect(page.locator("button[id^='step-Query tables']")).to_be_visible()
    # Beside a file stands where it is in this house now (an imported one is read when somebody goes on): no part of what was said.
    page.add_style_tag(content=".file-card { display: none !important; }")
    said = page.locator('[data-step-type$="_message"]').all_inner_texts()
    return [" ".join(text.split()) for text in said], steps(page)


def exported(page: Page, server: Server, form: str, folder: Path) -> Path:
    """Take the conversation that is shown out, by the menu and the page."""
    page.get_by_role("button", name="Pages").click()
    page.get_by_role("link", name="Export").click()
    page.wait_for_url("**/export?conversation=**")
    page.check(f"[name=format][value={form}]")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    place = folder / download.value.suggested_filename
    download.value.save_as(place)
    return place


def test_export_wipe_import_looks_the_same(server: Server, seen: Watched, tmp_path: Path) -> None:
    page = seen.page
    say(page, GOAL, [make_sales(tmp_path / "sales.csv")])
    finished(page)
    page.wait_for_url("**/thread/**")
    address = page.url
    page.reload()
    before = looks(page)
    file = exported(page, server, "zip", tmp_path)
    page.goto(address)
    finished(page)
    wiped = page.evaluate(
        "async id => (await fetch('/project/thread', {method: 'DELETE', headers: {'content-type': 'application/json'},"
        " body: JSON.stringify({threadId: id})})).status",
        address.rpartition("/")[2],
    )
    assert wiped == 200
    page.goto(server.url + "/import")
    page.set_input_files("#file", str(file))
    page.get_by_role("button", name="Import").click()
    page.wait_for_url("**/thread/**")
    assert page.url != address
    assert looks(page) == before
    page.get_by_role("link", name="sales.csv").first.click()  # the file came along
    assert seen.foreign == []


def test_a_file_that_is_no_export_is_refused_on_the_page(server: Server, seen: Watched, tmp_path: Path) -> None:
    page = seen.page
    (tmp_path / "x.json").write_text('{"format": "something else"}')
    page.goto(server.url + "/import")
    page.set_input_files("#file", str(tmp_path / "x.json"))
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("alert")).to_contain_text("This is no export of Staffwork.")


def test_the_page_opens_without_a_server(chromium: Browser, server: Server, seen: Watched, tmp_path: Path) -> None:
    page = seen.page
    say(page, "What is 12 * 12?")
    finished(page)
    page.wait_for_url("**/thread/**")
    file = exported(page, server, "html", tmp_path)
    alone = chromium.new_context(offline=True).new_page()
    asked: list[str] = []
    alone.on("request", lambda request: asked.append(request.url))
    alone.goto(file.as_uri())
    expect(alone.get_by_text("12 * 12 = 144").first).to_be_visible()
    assert asked == [file.as_uri()]
    assert alone.locator("script").count() == 0
    alone.context.close()


def test_an_opinion_about_a_step_stays_and_can_be_taken_back(server: Server, seen: Watched, tmp_path: Path) -> None:
    page = seen.page
    say(page, GOAL, [make_sales(tmp_path / "sales.csv")])
    finished(page)
    page.wait_for_url("**/thread/**")

    def opened() -> None:
        page.reload()
        finished(page)
        page.locator("button[id^='step-Data analyst']").click()
        page.locator("button[id^='step-Query tables']").click()

    opened()
    step = page.locator("[data-step-type=tool]", has=page.locator("button[id^='step-Query tables']")).last
    bar = step.locator(".step-opinion")
    bar.get_by_role("button", name="Not helpful").click()
    bar.get_by_text("Incomplete").click()
    bar.get_by_label("In your own words").fill("Too few")
    bar.get_by_role("button", name="Save").click()
    expect(bar.get_by_text("Thank you")).to_be_visible()
    opened()
    expect(bar.get_by_role("button", name="Not helpful")).to_have_attribute("aria-pressed", "true")
    expect(bar.get_by_label("In your own words")).to_have_value("Too few")
    expect(bar.get_by_role("checkbox", name="Incomplete")).to_be_checked()
    page.goto(server.url + "/feedback")
    expect(page.locator("main")).to_contain_text("Not helpful: Incomplete")
    expect(page.locator("main")).to_contain_text(re.compile(r"analyst: steps"))
    page.go_back()
    opened()
    bar.get_by_role("button", name="Take back").click()
    expect(bar.get_by_text("Taken back.")).to_be_visible()
    page.goto(server.url + "/feedback")
    expect(page.locator("main")).to_contain_text("Nobody has said anything yet")
