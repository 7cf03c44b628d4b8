"""Strangers' files are read where the reader sees them and nothing else, with the same result as in a process with limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from document_fixtures import bomb, docx, hungry_xlsx, pdf, pptx, xlsx, zipped
from hostile_archives import HOSTILE
from PIL import Image
from room_fixtures import PLACES, sandbox_at
from runner_fixtures import remote, socket_folder
from sandbox_attacking import Unprotected

import tools
from core.errors import BadInput, ToolFailure
from core.settings import Settings
from memory.documents import DocumentReader
from tools.archives import Archive, pack, unpack
from tools.looking import Glass
from tools.sandbox.reading import ReadingRooms
from tools.sandbox.terms import PYTHON, Hands, Result

pytestmark = pytest.mark.sandbox
TOOLS = Path(tools.__file__).parent


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Hands]]:
    root = tmp_path_factory.mktemp(request.param)
    with sandbox_at(request.param, root) as sandbox:
        yield root, sandbox


@pytest.fixture
def rooms(place: tuple[Path, Hands]) -> ReadingRooms:
    return ReadingRooms(place[1], place[0] / "data" / "workspaces")


def readers(root: Path, rooms: ReadingRooms, **limits: float) -> tuple[DocumentReader, DocumentReader]:
    settings = Settings.model_validate({"data_dir": root} | limits)
    return DocumentReader(settings), DocumentReader(settings, rooms)


def documents(root: Path) -> dict[str, Path]:
    (root / "page.html").write_text("<html><body><h1>Title</h1><p>Some text.</p></body></html>")
    (root / "long.txt").write_text("a line of text\n" * 200_000)
    return {
        "a.pdf": pdf(root / "a.pdf", ["first page", "second page"]),
        "a.docx": docx(root / "a.docx", ["one", "two"]),
        "a.pptx": pptx(root / "a.pptx", [("one", "slide one"), ("two", "slide two")]),
        "a.xlsx": xlsx(root / "a.xlsx", {"Sheet": [["a", 1], ["b", 2]]}),
        "a.zip": zipped(root / "a.zip", {"a.txt": "words", "b/c.pdf": pdf(root / "c.pdf", ["a page"]).read_bytes()}),
        "page.html": root / "page.html",
        "long.txt": root / "long.txt",
    }


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.pptx", "a.xlsx", "a.zip", "page.html", "long.txt"])
async def test_a_document_reads_the_same(tmp_path: Path, rooms: ReadingRooms, name: str) -> None:
    path = documents(tmp_path)[name]
    before, within = readers(tmp_path, rooms)
    expected = await before.read(path, name)
    assert await within.read(path, name) == expected
    assert expected.passages
    assert list(rooms._workspaces.glob(".reading-*")) == []


def broken(root: Path) -> dict[str, Path]:
    (root / "cut.pdf").write_bytes(b"%PDF-1.7\ngarbage")
    (root / "cut.docx").write_bytes(b"PK\x03\x04garbage")
    return {
        "cut.pdf": root / "cut.pdf",
        "cut.docx": root / "cut.docx",
        "secret.pdf": pdf(root / "secret.pdf", ["x"], password="pw"),
        "bomb.docx": bomb(root / "bomb.docx", 400),
        "plain.zip": zipped(root / "plain.zip", {"a.txt": " "}),
    }


@pytest.mark.parametrize("name", ["cut.pdf", "cut.docx", "secret.pdf", "bomb.docx", "plain.zip"])
async def test_what_cannot_be_read_is_refused_in_the_same_words(tmp_path: Path, rooms: ReadingRooms, name: str) -> None:
    path = broken(tmp_path)[name]
    said = []
    for reader in readers(tmp_path, rooms):
        with pytest.raises(BadInput) as problem:
            await reader.read(path, name)
        said.append(str(problem.value))
    assert said[0] == said[1]


async def test_limits_end_a_reading(tmp_path: Path, rooms: ReadingRooms) -> None:
    hungry = hungry_xlsx(tmp_path / "hungry.xlsx")
    _, small = readers(tmp_path, rooms, parse_memory_mb=128)
    with pytest.raises(BadInput, match=r"needs too much memory|damaged"):
        await small.read(hungry, "hungry.xlsx")
    _, slow = readers(tmp_path, rooms, parse_seconds=0.02)
    with pytest.raises(BadInput, match="took longer than"):
        await slow.read(pdf(tmp_path / "a.pdf", ["x"]), "a.pdf")


LOOK = """
import json, os, socket, sys
found = {"given": os.listdir("/given"), "work": os.listdir("/work"), "mine": sorted(os.listdir("/opt/libraries/tools"))}
for name, path in {"data": sys.argv[1], "shadow": "/etc/shadow", "toolbox": "/opt/libraries/tools/toolbox.py"}.items():
    try: open(path).read(); found[name] = "READ"
    except OSError: found[name] = "no"
