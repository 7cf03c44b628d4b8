"""Finding and order in a real browser: search and the way to the place, temporary chats, unread marks, pins and projects."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from browser_fixtures import Server, finished, log_in, say, watched
from long_talks import fill
from playwright.sync_api import Browser, Page, expect

from chat.picture import Picture
from chat.rendering import picture_of
from chat.window import AT_FIRST, MORE
from memory.branches import run_id
from memory.database import Database
from memory.journal import Journal
from memory.missions import Missions

pytestmark = pytest.mark.browser


def in_chat(chromium: Browser, server: Server) -> Page:
    page = watched(chromium, server).page
    log_in(page, server)
    return page


def new_chat(page: Page, server: Server, goal: str) -> str:
    page.goto(server.url)
    expect(page.locator("#upload-button")).to_be_enabled()  # connected
    say(page, goal)
    finished(page)
    return page.url.rsplit("/", 1)[1]


def test_what_was_said_is_found_from_the_search_box_and_on_the_page(chromium: Browser, server: Server) -> None:
    page = in_chat(chromium, server)
    talk = new_chat(page, server, "What is 17 * 3? The word is wallaby.")
    new_chat(page, server, "What is 2 + 2?")
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").get_by_role("combobox").fill("wallaby")
    hit = page.get_by_role("option").filter(has_text="wallaby")
    expect(hit).to_have_count(1)
    hit.click()
    page.wait_for_url(f"**/thread/{talk}")
    expect(page.locator(".found-here")).to_be_visible()
    page.goto(server.url + "/search?query=wallab")
    expect(page.locator("mark").first).to_have_text("wallaby")
    page.locator(".hit", has_text="You said").locator("a").click()
    page.wait_for_url(f"**/thread/{talk}*")
    expect(page.locator(".found-here")).to_be_visible()
    assert "#" not in page.url
    page.context.close()


def test_a_temporary_chat_says_what_it_is_and_is_gone_when_it_is_ended(chromium: Browser, server: Server) -> None:
    page = in_chat(chromium, server)
    page.get_by_role("button", name="Start a temporary chat").click()
    page.wait_for_url("**/thread/*")
    expect(page.locator("#temporary-bar")).to_contain_text("Nothing in it is remembered")
    say(page, "What is 6 * 7? Between us: numbat.")
    finished(page)
    page.reload()  # it is still there
    expect(page.locator("#temporary-bar")).to_be_visible()
    expect(page.get_by_text("Between us: numbat.").first).to_be_visible()
    address = page.url
    other = page.context.new_page()
    other.goto(server.url + "/search?query=numbat")
    expect(other.get_by_text("Nothing was found")).to_be_visible()
    other.goto(server.url)
    expect(other.locator("#order-panel")).to_be_visible()
    expect(other.locator("#thread-history").get_by_text("numbat")).to_have_count(0)
    page.get_by_role("button", name="End and delete").click()
    page.wait_for_url(server.url + "/")
    assert page.request.get(address.replace("/thread/", "/api/conversations/")).status == 404
    held = [f for f in server.data.rglob("*") if f.is_file() and b"numbat" in f.read_bytes()]
    assert held == []
    page.context.close()


def test_what_ended_elsewhere_is_unread_until_it_is_opened(chromium: Browser, server: Server) -> None:
    page = in_chat(chromium, server)
    page.goto(server.url)
    address, origin = server.url + "/api/conversations", {"origin": server.url}
    all_there = [one["id"] for one in page.request.get(address).json()["conversations"]]
    if all_there:
        read = page.request.post(f"{address}/changes", data={"ids": all_there, "what": "read"}, headers=origin)
        assert read.status == 200
    given = page.request.post(server.url + "/api/missions", data={"goal": "What is 3 + 4?"}, headers=origin)
    assert given.status == 202
    talk = given.json()["conversation_id"]
    expect(page).to_have_title(re.compile(r"^\(1\) "), timeout=60_000)
    page.reload()
    row = page.locator(f"#thread-history a[href='/thread/{talk}']")
    expect(row).to_have_attribute("data-unread", "completed")
    other = chromium.new_context().new_page()  # another device
    log_in(other, server)
    expect(other.locator(f"#thread-history a[href='/thread/{talk}']")).to_have_attribute("data-unread", "completed")
    row.click()
    page.wait_for_url(f"**/thread/{talk}")
    expect(page).not_to_have_title(re.compile(r"^\("))
    other.reload()
    expect(other.locator("#order-panel")).to_be_visible()
    expect(other.locator("[data-unread]")).to_have_count(0)
    other.context.close()
    page.context.close()


def test_a_new_title_stands_in_the_list_though_another_conversation_is_shown(chromium: Browser, server: Server) -> None:
    page = in_chat(chromium, server)
    new_chat(page, server, "What is 5 + 6?")
    given = page.request.post(
        server.url + "/api/missions", data={"goal": "What is 8 + 9?"}, headers={"origin": server.url}
    )
    talk = given.json()["conversation_id"]
    page.reload()
    row = page.locator(f"#thread-history a[href='/thread/{talk}']")
    expect(row).to_have_attribute("data-unread", "completed", timeout=60_000)
    expect(row).to_contain_text("What is 8 + 9?")
    address = f"{server.url}/api/conversations/{talk}"
    change = {"title": "A sum", "version": page.request.get(address).json()["version"]}
    assert page.request.patch(address, data=change, headers={"origin": server.url}).status == 200
    expect(row).to_contain_text("A sum", timeout=60_000)
    page.context.close()


AT_REST = """() => {
  const top = document.querySelector('.step[data-step-type]').getBoundingClientRect().top;
  if (top !== window.topBefore) [window.topBefore, window.since] = [top, performance.now()];
  return performance.now() - window.since > 500;
}"""
PRESS = """(button) => {
  button.scrollIntoView();
  button.focus();
  window.first = document.querySelector('.step[data-step-type]');
  const { top } = window.first.getBoundingClientRect();
  button.click();
  return top;
}"""


def the_call(picture: Picture) -> str:
    return next(
        line.id for line in picture.lines.values() if line.kind == "tool" and line.label.startswith("Calculate")
    )


def stored(server: Server, talk: str, goals: list[str]) -> dict[str, str]:
    """Store missions like the first of a conversation, in the same one; the call each made, by the mission."""

    async def work() -> dict[str, str]:
        database = await Database.open(server.data / "staffwork.db")
        try:
            played = (await Missions(database).of_conversation(talk))[0].mission
            events = await Journal(database).read(played.id)
            found = [played.id, *await fill(database, played.user_id, talk, goals, events)]
            return {m: the_call(picture_of(m, m, await Journal(database).read(m))) for m in found}
        finally:
            await database.close()

    with ThreadPoolExecutor() as thread:  # the browser's driver has a loop in this one
        return thread.submit(asyncio.run, work()).result()


def test_a_long_conversation_shows_its_newest_part_and_all_of_it_can_be_reached(
    chromium: Browser, server: Server
) -> None:
    page = in_chat(chromium, server)
    talk = new_chat(page, server, "What is 6 * 7?")
    call = next(iter(stored(server, talk, []).items()))
    page.evaluate(f"location.hash = 'at={call[1]},{run_id(call[0])}'")  # where it was said just now
    expect(page.locator(f"[id='step-{call[1]}']")).to_be_in_viewport()
    calls = list(stored(server, talk, [f"Goal {n} of many" for n in range(2 * MORE + AT_FIRST - 1)]).items())
    said, button = page.locator("[data-step-type=user_message]"), page.locator("#earlier-button")
    page.goto(f"{server.url}/thread/{talk}")
    expect(button).to_contain_text(f"{2 * MORE} more")
    expect(said).to_have_count(AT_FIRST)
    page.wait_for_function(AT_REST)  # at first the page scrolls by itself
    before = button.evaluate(PRESS)
    expect(said).to_have_count(AT_FIRST + MORE)
    expect(button).not_to_have_attribute("aria-busy", "true")
    page.wait_for_function("(before) => Math.abs(window.first.getBoundingClientRect().top - before) < 5", arg=before)
    expect(button).to_be_focused()
    page.evaluate("window.told = 0; window.addEventListener('staffwork:shown', () => { window.told += 1; })")
    server.restart()
    page.wait_for_function("() => window.told > 1", timeout=60_000)  # connected anew, and asked for the rest
    expect(said).to_have_count(AT_FIRST + MORE, timeout=60_000)  # as far as before
    page.goto(server.url)
    page.goto(f"{server.url}/thread/{talk}#at={calls[3][1]},{run_id(calls[3][0])}")
    place = page.locator(f"[id='step-{calls[3][1]}']")
    expect(place).to_be_in_viewport()
    expect(place).to_contain_text("Calculate")
    expect(said.filter(has_text="Goal 2 of many")).to_have_count(1)
    expect(said.first).to_contain_text("What is 6 * 7?")  # so near to the beginning, all of it is shown
    expect(button).to_have_count(0)
    page.context.close()


def test_conversations_are_put_in_order_without_scripts(chromium: Browser, server: Server) -> None:
    page = in_chat(chromium, server)
    talk = new_chat(page, server, "What is 5 * 5?")
    signed_in = page.context.storage_state()
    plain = chromium.new_context(java_script_enabled=False, storage_state=signed_in).new_page()
    plain.goto(server.url + "/conversations")
    plain.locator("summary", has_text="New project").click()
    plain.get_by_label("Name of the new project").fill("Spring")
    plain.get_by_role("button", name="Create").click()
    expect(plain.get_by_role("status")).to_contain_text("The project is there")
    for action, word in (("Move to the project", "Moved."), ("Pin", "Pinned.")):
        plain.locator(f"input[value='{talk}']").first.check()
        plain.locator("#what").select_option(label=action)
        if action == "Pin":  # what only one action needs is asked only with it
            expect(plain.get_by_label("Project to move to")).to_be_hidden()
            expect(plain.get_by_label("Yes, delete")).to_be_hidden()
        else:
            plain.get_by_label("Project to move to").select_option(label="Spring")
        plain.get_by_role("button", name="Do it").click()
        expect(plain.get_by_role("status")).to_contain_text(word)
    page.goto(server.url)
    expect(page.locator("#order-panel .order-talk").first).to_have_attribute("href", f"/thread/{talk}")
    page.locator("#order-panel summary", has_text="Spring").click()
    expect(page.locator(".order-inside .order-talk")).to_have_attribute("href", f"/thread/{talk}")
    plain.goto(server.url + "/conversations")
    plain.locator(f"input[value='{talk}']").first.check()
    plain.locator("#what").select_option(label="Delete for good")
    expect(plain.get_by_label("Yes, delete")).to_be_visible()
    plain.locator("#what").select_option(label="Archive")
    plain.get_by_role("button", name="Do it").click()
    expect(plain.get_by_role("status")).to_contain_text("Archived.")
    page.reload()
    expect(page.locator("#order-panel")).to_be_visible()
    expect(page.locator(f"#thread-history a[href='/thread/{talk}']")).to_have_count(0)
    plain.context.close()
    page.context.close()
