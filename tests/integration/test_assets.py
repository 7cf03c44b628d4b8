"""The page's program files: compressed once, kept, and nothing else than them."""

from __future__ import annotations

import gzip
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from api.assets import Assets

PROGRAM = "export const words = 'the same words again and again';\n" * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "assets"
    made.mkdir()
    (made / "index-abc.js").write_text(PROGRAM)
    (made / "index-abc.js.map").write_text("{}")
    (made / "tiny-abc.js").write_text("1")
    (made / "font-abc.woff2").write_bytes(bytes(4000))
    (tmp_path / "secret.js").write_text(PROGRAM)
    return made


def visitor(folder: Path) -> httpx.AsyncClient:
    app = Starlette(routes=[Mount("/", Assets(folder, folder.parent / "cache"))])
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://house")


def kept(folder: Path) -> list[Path]:
    return sorted((folder.parent / "cache").glob("*"))


async def test_a_program_file_is_compressed_once(folder: Path) -> None:
    async with visitor(folder) as browser:
        first = await browser.get("/index-abc.js")
        [file] = kept(folder)
        assert gzip.decompress(file.read_bytes()).decode() == PROGRAM
        written = file.stat().st_mtime_ns
        again = await browser.get("/index-abc.js")
    assert first.headers["content-encoding"] == again.headers["content-encoding"] == "gzip"
    assert first.headers["vary"] == "Accept-Encoding"
    assert first.headers["content-type"].startswith("text/javascript")
    assert int(first.headers["content-length"]) < len(PROGRAM) / 10
    assert first.text == again.text == PROGRAM
    assert [f.stat().st_mtime_ns for f in kept(folder)] == [written]


async def test_a_file_that_changed_is_compressed_anew(folder: Path) -> None:
    async with visitor(folder) as browser:
        await browser.get("/index-abc.js")
        (folder / "index-abc.js").write_text(PROGRAM + "more")
        assert (await browser.get("/index-abc.js")).text == PROGRAM + "more"


@pytest.mark.parametrize("accepted", ["identity", "br", "gzip;q=0", ""])
async def test_a_browser_that_does_not_take_it_gets_the_file_as_it_is(folder: Path, accepted: str) -> None:
    async with visitor(folder) as browser:
        answer = await browser.get("/index-abc.js", headers={"accept-encoding": accepted})
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.text == PROGRAM
    assert kept(folder) == []


async def test_what_gains_nothing_stays_as_it_is(folder: Path) -> None:
    async with visitor(folder) as browser:
        for name in ("tiny-abc.js", "font-abc.woff2"):
            assert "content-encoding" not in (await browser.get(f"/{name}")).headers
    assert kept(folder) == []


async def test_nothing_else_is_served(folder: Path) -> None:
    async with visitor(folder) as browser:
        for path in ("/index-abc.js.map", "/missing.js", "/..%2fsecret.js", "/../secret.js"):
            assert (await browser.get(path)).status_code == 404
        assert (await browser.post("/index-abc.js")).status_code == 405


async def test_without_a_place_to_keep_it_the_page_still_comes(folder: Path) -> None:
    (folder.parent / "cache").write_text("in the way")
    async with visitor(folder) as browser:
        answer = await browser.get("/index-abc.js")
    assert answer.text == PROGRAM
    assert "content-encoding" not in answer.headers