try: socket.create_connection(("127.0.0.1", int(sys.argv[2])), 2); found["net"] = "REACHED"
except OSError: found["net"] = "no"
found["env"] = [n for n in os.environ if "STAFFWORK" in n]
print(json.dumps(found))
"""


async def test_a_reader_sees_its_file_its_program_and_nothing_else(
    place: tuple[Path, Hands], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, sandbox = place
    monkeypatch.setenv("STAFFWORK_OPENAI_API_KEY", "secret")
    (root / "data" / "canary").write_text("secret")
    (tmp_path / "mine.pdf").write_text("x")
    folder = root / "data" / "workspaces" / "look"
    folder.mkdir(parents=True, exist_ok=True)
    async with await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        argv = [PYTHON, "-c", LOOK, str(root / "data" / "canary"), str(port)]
        result = await sandbox.run(argv, folder, given={"file": tmp_path / "mine.pdf"}, kit="reading")
    found = json.loads(result.stdout)
    mine = found.pop("mine")
    assert {"archive_worker.py", "making_worker.py", "code_worker.py", "workspace.py"} <= set(mine)
    strangers = ("toolbox", "policy", "execute", "web", "safefetch", "egress", "changes", "standard", "sandbox")
    assert [name for name in mine if name.startswith(strangers)] == [], "programs that read, and what they import"
    assert len(mine) < len(list(TOOLS.glob("*.py"))) / 2
    expected = {"data": "no", "shadow": "no", "toolbox": "no", "net": "no", "env": []}
    assert found == expected | {"given": ["file"], "work": []}


@pytest.mark.parametrize("name", sorted(HOSTILE))
async def test_a_hostile_archive_is_refused_in_the_same_words(tmp_path: Path, rooms: ReadingRooms, name: str) -> None:
    path = tmp_path / "evil.zip"
    path.write_bytes(HOSTILE[name])
    said = []
    for way in (None, rooms):
        with pytest.raises(ToolFailure) as problem:
            await unpack(Archive(path.name, lambda: path.open("rb")), way)
        said.append(str(problem.value))
    assert said[0] == said[1]
    assert list(rooms._workspaces.glob(".reading-*")) == []


async def test_an_honest_archive_comes_out_whole(tmp_path: Path, rooms: ReadingRooms) -> None:
    contents = {"a.txt": b"hello", "deep/b.bin": bytes(range(256)) * 5_000}
    for name, content in contents.items():
        (tmp_path / name.replace("/", "-")).write_bytes(content)
    opened_ = {name: (tmp_path / name.replace("/", "-")).open for name in contents}
    packed = pack("x.zip", {name: lambda way=way: way("rb") for name, way in opened_.items()}, 10_000_000)
    (tmp_path / "x.zip").write_bytes(packed)
    assert await unpack(Archive("x.zip", lambda: (tmp_path / "x.zip").open("rb")), rooms) == contents


class Failing(Unprotected):
    """A sandbox that cannot build a room any more."""

    async def run(self, *arguments: object, **more: object) -> Result:
        return Result("error", None, "", "no", 0.0, 0, "It could not be started: no")


async def test_where_no_room_can_be_built_nothing_is_read_in_another_way(tmp_path: Path) -> None:
    rooms = ReadingRooms(Failing(), tmp_path)
    _, within = readers(tmp_path, rooms)
    with pytest.raises(BadInput, match="cannot be read safely"):
        await within.read(pdf(tmp_path / "a.pdf", ["x"]), "a.pdf")
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(ToolFailure, match="cannot be read safely"):
        await unpack(Archive("x.zip", lambda: (tmp_path / "x.zip").open("rb")), rooms)
    (tmp_path / "a.csv").write_text("a\n1\n")
    with pytest.raises(BadInput, match="cannot be read safely"):
        await Glass(rooms).tables(tmp_path / "a.csv", "a.csv", 5)


async def test_while_the_runner_is_away_nothing_is_read_in_another_way(tmp_path: Path) -> None:
    with socket_folder() as folder:
        _, within = readers(tmp_path, ReadingRooms(remote(tmp_path, folder / "s"), tmp_path / "data" / "workspaces"))
        with pytest.raises(BadInput, match="the runner is not there"):
            await within.read(pdf(tmp_path / "a.pdf", ["x"]), "a.pdf")


def looked_at(root: Path) -> dict[str, Path]:
    Image.new("RGB", (2400, 30), "red").save(root / "wide.png")
    (root / "cut.png").write_bytes((root / "wide.png").read_bytes()[:200])
    (root / "sums.csv").write_text("region,sum\nNorth,12\nSouth,7\n")
    (root / "cut.xlsx").write_bytes(b"PK\x03\x04garbage")
    xlsx(root / "sums.xlsx", {"One": [["a", 1], ["b", 2]], "Two": [["c", 3]]})
    return {name: root / name for name in ("wide.png", "cut.png", "sums.csv", "sums.xlsx", "cut.xlsx")}


async def seen(glass: Glass, path: Path) -> object:
    try:
        return await (glass.picture if path.suffix == ".png" else glass.tables)(path, path.name, *_MOST[path.suffix])
    except BadInput as problem:
        return str(problem)


_MOST: dict[str, tuple[int, ...]] = {".png": (), ".csv": (1,), ".xlsx": (50,)}


async def test_a_preview_looks_the_same(tmp_path: Path, rooms: ReadingRooms) -> None:
    for name, path in looked_at(tmp_path).items():
        expected = await seen(Glass(), path)
        assert await seen(Glass(rooms), path) == expected, name
        assert isinstance(expected, str) == name.startswith("cut"), expected
    assert list(rooms._workspaces.glob(".reading-*")) == []
