"""Artifacts over the real server: routes, previews, downloads; what is another's is not there; what is hostile stays inert."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from artifact_fixtures import HOSTILE_HTML, POLYGLOT, Maker
from docx import Document
from doors_fixtures import House
from openpyxl import Workbook
from PIL import Image
from served_fixtures import serve

from core.missions import new_id
from core.ports import ToolContext
from memory.tables import missions
from tools.chart_terms import Chart, Series
from tools.workspace import Workspaces

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with serve(tmp_path_factory.mktemp("house")) as opened:
        yield opened


class Talk:
    """One conversation of ada's with artifacts in it."""

    def __init__(self, house: House) -> None:
        self.house, self.id, self.mission = house, new_id(), new_id()
        self.maker = Maker(house.office.database)

    async def make(self, name: str, content: bytes | str) -> str:
        data = content.encode() if isinstance(content, str) else content
        await self.house.office.blobs.put(data)
        self.workspace.write(name, data)
        return await self.maker.make(self.mission, name, data)

    @property
    def workspace(self) -> Any:
        return Workspaces(self.house.office.settings.data_dir / "workspaces").of(self.id)


@pytest_asyncio.fixture(loop_scope="module")
async def talk(house: House) -> Talk:
    begun = Talk(house)
    await begun.maker.begin(begun.mission, begun.id, "user-ada")
    await house.office.database.write((_done(begun.mission), None))
    return begun


def _done(mission_id: str) -> Any:
    return missions.update().where(missions.c.id == mission_id).values(status="completed")


def picture(kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, kind)
    return out.getvalue()


async def test_listed_searched_and_compared(house: House, talk: Talk) -> None:
    first = await talk.make("Plan.md", "# Plan\n\nThe zebra crosses.\n")
    second = await talk.make("Plan.md", "# Plan\n\nThe okapi crosses.\n")
    document = io.BytesIO()
    written = Document()
    written.add_paragraph("The quagga is in Word.")
    written.save(document)
    memo = await talk.make("memo.docx", document.getvalue())
    async with house.visitor("ada") as ada:

        async def found(**query: str) -> set[str]:
            answer = await ada.get("/api/artifacts", params={"conversation": talk.id} | query)
            assert answer.status_code == 200, answer.text
            return {a["id"] for a in answer.json()["artifacts"]}

        assert await found() == {second, memo}
        assert await found(query="okapi") == {second}
        assert await found(query="zebra") == set(), "only the newest is found"
        assert await found(query="quagga") == {memo}
        assert await found(kind="document", query="plan") == {second}
        versions = (await ada.get(f"/api/artifacts/{first}/versions")).json()["versions"]
        assert [(v["version"], v["operator"], v["size"]) for v in versions] == [(2, "analyst", 27), (1, "analyst", 27)]
        lines = (await ada.get(f"/api/artifacts/{second}/diff", params={"against": first})).json()["lines"]
        assert ["-", "The zebra crosses."] in lines
        assert ["+", "The okapi crosses."] in lines
        assert (await ada.get(f"/api/artifacts/{memo}/text")).json()["text"].strip() == "The quagga is in Word."
        assert (await ada.get(f"/api/artifacts/{second}/diff", params={"against": memo})).status_code == 400
        page = await ada.get(f"/artifacts/{second}", params={"against": first})
        assert "What changed from v1 to v2" in page.text
        assert (await ada.get("/api/artifacts", params={"kind": "nonsense"})).status_code == 400


async def test_changed_brought_back_and_deleted(house: House, talk: Talk) -> None:
    first, second = await talk.make("a.md", "one"), await talk.make("a.md", "two")
    other = await talk.make("b.md", "other")
    async with house.visitor("ada") as ada:
        changed = await ada.patch(f"/api/artifacts/{second}", json={"name": "drafts/c.md", "tags": ["Board", "Q3"]})
        assert (changed.json()["name"], changed.json()["tags"]) == ("drafts/c.md", ["Board", "Q3"])
        assert [f.name for f in talk.workspace.files()] == ["b.md", "drafts/c.md"]
        for wrong, code in (({}, 422), ({"name": "../x"}, 400), ({"name": "b.md"}, 409), ({"nom": "x"}, 422),
                            ({"tags": ["x" * 99]}, 400), ({"name": "x\u202ey"}, 400)):  # fmt: skip
            assert (await ada.patch(f"/api/artifacts/{second}", json=wrong)).status_code == code, wrong
        again = await ada.post(f"/api/artifacts/{first}/restore")
        assert (again.status_code, again.json()["version"], again.json()["by_person"]) == (201, 3, True)
        assert talk.workspace.read("drafts/c.md").read() == b"one", "operators go on with it"
        assert (await ada.post(f"/api/artifacts/{again.json()['id']}/restore")).status_code == 400
        changes = await house.office.changes.of(_context(talk))
        assert [c.words for c in changes] == ["Renamed a.md to drafts/c.md", "Brought back version 1 of drafts/c.md"]
        assert (await ada.delete(f"/api/artifacts/{first}")).status_code == 204
        for gone in (first, second, again.json()["id"]):
            assert (await ada.get(f"/files/artifact/{gone}")).status_code == 404
        assert [f.name for f in talk.workspace.files()] == ["b.md"]
        assert (await ada.get(f"/api/artifacts/{other}")).status_code == 200


