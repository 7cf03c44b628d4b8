"""What holds everywhere in a real browser: one head for all pages, keys and their sheet, words for screen readers, axe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser_fixtures import Server, browser, finished, log_in, make_memo, make_sales, running, say, set_up, watched
from playwright.sync_api import Browser, Page, expect

from api.masthead import PLACES

GOAL = "Compare the two files: total revenue per region, the biggest change, and three risks mentioned in the memo"
MORE = ("/contexts/new", "/keys", "/reference", "/me/second-factor", "/me/identities", "/welcome", "/nowhere/at/all")
LEFT_OUT = {
    # While a menu of Chainlit is open it hides the page from screen readers, and keeps the focus in the menu by its own means,
    # which axe does not see: Tab goes nowhere else.
    "aria-hidden-focus": "[data-radix-menu-content]",
}
"""Rule of axe -> what must be shown for its findings not to count."""
LISTEN = """() => {
  window.lines = [];
  const look = () => {
    const last = document.getElementById('told')?.textContent;
    if (last && window.lines.at(-1) !== last) window.lines.push(last);
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
LIVE = """() => Array.from(document.querySelectorAll('[aria-live], [role=log], [role=status]'))
  .filter((node) => node.querySelector('.message-content')).length"""


@dataclass
class House:
    """A server with one finished mission; `state` is the browser of somebody who is logged in."""

    server: Server
    chromium: Browser
    state: Any
    thread: str
    files: list[Path]

    def page(self, **options: Any) -> Page:
        """Open a page, logged in; what axe needs to run is allowed here and nowhere else."""
        given = {"storage_state": self.state, "bypass_csp": True} | options
        return watched(self.chromium, self.server, **given).page

    def chat(self, **options: Any) -> Page:
        page = self.page(**options)
        page.goto(self.thread)
        expect(page.locator("#pages-button")).to_be_visible()
        finished(page)
        return page


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("everywhere")
    files = [make_sales(folder / "sales.csv"), make_memo(folder / "memo.pdf")]
    with browser() as chromium, running(folder / "data") as server:
        page = watched(chromium, server).page
        set_up(page, server)
        log_in(page, server)
        say(page, GOAL, files)
        finished(page, 120)
        yield House(server, chromium, page.context.storage_state(), page.url, files)


def serious(page: Page) -> list[str]:
    """List what axe finds serious or critical on a page and keeps finding: names come a moment after what they name is drawn."""
    for _ in range(5):
        if not (found := _found(page)):
            return []
        page.wait_for_timeout(400)
    return found


def _found(page: Page) -> list[str]:
    found = []
    for violation in Axe().run(page).response["violations"]:
        excuse = LEFT_OUT.get(violation["id"])
        if violation["impact"] in ("serious", "critical") and not (excuse and page.locator(excuse).count()):
            found += [f"{violation['id']}: {node['html'][:200]}" for node in violation["nodes"]]
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page_of_ours(house: House, scheme: Any) -> None:
    page = house.page(color_scheme=scheme)
    found = {}
    for path in [place.path for place in PLACES if place.path != "/"] + list(MORE):
        page.goto(house.server.url + path)
        expect(page.locator("h1")).to_be_visible()
        if problems := serious(page):
            found[path] = problems
    assert not found, json.dumps(found, indent=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_chat(house: House, scheme: Any) -> None:
    page = house.chat(color_scheme=scheme)
    found = {"finished": serious(page)}
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys-sheet")).to_be_visible()
    found["sheet"] = serious(page)
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    expect(page.locator("#pages-list")).to_be_visible()
    found["menu"] = serious(page)
    page.goto(house.server.url + "/")
    expect(page.locator("#pages-button")).to_be_visible()
    found["empty"] = serious(page)
    found["login"] = serious(login_page(house, scheme))
    assert not any(found.values()), json.dumps(found, indent=1)


def login_page(house: House, scheme: Any) -> Page:
    page = house.page(color_scheme=scheme, storage_state=None)
    page.goto(house.server.url + "/login")
    expect(page.locator("#email")).to_be_visible()
    return page


def test_axe_finds_nothing_serious_in_mid_run_and_what_happens_is_told_in_lines(house: House) -> None:
    page = house.page()
    page.goto(house.server.url + "/")
    expect(page.locator("#chat-input")).to_be_visible()
    page.evaluate(LISTEN)
    say(page, GOAL, house.files)
    expect(page.locator("#stop-button")).to_be_visible()
    assert serious(page) == []
    finished(page, 120)
    page.wait_for_function("() => window.lines.join(' ').includes('The answer is ready')", timeout=30_000)
    lines = page.evaluate("window.lines")
    assert len(lines) < 30, "lines of summary, not words as they stream in"
    live = page.evaluate(LIVE)
    assert live == 0, "streaming text is not read out"


def test_every_page_has_the_same_head_and_leads_back_to_the_chat(house: House) -> None:
    page = house.page()
    for place in PLACES:
        if place.path == "/":
            continue
        page.goto(house.server.url + place.path)
        links = page.locator("header.masthead nav a")
        assert [words.split("\n")[0] for words in links.all_inner_texts()] == [p.words for p in PLACES], place.path
        expect(page.locator("header.masthead [aria-current=page]")).to_contain_text(place.words)
        assert page.evaluate("document.querySelector('a, button, input').textContent") == "Skip to the content"
        tops = {box["y"] for link in links.all() if (box := link.bounding_box())}
        assert len(tops) == 1, f"{place.path}: the pages stand in one row"
        page.locator(".skip-link").press("Enter")
        page.wait_for_function("() => document.activeElement.id === 'content'")
    page.click("header.masthead .logo")
    expect(page.locator("#chat-input")).to_be_visible()


def test_the_pages_follow_the_theme_that_was_chosen_in_the_chat(house: House) -> None:
    paper, scheme = "getComputedStyle(document.body).backgroundColor", "document.documentElement.style.colorScheme"
    page = house.page(color_scheme="light", bypass_csp=False)
    page.goto(house.server.url + "/inbox")
    day = page.evaluate(paper)
    page.goto(house.server.url)
    page.locator("#theme-toggle").press("Enter")
    page.get_by_role("menuitem", name="Dark").click()
    for path in ("/inbox", "/files", "/artifacts", "/conversations", "/schedules"):
        page.goto(house.server.url + path)
        assert (page.evaluate(paper) != day, page.evaluate(scheme)) == (True, "dark"), path
        page.wait_for_function("() => document.querySelector('.logo img').currentSrc.includes('logo_dark')")
    other = page.context.new_page()
    other.goto(house.server.url + "/inbox")
    page.evaluate("localStorage.setItem('vite-ui-theme', 'light')")
    other.wait_for_function(f"() => {paper} === '{day}'")  # a page that is open follows, too
    page.emulate_media(color_scheme="dark")
    page.goto(house.server.url + "/inbox")
    assert page.evaluate(paper) == day
    page.evaluate("localStorage.setItem('vite-ui-theme', 'system')")
    page.goto(house.server.url + "/inbox")
    assert (page.evaluate(paper) != day, page.evaluate(scheme)) == (True, "")
    plain = house.page(color_scheme="dark", java_script_enabled=False)
    plain.goto(house.server.url + "/inbox")
    expect(plain.locator("body")).not_to_have_css("background-color", day)
    plain.goto(house.server.url)
    expect(plain.locator(".opening p").first).to_be_visible()  # says that the chat needs JavaScript
    expect(plain.locator(".opening .wait")).to_be_hidden()
    page.route("**/assets/*.js", lambda route: route.abort())
    page.goto(house.server.url)  # on a slow line it is said that the chat opens, in the colours that were chosen
    expect(page.get_by_text("Opening Staffwork")).to_be_visible()
    dark = page.locator(".opening").evaluate("e => getComputedStyle(e).backgroundColor")
    expect(plain.locator(".opening")).to_have_css("background-color", dark)
    page.context.close()


@pytest.mark.parametrize("width", [360, 768])
def test_on_small_screens_the_pages_are_in_a_menu_without_javascript(house: House, width: int) -> None:
    page = house.page(viewport={"width": width, "height": 800}, java_script_enabled=False)
    page.goto(house.server.url + "/audit")
    expect(page.get_by_role("link", name="Artifacts")).to_be_hidden()
    page.get_by_role("button", name="Pages").press("Enter")
    page.get_by_role("link", name="Artifacts").click()
    expect(page.locator("h1")).to_have_text("Artifacts")
    box = page.locator("html").bounding_box()
    assert box is not None
    assert box["width"] <= width


@pytest.mark.parametrize("width", [360, 1440])
def test_the_head_is_as_wide_as_the_window_on_the_small_pages_too(house: House, width: int) -> None:
    page = house.page(viewport={"width": width, "height": 800})
    for path in ("/me/second-factor", "/me/identities", "/inbox"):
        page.goto(house.server.url + path)
        head, card = page.locator("header.masthead").bounding_box(), page.locator("main h1").bounding_box()
        assert head is not None
        assert card is not None
        assert head["width"] == width, path
        assert card["y"] > head["height"] + 10, f"{path}: what is on the page stands clear of its head"


def test_an_address_that_leads_nowhere_says_so(house: House) -> None:
    page = house.page()
    for path, words in {"/tools": "leads nowhere", "/artifacts/unknown": "artifact"}.items():
        answer = page.goto(house.server.url + path)
        assert answer is not None
        assert answer.status == 404
        expect(page.locator("main")).to_contain_text(words)
        page.get_by_role("link", name="Back to the chat").click()
        expect(page.locator("#chat-input")).to_be_visible()


def test_everything_can_be_done_with_keys_and_a_sheet_says_which(house: House) -> None:
    page = house.chat()
    page.locator("#chat-input").click()
    page.keyboard.type("a?n")
    expect(page.locator("#chat-input")).to_contain_text("a?n")
    expect(page.locator("#keys-sheet")).to_be_hidden()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys-sheet")).to_be_visible()
    page.keyboard.press("n")
    assert page.url == house.thread, "while the sheet is open, keys are its own"
    page.keyboard.press("Escape")
    expect(page.locator("#keys-sheet")).to_be_hidden()
    page.keyboard.press("j")
    first = page.evaluate("document.activeElement.id")
    assert first.startswith("step-")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") != first
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.id") == first
    page.keyboard.press("c")
    page.wait_for_function("() => document.activeElement.id === 'chat-input'")
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    page.get_by_role("link", name="Chat", exact=True).press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/inbox")
    page.go_back()
    expect(page.locator("#pages-button")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.wait_for_url(house.server.url + "/")


def test_a_browser_finds_nothing_against_installing_it(house: House) -> None:
    page = house.page(bypass_csp=False)
    page.goto(house.server.url + "/")
    expect(page.locator("#chat-input")).to_be_visible()
    client = page.context.new_cdp_session(page)
    found = client.send("Page.getAppManifest")
    assert found["url"] == house.server.url + "/public/manifest.webmanifest"
    assert found["errors"] == []
    manifest = json.loads(found["data"])
    assert manifest["start_url"] == "/"
    for icon in manifest["icons"]:
        answer = page.request.get(house.server.url + icon["src"])
        assert answer.ok, icon["src"]
        assert answer.headers["content-type"].startswith(icon["type"])
    # a private window, as tests use them, is never asked to install anything: that is the one thing left
    errors = {one["errorId"] for one in client.send("Page.getInstallabilityErrors")["installabilityErrors"]}
    assert errors <= {"in-incognito"}
    assert page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0, (
        "nothing private is cached"
    )
