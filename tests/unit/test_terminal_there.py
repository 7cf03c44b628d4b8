"""A Staffwork elsewhere over a connection that breaks at every place: nothing is lost, doubled, or written where it must not be."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from chat import terminal_sending, terminal_there
from chat.terminal_errands import Errand, ask_there
from chat.terminal_saving import opened, plain_name, ready
from chat.terminal_sending import check, save, send
from chat.terminal_there import Following, asked, reached, whole_id
from core import events as e
from core.errors import BadInput, Refused, StoreUnavailable
from core.missions import Artifact, Status

MADE = b"# Report\n"
ARTIFACT = Artifact(id="a1", name="report.md", hash=hashlib.sha256(MADE).hexdigest(), size=9, mime="text/markdown")
TOLD: list[Any] = [
    e.MissionStarted(mission_id="m", seq=1, attempt=2),
    *(e.PlanMade(mission_id="m", seq=n, tasks=(), note=f"Nöte {n}") for n in range(2, 8)),
    e.MissionEnded(mission_id="m", seq=8, status=Status.COMPLETED, answer="42", artifacts=(ARTIFACT,)),
]
STREAM = "".join(f"id: {t.seq}\ndata: {t.model_dump_json(exclude_none=True)}\n\n" for t in TOLD)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_there, "_PAUSE", 0.0)
    monkeypatch.setattr(terminal_sending, "_LOOK_SECONDS", 0.0)


class House(httpx.AsyncBaseTransport):
    """A Staffwork that tells events and takes files; `cuts` says after how many bytes each stream breaks off, and how."""

    def __init__(self, cuts: list[tuple[int, type[Exception] | None]] | None = None, **answers: Any) -> None:
        self.cuts, self.answers = cuts or [], answers
        self.received: dict[str, bytes] = {}
        self.posted: list[dict[str, Any]] = []
        self.broken = 0  # how many uploads still break off

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path, query = request.url.path, parse_qs(request.url.query.decode())
        if path in self.answers:
            code, content = self.answers[path]
            return httpx.Response(code, content=content)
        if path.endswith("/events"):
            return self._events(int(query["after"][0]), request)
        if path == "/api/files" and request.method == "POST":
            return await self._taken(request, query)
        if path == "/api/files":
            used = {"files": 1, "bytes": 10, "most_files": 3, "most_bytes": 1000}
            return httpx.Response(200, json={"used": used, "limits": {"bytes": 500, "files_with_a_mission": 2}})
        if path == "/api/missions":
            self.posted.append(json.loads(await request.aread()))
            return httpx.Response(202, json={"mission_id": "m"})
        if path.startswith("/files/artifact/"):
            return httpx.Response(200, content=MADE)
        return httpx.Response(200, json=_file(path.rsplit("/", 1)[-1], 1, "indexed"))

    def _events(self, after: int, request: httpx.Request) -> httpx.Response:
        told = "".join(part + "\n\n" for part in STREAM.split("\n\n")[after:-1]).encode()
        at, how = self.cuts.pop(0) if self.cuts else (len(told), None)

        async def pieces() -> AsyncIterator[bytes]:
            yield told[:at]
            if how is not None:
                raise how("cut")

        return httpx.Response(200, content=pieces())

    async def _taken(self, request: httpx.Request, query: dict[str, list[str]]) -> httpx.Response:
        content = await request.aread()
        if self.broken:
            self.broken -= 1
            self.received[query["id"][0]] = content[: len(content) // 2]
            raise httpx.WriteError("cut")
        self.received[query["id"][0]] = content
        return httpx.Response(201, json=_file(query["id"][0], len(content), "received"))


def _file(file_id: str, size: int, status: str) -> dict[str, Any]:
    about = {"id": file_id, "name": "n.txt", "size": size, "status": status, "pages": None, "characters": 1}
    return about | {"problem": "", "use": "text", "conversation_id": "c"}


def client(house: House) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=house, base_url="http://there")


@pytest.mark.parametrize("how", [None, httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout])
async def test_every_event_is_told_once_wherever_the_stream_breaks(
    capsys: pytest.CaptureFixture[str], how: type[Exception] | None
) -> None:
    whole = len(STREAM.encode())
    for at in range(0, whole, 37):
        house = House([(at, how), (at // 3, how), (whole // 5, how)])
        async with client(house) as there:
            ended = await Following(there, "m", as_json=True).to_rest()
        told = [json.loads(line)["seq"] for line in capsys.readouterr().out.splitlines()]
        assert (told, ended.seq) == (list(range(1, 8)), 8), f"cut at {at}"


async def test_a_server_that_starts_again_is_waited_for_and_one_that_stays_away_is_named() -> None:
    house = House()
    house.answers = {"/api/missions/m/events": (502, b"")}
    async with client(house) as there:
        following = Following(there, "m", as_json=True)
        with pytest.raises(StoreUnavailable, match=r"connection is lost.*staffwork remote follow m"):
            await following.to_rest()
        house.answers = {}
        assert (await following.to_rest()).answer == "42"
        house.answers = {"/api/missions/m/events": (404, b'{"detail": "There is no such mission."}')}
        with pytest.raises(Refused, match="no such mission"):
            await Following(there, "m", as_json=True).to_rest()
        house.answers = {"/x": (200, b"<html>"), "/y": (500, b"<html>")}
        with pytest.raises(Refused, match="is no Staffwork"):
            await asked(there, "GET", "/x")
        with pytest.raises(Refused, match="did not say why"):
            await asked(there, "GET", "/y")


async def test_a_file_that_breaks_off_is_sent_again_under_the_same_id(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"whole" * 50)
    house = House()
    house.broken = 3
    async with client(house) as there:
        [file] = await send(there, [tmp_path / "a.txt"], "c")
    assert house.received == {file["id"]: b"whole" * 50}


async def test_progress_of_a_large_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "a.bin").open("wb") as file:
        file.truncate(terminal_sending.LARGE)
    async with client(House()) as there:
        await send(there, [tmp_path / "a.bin"], "c")
    said = capsys.readouterr()
    assert (said.out, [s for s in ("25 %", "50 %", "100 %") if s not in said.err]) == ("", [])


async def test_what_cannot_be_sent_is_said_before_anything_is(tmp_path: Path) -> None:
    for name, size in (("empty", 0), ("large", 501), ("one", 495), ("two", 496), ("three", 5)):
        (tmp_path / name).write_bytes(b"x" * size)
    house = House()
    async with client(house) as there:
        for names, words in (
            (["none"], "there is no such file"), (["."], "is no file"), (["empty"], "is empty"), (["large"], "too large"),
            (["one", "two", "three"], "at most 2 go"), (["one", "two"], "take 10 bytes of 1,000 bytes, and these have 991"),
        ):  # fmt: skip
            with pytest.raises(BadInput, match=words):
                await check(there, [tmp_path / name for name in names])
    assert house.received == {}


async def test_files_go_there_and_come_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.md").write_text("mine")
    house, errand = House(), Errand("Read it", (tmp_path / "a.txt",), save=tmp_path / "out")
    async with client(house) as there:
        assert await ask_there(there, errand, as_json=True) == 0
    [posted] = house.posted
    assert posted["files"] == list(house.received)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"] for line in lines if line["kind"] == "file"] == ["indexed"]
    assert lines[-1]["artifacts"][0]["path"] == str(tmp_path / "out" / "report-2.md")
    assert (tmp_path / "out" / "report-2.md").read_bytes() == MADE
    assert (tmp_path / "out" / "report.md").read_text() == "mine"


async def test_half_a_download_leaves_nothing(tmp_path: Path) -> None:
    house = House()
    house.answers = {"/files/artifact/a1": (200, MADE[:4])}
    async with client(house) as there:
        with pytest.raises(StoreUnavailable, match="could not be downloaded whole"):
            await save(there, [ARTIFACT], tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    [
        "../../up.md",
        "/etc/passwd",
        "a\\..\\b.md",
        "..",
        ".",
        "",
        "x" * 400 + ".md",
        "\x1b[31mred.md",
        "nul\x00.md",
        "a/b/",
        "é" * 300,
    ],
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = ready(tmp_path / "deep" / "out")
    for _ in range(2):
        place, file = opened(folder, name)
        file.close()
        assert place.parent == folder
        assert place.resolve().parent == folder.resolve()
    assert len(list(folder.iterdir())) == 2
    assert plain_name(name).isprintable()


def test_a_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    os.symlink(tmp_path / "outside", tmp_path / "report.md")
    place, file = opened(tmp_path, "report.md")
    file.close()
    assert (place.name, (tmp_path / "outside").exists()) == ("report-2.md", False)
    (tmp_path / "file").write_text("x")
    for wrong in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(BadInput, match="no folder for the files"):
            ready(wrong)


async def test_ids_are_found_by_their_beginning() -> None:
    missions = {"missions": [{"id": "abc-1"}, {"id": "abc-2"}, {"id": "b"}]}
    house = House()
    house.answers = {"/api/missions": (200, json.dumps(missions).encode())}
    async with client(house) as there:
        assert await whole_id(there, "mission", "abc-2") == "abc-2"
        assert await whole_id(there, "mission", "b") == "b"
        for wrong, words in (("abc", "Several"), ("../x", "is no id"), ("", "is no id")):
            with pytest.raises(BadInput, match=words):
                await whole_id(there, "mission", wrong)


@pytest.mark.parametrize(
    ("server", "key"), [("http://[::1", "sw_x"), ("ftp://a", "sw_x"), ("https://a", "schlüssel"), ("https://a", "a b")]
)
async def test_an_address_or_key_that_is_none_is_said(server: str, key: str) -> None:
    with pytest.raises(BadInput):
        async with reached(server, key):
            pass
