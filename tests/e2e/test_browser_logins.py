"""In the browser: logging in with a second factor, through an identity provider, and making an API key."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pyotp
import pytest
from browser_fixtures import NAME, PASSWORD, Server, browser, finished, log_in, running, say, set_up, watched
from identity_provider import CLIENT, SECRET, identity_provider
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("STAFFWORK_SHOTS", "")


def shot(page: Page, name: str) -> None:
    """Keep a picture of the page at both widths, light and dark, if somebody wants to look at them."""
    if not SHOTS:
        return
    for width in (1440, 390):
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
            page.screenshot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")


def fits(page: Page) -> None:
    """Nothing of a page is beyond the edge of a small screen."""
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.set_viewport_size({"width": 1440, "height": 900})


def test_a_second_factor_is_set_up_and_asked_for(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, browser() as opened:
        seen = watched(opened, server)
        page = seen.page
        set_up(page, server)
        log_in(page, server)
        page.goto(server.url + "/me/second-factor")
        shot(page, "factor-off")
        page.get_by_role("button", name="Set it up").click()
        secret = page.locator(".secret").inner_text().replace(" ", "")
        expect(page.locator(".qr svg")).to_be_visible()
        shot(page, "factor-new")
        fits(page)
        page.fill("#code", pyotp.TOTP(secret).now())
        page.get_by_role("button", name="Switch it on").click()
        codes = page.locator(".codes li").all_inner_texts()
        assert len(codes) == 10
        shot(page, "factor-codes")
        fits(page)
        page.get_by_role("link", name="Done").click()
        expect(page.get_by_text(re.compile("It is on since"))).to_be_visible()
        shot(page, "factor-on")
        other = watched(opened, server).page
        other.goto(server.url + "/search?q=word")  # led to the login, over the second step, and back
        shot(other, "led-to-login")
        other.fill("#email", NAME)
        other.fill("#password", PASSWORD)
        other.click("button[type=submit]")
        other.wait_for_url("**/second-factor?to=*")
        shot(other, "factor-asked")
        fits(other)
        other.fill("#code", "000000")
        other.get_by_role("button", name="Log in").click()
        expect(other.get_by_role("alert")).to_contain_text("not right")
        shot(other, "factor-wrong")
        other.fill("#code", codes[3])
        other.get_by_role("button", name="Log in").click()
        other.wait_for_url(server.url + "/search?q=word", timeout=15_000)
        assert seen.foreign == []


def test_one_logs_in_through_the_identity_provider_and_connects_an_identity(tmp_path: Path) -> None:
    with identity_provider() as idp:
        chosen = {
            "STAFFWORK_OIDC_ISSUER": idp.issuer,
            "STAFFWORK_OIDC_CLIENT_ID": CLIENT,
            "STAFFWORK_OIDC_CLIENT_SECRET": SECRET,
            "STAFFWORK_OIDC_LABEL": "Example Corp",
        }
        with running(tmp_path / "data", **chosen) as server, browser() as opened:
            page = watched(opened, server).page
            set_up(page, server)
            page.goto(server.url + "/login")
            button = page.get_by_role("button", name="Continue with Example Corp")
            expect(button).to_be_visible(timeout=15_000)
            shot(page, "oidc-login")
            button.click()
            expect(page.get_by_text("Nobody here has this identity")).to_be_visible()  # newcomers are not welcome
            shot(page, "oidc-refused")
            log_in(page, server)
            page.goto(server.url + "/me/identities")
            page.get_by_role("button", name="Connect an identity").click()
            shot(page, "oidc-onward")
            page.get_by_role("link", name="Go to the identity provider").click()
            expect(page.get_by_text("Connected. You can log in with it")).to_be_visible()
            shot(page, "oidc-identities")
            fits(page)
            fresh = watched(opened, server).page
            fresh.goto(server.url + "/memories")
            fresh.get_by_role("button", name="Continue with Example Corp").click(timeout=15_000)
            fresh.wait_for_url(server.url + "/memories", timeout=15_000)


def test_without_passwords_the_login_is_one_button(tmp_path: Path) -> None:
    with identity_provider() as idp:
        chosen = {
            "STAFFWORK_OIDC_ISSUER": idp.issuer,
            "STAFFWORK_OIDC_CLIENT_ID": CLIENT,
            "STAFFWORK_OIDC_CLIENT_SECRET": SECRET,
            "STAFFWORK_OIDC_NEWCOMERS": "true",
        }
        with running(tmp_path / "data", **chosen) as server, browser() as opened:
            set_up(watched(opened, server).page, server)
            server.variables["STAFFWORK_PASSWORD_LOGIN"] = "false"
            server.restart()
            page = watched(opened, server).page
            page.goto(server.url)
            button = page.get_by_role("button", name="Continue with Single sign-on")
            expect(button).to_be_visible(timeout=15_000)
            expect(page.locator("#password")).to_have_count(0)
            shot(page, "oidc-only")
            button.click()
            expect(page.locator("#chat-input")).to_be_visible(timeout=15_000)


def test_a_key_is_made_shown_once_and_revoked(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, browser() as opened:
        seen = watched(opened, server)
        page = seen.page
        set_up(page, server)
        log_in(page, server)
        page.goto(server.url + "/keys")
        shot(page, "keys-none")
        fits(page)
        form = page.locator("form", has=page.get_by_role("heading", name="Make a key"))
        form.get_by_label("Name").fill("My laptop")
        form.get_by_role("checkbox", name=re.compile("^missions")).check()
        form.get_by_role("button", name="Make the key").click()
        secret = page.get_by_label("The key", exact=True).input_value()
        assert re.fullmatch(r"sw_[\w-]{43}", secret)
        shot(page, "keys-made")
        fits(page)
        page.reload()  # the browser sends the form once more
        expect(page.get_by_role("alert")).to_contain_text("was made already")
        assert secret not in page.content()
        expect(page.get_by_role("button", name="Revoke My laptop")).to_have_count(1)
        shot(page, "keys-again")
        fits(page)
        context = page.context.browser.new_context()
        headers = {"authorization": f"Bearer {secret}"}
        assert context.request.get(server.url + "/api/missions", headers=headers).status == 200
        accounts = page.locator("form", has=page.get_by_role("heading", name="New service account"))
        accounts.get_by_label("Name").fill("Nightly reports")
        accounts.get_by_role("button", name="Make the account").click()
        expect(page.get_by_text("The account is there")).to_be_visible()
        assert secret not in page.content()
        page.get_by_text("New key", exact=True).click()
        shot(page, "keys-accounts")
        fits(page)
        page.get_by_role("button", name="Revoke My laptop").click()
        expect(page.get_by_text("Revoked. The key does not work any more.")).to_be_visible()
        assert context.request.get(server.url + "/api/missions", headers=headers).status == 401
        shot(page, "keys-revoked")
        _ended_in_mid_work(page, server)
        assert seen.foreign == []


def _ended_in_mid_work(page: Page, server: Server) -> None:
    """Whose session ends while the chat is open logs in again and is where they were; whoever signs out leaves nothing behind."""
    page.goto(server.url)
    say(page, "What is 6 * 7?")
    finished(page)
    thread = page.url
    assert "/thread/" in thread
    other = page.context.browser.new_context()
    other.request.post(server.url + "/login", form={"username": NAME, "password": PASSWORD})
    assert other.request.delete(server.url + "/api/sessions").ok  # everywhere else
    page.wait_for_url("**/login?to=*", timeout=15_000)
    page.fill("#email", NAME)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(thread, timeout=15_000)
    expect(page.get_by_text("42").last).to_be_visible(timeout=15_000)
    page.goto(server.url + "/keys")
    other.request.post(server.url + "/login", form={"username": NAME, "password": PASSWORD})
    assert other.request.delete(server.url + "/api/sessions").ok
    page.get_by_label("Name", exact=True).first.fill("Not made")
    page.get_by_role("button", name="Make the key").first.click()
    page.wait_for_url("**/login?to=*")
    expect(page.get_by_text("this was not done")).to_be_visible(timeout=15_000)
    shot(page, "form-not-done")
    page.fill("#email", NAME)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(server.url + "/keys", timeout=15_000)
    expect(page.get_by_text("Not made")).to_have_count(0)
    page.goto(thread)
    expect(page.locator("#chat-input")).to_be_visible(timeout=15_000)
    page.evaluate("fetch('/logout', { method: 'POST' })")
    page.wait_for_url(server.url + "/login", timeout=15_000)
