"""Shared links in a real browser: made, looked at without and with an account, revoked; passwords, ends, copies, and a canary."""

from __future__ import annotations

import http.server
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from browser_fixtures import (
    PASSWORD,
    Server,
    Watched,
    finished,
    running,
    say,
    set_up,
    wait_until,
    watched,
)
from playwright.sync_api import Browser, Page, expect
from share_fixtures import hostile

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("house") / "data", STAFFWORK_PUBLIC_LINKS="true") as started:
        page = watched(chromium, started).page
        set_up(page, started)
        page.context.close()
        changed(
            started,
            "INSERT INTO users SELECT 'bob', 'bob', password_hash, 'admin', 1, 1, created_at, NULL, NULL FROM users",
        )
        yield started


def changed(server: Server, sql: str, *values: Any) -> None:
    """Change the database beside the server, as time or an administrator would."""
    with closing(sqlite3.connect(server.data / "staffwork.db", timeout=10)) as connection, connection:
        connection.execute("PRAGMA foreign_keys=ON")
        assert connection.execute(sql, values).rowcount > 0


@contextmanager
def somebody(chromium: Browser, server: Server, name: str = "", **options: Any) -> Iterator[Watched]:
    """A browser of somebody else, signed in if a name is given."""
    opened = watched(chromium, server, **options)
    if name:
        opened.page.goto(server.url + "/login")
        opened.page.fill("#email", name)
        opened.page.fill("#password", PASSWORD)
        opened.page.click("button[type=submit]")
        expect(opened.page.locator("#chat-input")).to_be_visible(timeout=30_000)
        opened.errors.clear()
    yield opened
    opened.page.context.close()


def asked(page: Page, goal: str = "What is 12 * 12?") -> str:
    """Have a conversation; returns its id."""
    say(page, goal)
    finished(page)
    page.wait_for_url("**/thread/**")
    return page.url.rpartition("/")[2]


def shared(page: Page, **chosen: str) -> str:
    """Share the conversation that is shown, by its header; returns the link."""
    page.get_by_role("link", name="Share").or_(page.get_by_role("button", name="Share")).first.click()
    page.wait_for_url("**/shares/new?**")
    for field in ("audience", "days"):
        if field in chosen:
            page.select_option(f"#{field}", chosen[field])
    page.fill("#password", chosen.get("password", ""))
    page.check(f"[value={chosen.get('include', 'answers')}]")
    page.click("#save")
    expect(page.get_by_text("Here is your link")).to_be_visible()
    return page.input_value("#link")


def gone(page: Page, link: str) -> bool:
    answer = page.goto(link)
    assert answer is not None
    if answer.status != 404:
        return False
    expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
    return True


def test_from_sharing_to_revoking(chromium: Browser, server: Server, seen: Watched) -> None:
    page = seen.page
    conversation = asked(page)
    link = shared(page, audience="public")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Preview, as they see it").click()
    preview = opened.value.locator("main").inner_text()
    assert "12 * 12 = 144" in preview
    with somebody(chromium, server) as nobody, somebody(chromium, server, "bob") as bob:
        for other in (nobody, bob):
            other.page.goto(link)
            assert other.page.locator("main").inner_text() == preview
            assert (other.foreign, other.errors) == ([], [])
            assert other.page.locator("script").count() == 0
        page.goto(f"{server.url}/thread/{conversation}")
        say(page, "And what is 7 * 8?")
        expect(page.get_by_text("7 * 8 = 56")).to_be_visible(timeout=30_000)
        bob.page.reload()
        assert bob.page.locator("main").inner_text() == preview
        page.goto(server.url + "/shares")
        card = page.locator("#list > li", has_text="What is 12 * 12?").first
        expect(card).to_contain_text("3 views")
        card.get_by_text("Who looked").click()
        expect(card.locator(".log li")).to_have_count(3)
        expect(card.locator(".log")).to_contain_text("bob looked at it")
        expect(card.locator(".log")).to_contain_text("127.0.0.x looked at it")
        page.route("**/public/shares.js*", lambda route: route.abort())
        page.reload()
        for name in ("Copy link", "Change", "Revoke"):  # until its script is there, nothing would hear them
            expect(card.get_by_role("button", name=name)).to_be_disabled()
        page.unroute("**/public/shares.js*")
        page.reload()
        card.get_by_role("button", name="Revoke").click()
        page.get_by_role("button", name="Keep it").click()
        assert not gone(bob.page, link)
        card.get_by_role("button", name="Revoke").click()
        page.locator("#sure").get_by_role("button", name="Revoke").click()
        wait_until(lambda: gone(bob.page, link), 1)
        assert gone(nobody.page, link)
        expect(page.locator("#list > li").first).to_contain_text("revoked")
    assert seen.foreign == []


def test_people_with_an_account_only(chromium: Browser, server: Server, seen: Watched) -> None:
    asked(seen.page, "What is 3 * 3?")
    link = shared(seen.page, include="steps")
    with somebody(chromium, server) as nobody, somebody(chromium, server, "bob") as bob:
        nobody.page.goto(link)
        expect(nobody.page.get_by_role("heading", name="Please sign in first")).to_be_visible()
        assert "3 * 3 = 9" not in nobody.page.content()
        nobody.page.get_by_role("link", name="Sign in").click()
        nobody.page.fill("#email", "bob")
        nobody.page.fill("#password", PASSWORD)
        nobody.page.click("button[type=submit]")
        nobody.page.wait_for_url(link)  # and not the empty chat
        expect(nobody.page.locator(".answer")).to_contain_text("3 * 3 = 9")
        bob.page.goto(link)
        expect(bob.page.locator(".answer")).to_contain_text("3 * 3 = 9")
        bob.page.get_by_text(re.compile("How it was done: [0-9]+ steps?")).click()
        expect(bob.page.locator(".steps li").first).to_be_visible()


