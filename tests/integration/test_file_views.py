"""Places in files over the real server: a quote is marked where it stands, and flagged where it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from doors_fixtures import House
from sample_files import make_memo
from served_fixtures import serve
from wire_replies import WireReply

from core.missions import Mission, new_id, now

pytestmark = pytest.mark.asyncio(loop_scope="module")
FALSE = "prices may fall to nothing in spring"
TRUE = "Risk two: two key people are leaving the southern office."
SCRIPT = "<script>alert(1)</script> & <b>"


def play(body: dict[str, Any]) -> WireReply:
    """Play a Chief who answers with a right quote, one on the wrong page and an invented one."""
    del body
    return WireReply(
        text=f'First: "{TRUE}" [memo.pdf, page 2]. Also "{TRUE}" [memo.pdf, page 1]. Then "{FALSE}" [memo.pdf, page 2].'
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with serve(tmp_path_factory.mktemp("house"), play) as opened:
        yield opened


async def read(house: House, path: Path, mime: str = "text/plain", goal: str = "What does it say?") -> tuple[str, Any]:
    """Give a file with a mission; returns the file's id and how the mission ended."""
    office, talk = house.office, new_id()
    given = await office.receive("user-ada", talk, path.name, mime, path)
    about = {"id": new_id(), "conversation_id": talk, "user_id": "user-ada", "created_at": now()}
    await office.submit(Mission(goal=goal, attachments=(given,), **about))
    events = [event async for event in office.follow(about["id"])]
    return given.id, events[-1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def memo(house: House, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    return await read(house, make_memo(tmp_path_factory.mktemp("files") / "memo.pdf"), "application/pdf")


async def test_an_invented_quote_is_flagged(memo: tuple[str, Any]) -> None:
    _, end = memo
    assert {(s.quote, s.page, s.problem) for s in end.sources} == {
        (TRUE, 1, "stands on page 2"),
        (FALSE, 2, "not found in the file"),
    }


async def look(client: httpx.AsyncClient, file_id: str, **query: Any) -> str:
    answer = await client.get(f"/files/{file_id}/view", params=query)
    assert answer.status_code == 200, answer.text
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in answer.text
    return answer.text


async def test_a_quote_is_marked_on_its_page(house: House, memo: tuple[str, Any]) -> None:
    async with house.visitor("ada") as ada:
        page = await look(ada, memo[0], page=2, quote=TRUE)
        assert f'<mark id="here">{TRUE.removesuffix(".")}</mark>' in page
        assert "Page 2 of 2" in page
        assert "Sales in the north" not in page
        assert "stands on page 2, not on page 1" in await look(ada, memo[0], page=1, quote=TRUE)
        first = await look(ada, memo[0])
        assert "Sales in the north" in first
        assert f"/files/{memo[0]}/view?page=2" in first
        wrong = await look(ada, memo[0], page=2, quote=FALSE)
        assert "This quote was not found in the file" in wrong
        assert "<mark" not in wrong
        assert "Risk three" in wrong, "the page itself is shown all the same"


async def test_what_is_anothers_is_not_there(house: House, memo: tuple[str, Any]) -> None:
    async with house.visitor("bob") as bob:
        assert (await bob.get(f"/files/{memo[0]}/view")).status_code == 404
    async with house.visitor() as nobody:
        assert (await nobody.get(f"/files/{memo[0]}/view")).status_code == 401
    async with house.visitor("ada") as ada:
        assert (await ada.get("/files/nothing/view")).status_code == 404
        for bad in ({"page": 0}, {"line": "x"}, {"quote": "x" * 2001}, {"at": -1}):
            assert (await ada.get(f"/files/{memo[0]}/view", params=bad)).status_code == 422, bad


async def test_a_row_of_a_long_table(house: House, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("name,value\n" + "".join(f"row {n},{n * 7}\n" for n in range(2, 4002)))
    file_id, _ = await read(house, path, "text/csv")
    async with house.visitor("ada") as ada:
        page = await look(ada, file_id, line=3000)
        assert (
            '<span class="number">3000</span><span class="words"><mark id="here">row 3000,21000</mark></span>' in page
        )
        assert len(page) < 100_000, "only what is near is sent"
        quoted = await look(ada, file_id, quote="row 2,500,17500".replace("2,500", "2500"))
        assert '<mark id="here">row 2500,17500</mark>' in quoted
        later = page.partition('">Later')[0].rpartition("?at=")[2]
        after = await look(ada, file_id, at=int(later))
        assert int(after.partition('class="number">')[2].partition("<")[0]) > 3000


async def test_hostile_text_stays_text(house: House, tmp_path: Path) -> None:
    path = tmp_path / f"<b>{chr(0x202E)}name.txt"
    path.write_text(f"{SCRIPT}\nA line with \x1b[31m colour and \u202e turned words.\n")
    file_id, _ = await read(house, path)
    async with house.visitor("ada") as ada:
        page = await look(ada, file_id, quote="alert(1)")
        assert "&lt;script&gt;<mark" in page
        assert "\u202e" not in page
        assert "\x1b" not in page
        assert "&lt;b&gt;" in page.partition("</title>")[0]
        assert "&lt;img" in await look(ada, file_id, quote="<img src=x onerror=alert(1)> was never said")


async def test_a_file_without_text_says_so(house: House, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 100)
    file_id, _ = await read(house, path, "image/png")
    async with house.visitor("ada") as ada:
        page = await look(ada, file_id, quote="anything")
        assert "a picture" in page
        assert "Download" in page


async def test_under_a_link_only_what_was_shared(house: House, memo: tuple[str, Any]) -> None:
    talk = (await house.office.missions.get(memo[1].mission_id, "user-ada")).mission.conversation_id
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        paths = []
        for files in ([memo[0]], []):
            made = await ada.post(f"/api/conversations/{talk}/shares", json={"files": files})
            assert made.status_code == 201, made.text
            paths.append(made.json()["path"])
        page = (await bob.get(paths[0])).text
        link = next(part.split('"')[0] for part in page.split('href="') if "/view?" in part).replace("&amp;", "&")
        assert link.startswith(f"{paths[0]}/f/1/view?page=")
        place = await bob.get(link)
        assert f'<mark id="here">{TRUE.removesuffix(".")}</mark>' in place.text
        assert "not found in the file" in page
        assert (place.headers["x-robots-tag"], place.headers["cache-control"]) == (
            "noindex, nofollow, noarchive",
            "no-store",
        )
        assert f'href="{paths[0]}"' in place.text
        assert "/files/attachment" not in place.text
        assert "/view?" not in (await bob.get(paths[1])).text
        for wrong in (
            f"{paths[1]}/f/1/view",
            f"{paths[0]}/f/2/view",
            f"{paths[0]}/f/x/view",
            f"{paths[0]}/f/1/view?page=x",
        ):
            assert (await bob.get(wrong)).status_code == 404, wrong
