"""Files in a real browser: eight kinds cited with places that open, their states and uses, a question answered with one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_fixtures import (
    Server,
    browser,
    finished,
    log_in,
    make_memo,
    need_browser,
    running,
    say,
    set_up,
    wait_until,
    watched,
)
from eight_files import FACTS, MARKED, make_eight, make_workbook
from picture_fixtures import photo
from playwright.sync_api import Browser, Page, expect
from wire_replies import WireReply
from wire_servers import WireServer

pytestmark = pytest.mark.browser
QUOTED = sorted(set(FACTS) - {"rota.csv"})


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    need_browser()
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("house") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def ada(chromium: Browser, house: Server) -> Page:
    page = watched(chromium, house).page
    set_up(page, house)
    log_in(page, house)
    return page


def afresh(page: Page, server: Server) -> None:
    """Begin a conversation of its own."""
    page.goto(server.url)
    expect(page.locator("#chat-input")).to_be_visible()


def opened(page: Page, name: str) -> Page:
    """Open the place that the answer cites."""
    link = page.locator(".ai-message").last.get_by_role("link", name=name, exact=True).first
    address = link.get_attribute("href") or ""
    assert re.match(r"/files/[\w-]+/view\?", address), address
    place = page.context.new_page()
    place.goto(page.url.split("/thread")[0] + address)
    return place


@pytest.mark.parametrize("name", QUOTED)
def test_a_quote_of_each_kind_opens_at_its_place(ada: Page, house: Server, tmp_path: Path, name: str) -> None:
    afresh(ada, house)
    say(ada, f"Quote what the file says about {MARKED[name]}", [make_eight(tmp_path)[name]])
    finished(ada)
    answer = ada.locator(".ai-message").last
    expect(answer).to_contain_text(FACTS[name])
    expect(answer).to_contain_text(re.compile(rf"{re.escape(name)}, (page|line) \d"))
    expect(answer).not_to_contain_text("not found in the file")
    place = opened(ada, name)
    expect(place.locator("mark").first).to_be_in_viewport()
    assert FACTS[name].rstrip(".") in " ".join(place.locator("mark").all_inner_texts())
    place.close()


def test_a_workbook_is_cited_by_its_sheet(ada: Page, house: Server, tmp_path: Path) -> None:
    afresh(ada, house)
    say(ada, "Total revenue per region in figures.xlsx", [make_workbook(tmp_path / "figures.xlsx")])
    finished(ada)
    answer = ada.locator(".ai-message").last
    expect(answer).to_contain_text(re.compile("1,?200"))
    expect(answer).to_contain_text("figures.xlsx, page 1")
    place = opened(ada, "figures.xlsx")
    expect(place.locator("mark").first).to_contain_text("region")
    place.close()


def test_a_file_of_a_kind_that_browsers_do_not_know_is_taken(ada: Page, house: Server, tmp_path: Path) -> None:
    (tmp_path / "LICENCE").write_text("The licence ends on 3 May.")
    afresh(ada, house)
    say(ada, "Quote what the file says about the licence", [tmp_path / "LICENCE"])
    finished(ada)
    expect(ada.locator(".ai-message").last).to_contain_text("The licence ends on 3 May.")


def test_the_state_and_use_of_a_file_stand_under_it(ada: Page, house: Server, tmp_path: Path) -> None:
    afresh(ada, house)
    say(ada, "Find three risks in the memo", [make_memo(tmp_path / "memo.pdf")])
    card = ada.locator(".file-card")
    expect(card).to_contain_text(re.compile(r"Indexed: 2 pages, \d+ characters"))
    finished(ada)
    ada.reload()
    expect(card).to_contain_text("Indexed: 2 pages")
    expect(card).to_contain_text("Given to researcher")
    select = card.locator("select")
    expect(select).to_have_value("")
    with ada.expect_response(lambda answer: answer.request.method == "PATCH") as changed:
        select.select_option("tools")
    assert changed.value.status == 200
    ada.goto(house.url + "/files")
    item = ada.locator(".item", has_text="memo.pdf")
    expect(item.locator("select")).to_have_value("tools")
    expect(item).to_contain_text("Given to researcher")
    expect(ada.locator(".used")).to_contain_text("You use")
    item.locator("summary").click()
    item.get_by_role("button", name="Delete this file").click()
    expect(ada.locator("#said")).to_have_text("The file is deleted, with its text.")
    expect(ada.locator(".item", has_text="memo.pdf")).to_have_count(0)


def test_the_use_of_a_file_is_chosen_before_it_is_sent(ada: Page, house: Server, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(photo(40, 30, kind="PNG"))
    afresh(ada, house)
    expect(ada.locator("#upload-button")).to_be_enabled()
    files = [tmp_path / "photo.png", make_memo(tmp_path / "memo.pdf")]
    ada.set_input_files("input[type=file] >> nth=0", [str(file) for file in files])
    uses = ada.locator("#file-uses li")
    expect(uses).to_have_count(2)
    seen, read = ada.get_by_label("How photo.png is used"), ada.get_by_label("How memo.pdf is used")
    expect(seen.locator("option")).to_have_text(["as usual", "shown to models", "file for tools"])
    read.focus()
    ada.keyboard.type("search")  # by keyboard alone
    expect(read).to_have_value("search")
    ada.set_viewport_size({"width": 390, "height": 844})
    for select in (seen, read):
        box = select.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    chips = ada.locator("#message-composer > div:has(> #attachments)")
    expect(chips).to_have_css("overflow-y", "auto")  # many of them leave the place where one types in sight
    ada.set_viewport_size({"width": 1440, "height": 900})
    ada.locator("#attachments > div", has=ada.get_by_alt_text("photo.png")).get_by_role("button").click()
    expect(uses).to_have_count(1)
    expect(read).to_have_value("search")
    say(ada, "Find three risks in the memo")
    finished(ada)
    expect(uses).to_have_count(0)
    expect(ada.locator(".file-card select")).to_have_value("search")


def asking(body: dict[str, Any]) -> WireReply:
    """Play an operator that asks for a file, reads it, and quotes it."""
    tools = {t["function"]["name"] for t in body.get("tools", [])}
    said = [m for m in body["messages"] if m["role"] == "tool"]
    if "make_plan" in tools:
        plan = {"note": "One part.", "tasks": [{"operator": "researcher", "goal": "Find what the letter says"}]}
        return WireReply(calls=[("c1", "make_plan", plan)])
    if "finish" not in tools:
        return WireReply(text=f'It says "{FACTS["plain.txt"]}" [plain.txt, line 2].')
    if not said:
        return WireReply(calls=[("c2", "ask_user", {"question": "Please give me the file.", "form": "file"})])
    if len(said) == 1:
        return WireReply(calls=[("c3", "read_file", {"file": "plain.txt"})])
    done = {"status": "completed", "summary": "Found.", "result": f'"{FACTS["plain.txt"]}" [plain.txt, line 2]'}
    return WireReply(calls=[("c4", "finish", done)])


def test_a_question_of_an_operator_is_answered_with_a_file(chromium: Browser, tmp_path: Path) -> None:
    need_browser()
    with WireServer(asking) as model:
        variables = {"STAFFWORK_MODEL": "compatible:m", "STAFFWORK_COMPATIBLE_BASE_URL": model.base_url}
        with running(tmp_path / "data", **variables) as server:
            page = watched(chromium, server).page
            set_up(page, server)
            log_in(page, server)
            say(page, "What does the letter say?")
            expect(page.get_by_text("Please give me the file.").first).to_be_visible()
            say(page, "Here it is", [make_eight(tmp_path)["plain.txt"]])
            finished(page)
            answer = page.locator(".ai-message").last
            expect(answer).to_contain_text(FACTS["plain.txt"])
            expect(answer).to_contain_text("plain.txt, line")
            place = opened(page, "plain.txt")
            wait_until(lambda: place.locator("mark").count() > 0)
            expect(page.locator(".file-card")).to_contain_text("Indexed")