def test_a_password_and_an_end(chromium: Browser, server: Server, seen: Watched) -> None:
    asked(seen.page, "What is 4 * 4?")
    link = shared(seen.page, audience="public", password="open sesame", days="1")
    token = link.rpartition("/")[2]
    with somebody(chromium, server, viewport={"width": 390, "height": 844}) as nobody:
        page = nobody.page
        page.goto(link)
        page.fill("#password", "something else")
        page.click("button[type=submit]")
        expect(page.get_by_text("That is not the password of this link.")).to_be_visible()
        page.fill("#password", "open sesame")
        page.click("button[type=submit]")
        expect(page.get_by_text("4 * 4 = 16").first).to_be_visible()
        assert page.url == link
        page.reload()
        expect(page.get_by_text("4 * 4 = 16").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat(timespec="microseconds")
        share = seen.page.evaluate("async () => (await (await fetch('/api/shares')).json()).shares[0]")
        assert share["url"].endswith(token)
        changed(server, "UPDATE shares SET expires_at = ? WHERE id = ?", past, share["id"])
        assert gone(page, link)


def test_what_looks_like_a_secret_is_shown_before_it_is_shared(seen: Watched, server: Server) -> None:
    page = seen.page
    asked(page, "What is 5 * 5? My key is sk-proj-abcdefghijklmnop1234.")
    page.get_by_role("link", name="Share").or_(page.get_by_role("button", name="Share")).first.click()
    page.click("#save")
    expect(page.locator("#found")).to_contain_text("key in message 1")
    assert "abcdefghijklmnop" not in page.locator("#found").inner_text()
    page.get_by_role("button", name="Hide it and share").click()
    expect(page.get_by_text("Here is your link")).to_be_visible()
    page.goto(page.input_value("#link"))
    expect(page.get_by_text("My key is [secret].").first).to_be_visible()
    assert "abcdefghijklmnop" not in page.content()


def test_continue_as_my_own_copy(chromium: Browser, server: Server, seen: Watched) -> None:
    asked(seen.page, "What is 6 * 6?")
    link = shared(seen.page)
    with somebody(chromium, server, "bob") as bob:
        page = bob.page
        page.goto(link)
        page.get_by_role("link", name="Continue as my own copy").click()
        page.get_by_role("button", name="Continue as my own copy").click()
        page.wait_for_url("**/thread/**")
        expect(page.get_by_text("6 * 6 = 36").first).to_be_visible(timeout=30_000)
        say(page, "And what is 8 * 8?")
        expect(page.get_by_text("8 * 8 = 64")).to_be_visible(timeout=30_000)
        expect(page.locator("#thread-history").get_by_text("What is 6 * 6?")).to_be_visible()
        theirs = page.url
    seen.page.goto(theirs)
    expect(seen.page.get_by_text("8 * 8 = 64")).to_have_count(0)


def test_links_end_with_their_owner(chromium: Browser, server: Server) -> None:
    with somebody(chromium, server, "bob") as bob, somebody(chromium, server) as nobody:
        asked(bob.page, "What is 9 * 9?")
        link = shared(bob.page, audience="public")
        assert not gone(nobody.page, link)
        changed(server, "DELETE FROM users WHERE id = 'bob'")
        wait_until(lambda: gone(nobody.page, link), 1)


@contextmanager
def canary() -> Iterator[tuple[str, list[str]]]:
    """Listen on a port of its own and write down who calls."""
    calls: list[str] = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_HEAD = do_OPTIONS = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{listener.server_port}", calls
    finally:
        listener.shutdown()


def test_nothing_gets_out_and_nothing_runs(chromium: Browser, server: Server, seen: Watched, tmp_path: Path) -> None:
    page = seen.page
    with canary() as (address, calls):
        forms = hostile(address)
        page.request.get(address + "/it-listens")
        assert calls.pop() == "/it-listens"
        conversation = asked(page, "What is 2 * 2?\n" + "\n".join(forms).replace("\x01", ""))
        # What a model could have answered: the rehearsal model would not repeat it.
        answer = "\n\n".join(forms)
        sql = (
            "UPDATE events SET data = json_set(data, '$.answer', ?) WHERE kind = 'mission_ended' AND mission_number = "
        )
        changed(server, f"{sql}(SELECT number FROM missions WHERE conversation_id = ?)", answer, conversation)
        page.goto(f"{server.url}/thread/{conversation}")
        page.get_by_role("link", name="Share").or_(page.get_by_role("button", name="Share")).first.click()
        page.fill("#title", "".join(forms)[:190].replace("\x01", ""))
        page.select_option("#audience", "public")
        page.check("[value=steps]")
        page.click("#save")
        expect(page.locator("#done")).to_be_visible()
        link = page.input_value("#link")
        page.goto(server.url + "/shares")
        expect(page.locator("#list > li").first).to_contain_text("![a](")
        with somebody(chromium, server) as nobody:
            ran: list[str] = []
            nobody.page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
            nobody.page.goto(link, wait_until="networkidle")
            expect(nobody.page.get_by_text("<script>alert(6)</script>").first).to_be_visible()
            nobody.page.mouse.move(300, 300)
            assert (nobody.page.locator("script, iframe, svg, object, embed, form, style").count(), ran) == (0, [])
            hrefs = nobody.page.eval_on_selector_all("main a", "all => all.map(a => [a.protocol, a.rel])")
            assert {tuple(h) for h in hrefs} == {("http:", "noopener noreferrer nofollow")}
            assert (nobody.foreign, nobody.errors) == ([], [])
        assert calls == []
