"""Artifacts in a real browser: a chart of a CSV saved as PDF, seen again after a restart; previews, versions, and hostile pages."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from artifact_fixtures import HOSTILE_HTML
from browser_fixtures import Server, Watched, finished, log_in, say, wait_until, watched
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
SALES = "order_date,region,revenue\n" + "".join(
    f"2026-{month:02d}-{day:02d},{region},{month * 10 + day}.5\n"
    for month in range(1, 7)
    for day, region in ((3, "North"), (17, "South"))
)
GOAL = "Plot revenue per month from this CSV and save it as PDF"


def shows_the_chart(page: Page) -> None:
    """See the picture, the interactive chart and the files below the answer."""
    picture = page.locator("img[src*='/files/artifact/']").first
    expect(picture).to_be_visible(timeout=20_000)
    wait_until(lambda: picture.evaluate("e => e.complete && e.naturalWidth > 100"))
    expect(page.locator(".inline-plotly .main-svg").first).to_be_visible(timeout=30_000)
    link = page.get_by_role("link", name="revenue-per-month.pdf", exact=False).filter(has_not_text="download").first
    expect(link).to_be_visible()


def test_a_chart_is_plotted_saved_as_pdf_undone_and_there_after_a_restart(
    seen: Watched, server: Server, tmp_path: Path
) -> None:
    page = seen.page
    csv = tmp_path / "sales.csv"
    csv.write_text(SALES)
    say(page, GOAL, [csv])
    finished(page, 60)
    page.wait_for_url("**/thread/**")
    shows_the_chart(page)
    label = page.locator("a[href^='/artifacts/']:not([href*='#'])", has_text="revenue-per-month.pdf").first
    expect(label).to_have_attribute("data-version", "v1", timeout=15_000)
    say(page, GOAL, [csv])
    expect(page.locator("a[data-version=v2]", has_text="revenue-per-month.pdf").first).to_be_attached(timeout=60_000)
    finished(page)
    server.restart()
    page.reload()
    shows_the_chart(page)
    newest = page.locator("a[href^='/artifacts/']:not([href*='#'])", has_text="revenue-per-month.pdf").last
    newest.scroll_into_view_if_needed()
    expect(newest).to_have_attribute("data-version", "v2", timeout=15_000)
    artifact = newest.get_attribute("href")
    say(page, "Undo the last change")
    expect(page.get_by_text(re.compile(r"Undid: Made revenue-per-month\.pdf")).first).to_be_visible(timeout=60_000)
    page.goto(server.url + str(artifact))
    expect(page.locator(".versions li")).to_have_count(3)
    expect(page.get_by_role("heading", level=1)).to_contain_text("revenue-per-month.pdf")
    expect(page.locator(".newer")).to_contain_text("v3")
    page.get_by_text("Its text").click()
    expect(page.locator("pre.text")).to_contain_text("Revenue per month")
    assert [url for url in seen.foreign if not url.startswith("chrome")] == []  # its own reader of PDFs is no stranger


def made(server: Server, page: Page, name: str, content: str) -> str:
    """Have a file written by an operator, with a message the rehearsal model can play, then put other content in its place."""
    say(page, f"What is 12 * 12? Then save it as {name}")
    finished(page)
    found = page.evaluate(
        "async (name) => (await (await fetch('/api/artifacts?query=' + name)).json()).artifacts[0]", name
    )
    blob = server.data / "blobs" / found["hash"][:2] / found["hash"][2:4] / found["hash"]
    blob.write_text(content)
    return str(found["page"])


@contextmanager
def outside() -> Iterator[tuple[str, list[str]]]:
    """A host that writes down every connection that is made to it."""
    heard: list[str] = []

    class Listener(http.server.ThreadingHTTPServer):
        def get_request(self):  # type: ignore[no-untyped-def]
            heard.append("connection")
            return super().get_request()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(204)
            self.end_headers()

    listening = Listener(("127.0.0.1", 0), Quiet)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}", heard
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def test_a_hostile_page_is_shown_and_reaches_nothing(seen: Watched, server: Server) -> None:
    with outside() as (address, heard):
        page = seen.page
        path = made(server, page, "evil.html", HOSTILE_HTML.replace("OUT", address))
        title = "evil.html - Staffwork"
        page.goto(server.url + path)
        frame = page.frame_locator("iframe.framed")
        expect(frame.get_by_role("heading", name="Hello")).to_be_visible()
        expect(frame.get_by_text("Words")).to_be_visible()
        frame.get_by_text("away").click()
        frame.get_by_text("js", exact=True).click()
        page.goto(f"{server.url}{path}/frame")  # by itself it is a stranger, too
        expect(page.get_by_role("heading", name="Hello")).to_be_visible()
        assert page.evaluate("self.origin") == "null"
        page.goto(server.url + path)
        expect(page).to_have_title(title)
        assert heard == []


@pytest.mark.parametrize("width", [360, 1440])
def test_the_pages_of_artifacts(chromium: Browser, server: Server, width: int) -> None:
    opened = watched(chromium, server, viewport={"width": width, "height": 844}, color_scheme="dark")
    page = opened.page
    log_in(page, server)
    say(page, f"What is {width} * 2? Then save it as sum{width}.md")
    finished(page)
    opened.errors.clear()
    page.goto(server.url + "/artifacts")
    page.fill("#query", str(width * 2))
    page.keyboard.press("Enter")
    page.get_by_role("link", name=f"sum{width}.md", exact=True).click()
    expect(page.locator(".answer")).to_contain_text(str(width * 2))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.route("**/public/artifacts.js*", lambda route: route.abort())
    page.reload()
    for name in ("Rename", "Tags", "Delete"):  # until its script is there, nothing would hear them
        expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()
    opened.errors.clear()
    page.unroute("**/public/artifacts.js*")
    page.reload()
    expect(page.get_by_role("button", name="Tags")).to_be_enabled()
    page.get_by_role("button", name="Tags").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#value")).to_be_focused()
    page.fill("#value", "board, q3")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="board")).to_be_visible()
    page.get_by_role("button", name="Rename").click()
    page.fill("#value", "../up.md")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#problem")).to_contain_text("no file name")
    page.fill("#value", f"renamed{width}.md")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"renamed{width}.md")
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="workspace as a zip").click()
    assert downloaded.value.suggested_filename == "workspace.zip"
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Keep it").click()
    page.get_by_role("button", name="Delete").click()
    page.locator("#gone").click()
    page.wait_for_url("**/artifacts")
    expect(page.get_by_text(f"renamed{width}.md")).to_have_count(0)
    refused = [e for e in opened.errors if "400 (Bad Request)" not in e]  # the name that was not taken
    assert (opened.foreign, refused) == ([], [])
    page.context.close()