def _context(talk: Talk) -> Any:
    return ToolContext(
        mission_id=talk.mission, conversation_id=talk.id, user_id="user-ada", task_id=None, step="s", granted=()
    )


async def test_nobody_elses_are_there(house: House, talk: Talk) -> None:
    made, chart = await talk.make("secret.md", "canary"), await talk.make("x.chart.json", "{}")
    async with house.visitor("bob") as bob, house.visitor() as nobody:
        paths = [f"/artifacts/{made}", f"/artifacts/{chart}/figure"]
        paths += [f"/artifacts/{made}/{part}" for part in ("picture", "frame", "pdf")]
        paths += [f"/api/artifacts/{made}{part}" for part in ("", "/versions", "/text", f"/diff?against={made}")]
        paths += [f"/api/artifacts.zip?artifact={made}", f"/api/artifacts.zip?conversation={talk.id}"]
        paths += [f"/api/conversations/{talk.id}/workspace.zip", f"/api/artifacts?conversation={talk.id}"]
        paths += [f"/artifacts?conversation={talk.id}", f"/files/artifact/{made}"]
        for path in paths:
            answer = await bob.get(path)
            assert answer.status_code == 404, path
            assert "canary" not in answer.text
            assert (await nobody.get(path)).status_code == 401, path
        assert (await bob.patch(f"/api/artifacts/{made}", json={"tags": []})).status_code == 404
        assert (await bob.post(f"/api/artifacts/{made}/restore")).status_code == 404
        assert (await bob.delete(f"/api/artifacts/{made}")).status_code == 404
        assert (await bob.get("/api/artifacts", params={"query": "canary"})).json() == {"artifacts": []}


async def test_everything_as_a_zip(house: House, talk: Talk) -> None:
    await talk.make("a.md", "old")
    await talk.make("a.md", "new")
    await talk.make("deep/b.txt", b"\x00" * 700_000)
    async with house.visitor("ada") as ada:
        answer = await ada.get("/api/artifacts.zip", params={"conversation": talk.id})
        assert answer.headers["content-disposition"].startswith("attachment;")
        archive = zipfile.ZipFile(io.BytesIO(answer.content))
        assert archive.testzip() is None
        assert {i.filename: i.file_size for i in archive.infolist()} == {"deep/b.txt": 700_000, "a.md": 3}
        assert archive.read("a.md") == b"new"
        everything = await ada.get(f"/api/conversations/{talk.id}/workspace.zip")
        assert sorted(zipfile.ZipFile(io.BytesIO(everything.content)).namelist()) == ["a.md", "deep/b.txt"]
        assert (await ada.get("/api/conversations/none/workspace.zip")).status_code == 404


async def test_previews_of_every_kind(house: House, talk: Talk) -> None:
    book = Workbook()
    book.active.append(["name", "=A1"])
    for n in range(300):
        book.active.append([f"row {n}", n])
    stored = io.BytesIO()
    book.save(stored)
    chart = Chart(kind="bar", x=["a"], series=[Series(name="s", values=[1.0])]).model_dump_json()
    contents: dict[str, tuple[bytes | str, str]] = {
        "a.md": ("# Title\n\n<script>alert(1)</script> [x](javascript:1)", "&lt;script&gt;"),
        "a.py": ("print('<b>')\u202e", "print(&#x27;&lt;b&gt;&#x27;)"),
        "a.csv": ("name,amount\n<i>,1\n", "<td>&lt;i&gt;</td>"),
        "a.xlsx": (stored.getvalue(), "The first 200 of 300 rows."),
        "a.png": (picture(), "/picture"),
        "a.html": ("<h1>x</h1>", 'sandbox=""'),
        "a.svg": ("<svg/>", 'sandbox=""'),
        "a.chart.json": (chart, "/figure"),
        "a.bin": (b"\x00\x01\x02" * 99, "not a text document"),
        "a.docx": (b"PK\x03\x04 no zip", "damaged"),
        "b.xlsx": (b"PK\x03\x04 no zip", "This file"),
        "empty.md": ("", "is empty"),
    }
    async with house.visitor("ada") as ada:
        for name, (content, words) in contents.items():
            page = await ada.get(f"/artifacts/{await talk.make(name, content)}")
            assert page.status_code == 200, name
            assert words in page.text, name
            assert "<script>alert" not in page.text
            assert "\u202e" not in page.text
            assert "default-src 'none'; script-src 'self'; " in page.headers["content-security-policy"]
        listed = await ada.get("/artifacts", params={"conversation": talk.id, "query": "a.chart"})
        assert "a.chart.json" in listed.text


async def test_pictures_are_written_anew_and_polyglots_stay_pictures(house: House, talk: Talk) -> None:
    trailing = picture() + b"<script>alert(1)</script>"
    png, poly = await talk.make("p.png", trailing), await talk.make("q.gif", POLYGLOT)
    fake, named = await talk.make("r.png", "<html><script>alert(1)</script>"), await talk.make("s.html", POLYGLOT)
    async with house.visitor("ada") as ada:
        shown = await ada.get(f"/artifacts/{png}/picture")
        assert (shown.headers["content-type"], b"script" in shown.content) == ("image/png", False)
        _is_inert(shown)
        assert (await ada.get(f"/artifacts/{poly}/picture")).status_code == 400
        assert (await ada.get(f"/artifacts/{fake}/picture")).status_code == 400
        for made, mime, disposition in (
            (png, "image/png", "inline"),
            (poly, "image/gif", "inline"),
            (fake, "application/octet-stream", "attachment"),
            (named, "application/octet-stream", "attachment"),
        ):
            answer = await ada.get(f"/files/artifact/{made}")
            assert answer.headers["content-type"] == mime
            assert answer.headers["content-disposition"].startswith(disposition)
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"


async def test_hostile_pages_and_drawings_are_strangers_without_a_network(house: House, talk: Talk) -> None:
    page = await talk.make("x.html", HOSTILE_HTML.replace("OUT", "https://evil.example"))
    drawing = await talk.make("x.svg", '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" onload="alert(1)"><script>'
                              'alert(1)</script><defs><path id="g" d="M0 0"/></defs><use xlink:href="#g"/></svg>')  # fmt: skip
    latin = await talk.make("y.html", b"<p>caf\xe9</p>")
    async with house.visitor("ada") as ada:
        for made in (page, drawing, latin):
            answer = await ada.get(f"/artifacts/{made}/frame", headers={"accept": "text/html"})
            assert answer.status_code == 200
            _is_inert(answer)
            low = answer.text.lower()
            for sign in ("<script", "onload", "onerror", "preconnect", "<iframe", "<object", "<form", "http-equiv",
                         "evil.example/i", "javascript:", "<base", "ping"):  # fmt: skip
                assert sign not in low, (sign, answer.text)
        assert '<use xlink:href="#g">' in (await ada.get(f"/artifacts/{drawing}/frame")).text
        assert "<h1>Hello</h1>" in (await ada.get(f"/artifacts/{page}/frame")).text
        other = await talk.make("x.txt", "<script>alert(1)</script>")
        assert (await ada.get(f"/artifacts/{other}/frame")).status_code == 404


def _is_inert(answer: httpx.Response) -> None:
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'; ")
    assert "script" not in policy.replace("allow-scripts", "!")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_only_a_pdf_is_opened_as_one(house: House, talk: Talk) -> None:
    real, fake = (
        await talk.make("a.pdf", b"%PDF-1.7\n%%EOF"),
        await talk.make("b.pdf", b"<html>%PDF-1.7<script>1</script>"),
    )
    async with house.visitor("ada") as ada:
        answer = await ada.get(f"/artifacts/{real}/pdf")
        assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == (
            "application/pdf",
            "nosniff",
        )
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert (await ada.get(f"/artifacts/{fake}/pdf")).status_code == 404
        assert (await ada.get(f"/artifacts/{real}")).status_code == 200


async def test_a_figure_is_ours_or_none(house: House, talk: Talk) -> None:
    chart = Chart(kind="line", x_kind="number", x=[1.0], series=[Series(name="<i>", values=[2.0])], title="T")
    ours = await talk.make("a.chart.json", chart.model_dump_json())
    theirs = await talk.make("b.chart.json", '{"data": [{"type": "image"}], "layout": {}}')
    plain = await talk.make("c.json", chart.model_dump_json())
    async with house.visitor("ada") as ada:
        drawn = (await ada.get(f"/artifacts/{ours}/figure")).json()
        assert (drawn["data"][0]["name"], drawn["layout"]["title"]["text"]) == ("‹i›", "T")
        refused = await ada.get(f"/artifacts/{theirs}/figure")
        assert (refused.status_code, "not drawn" in refused.text) == (400, True)
        assert (await ada.get(f"/artifacts/{plain}/figure")).status_code == 404
        library = await ada.get("/artifacts/plotly.js")
        assert (library.status_code, library.headers["content-type"].startswith("text/javascript")) == (200, True)


async def test_a_bomb_and_a_comparison_without_end_are_given_up(house: House, talk: Talk) -> None:
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    made = await talk.make("bomb.png", bomb.getvalue())
    async with house.visitor("ada") as ada:
        answer = await ada.get(f"/artifacts/{made}/picture")
        assert (answer.status_code, "too large" in answer.text) == (400, True)
        old = await talk.make("long.txt", "\n".join(f"{n % 7} a" for n in range(90_000)))
        new = await talk.make("long.txt", "\n".join(f"{n % 5} b" for n in range(90_000)))
        answer = await ada.get(f"/api/artifacts/{new}/diff", params={"against": old}, timeout=100)
        assert answer.status_code in (200, 400)
        assert (await ada.get("/healthz")).status_code == 200
