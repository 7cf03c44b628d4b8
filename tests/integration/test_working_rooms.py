"""SQL over files, charts, documents and fetched pages are worked on in rooms: the same results and words as in a process, and
nothing else in reach."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from room_fixtures import PLACES, sandbox_at
from runner_fixtures import remote, socket_folder
from sandbox_attacking import Unprotected
from tables_fixtures import SALES, workbook
from tools_fixtures import Desk
from web_fixtures import desk_with, little_web, page

from core.errors import ToolFailure
from tools.apart import Job, work_apart
from tools.changes import Changes
from tools.looking import Glass
from tools.sandbox.reading import ReadingRooms
from tools.sandbox.room import WORK
from tools.sandbox.terms import Hands, Result
from tools.standard import standard_tools
from tools.toolbox import GatedToolbox

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module", params=PLACES)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Hands]]:
    root = tmp_path_factory.mktemp(request.param)
    with sandbox_at(request.param, root) as sandbox:
        yield root, sandbox


@pytest.fixture
def rooms(house: tuple[Path, Hands]) -> ReadingRooms:
    return ReadingRooms(house[1], house[0] / "data" / "workspaces")


async def given(root: Path, rooms: ReadingRooms | None) -> Desk:
    """A desk whose tools work in rooms, or in processes."""
    desk = Desk(root, seconds=120)
    changes = Changes.at(root / "workspaces", desk.blobs, desk.changes)
    tools = standard_tools(desk.blobs, desk.index, desk.memories, changes, rooms=rooms)
    desk.toolbox = GatedToolbox(tools, seconds=120, output_bytes=16_000, at_once=8, mask=lambda text: text)
    await desk.give("sales.csv", SALES, "text/csv")
    await desk.give("odd.csv", "a;b\n1,5;x\n2,5;y;z\n\n3;\xe4\n".encode("cp1252"), "text/csv")
    await desk.give("book.xlsx", workbook({"One": [["a", "b"], [1, "x"], [2, "y"]], "Two": [["c"], [3.5]]}))
    await desk.give("cut.xlsx", b"PK\x03\x04garbage")
    await desk.give("cut.parquet", b"PAR1garbage")
    return desk


ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "a query": ("query_table", {"sql": "SELECT region, sum(revenue_eur) FROM sales GROUP BY 1 ORDER BY 1", "files": ["sales.csv"]}),
    "of two files": ("query_table", {"sql": "SELECT * FROM sales, book_one ORDER BY ALL", "files": ["sales.csv", "book.xlsx"]}),
    "an odd table": ("query_table", {"sql": "SELECT * FROM odd", "files": ["odd.csv"]}),
    "a profile": ("profile_table", {"file": "book.xlsx"}),
    "a wrong query": ("query_table", {"sql": "SELECT nothing FROM sales", "files": ["sales.csv"]}),
    "two statements": ("query_table", {"sql": "SELECT 1; DROP TABLE sales", "files": ["sales.csv"]}),
    "a damaged workbook": ("query_table", {"sql": "SELECT 1", "files": ["cut.xlsx"]}),
    "a damaged table": ("profile_table", {"file": "cut.parquet"}),
    "what swells": ("query_table", {"sql": "SELECT length(repeat('a', 2000000000))", "files": ["sales.csv"]}),
    "a chart": ("make_chart", {"name": "c", "kind": "bar", "files": ["sales.csv"], "formats": ["png", "svg", "interactive"]}),
    "a chart of nothing": ("make_chart", {"name": "c", "kind": "pie", "files": ["sales.csv"], "y": ["region"]}),
    "a workbook": ("make_spreadsheet", {"name": "s", "files": ["sales.csv", "book.xlsx"], "text": ""}),
    "a document": ("make_document", {"name": "d", "text": "# One\n\nWords.\n\n![Sales](sales.csv)\n"}),
    "a PDF": ("make_pdf", {"name": "p", "text": "# One\n\nWords: \u00e4\u03b1\u0436\n\n![Sales](sales.csv)\n"}),
    "slides": ("make_slides", {"name": "s", "text": "# One\n\n- a\n- b\n\n![Sales](sales.csv)\n"}),
    "a file that is missing": ("make_pdf", {"name": "p", "text": "![x](none.png)"}),
}  # fmt: skip


def made(desk: Desk) -> dict[str, str]:
    found = [path for path in desk.workspace.rglob("*") if path.is_file()] if desk.workspace.exists() else []
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.mark.parametrize("case", list(ASKED))
async def test_the_same_comes_out_and_nothing_stays(tmp_path: Path, rooms: ReadingRooms, case: str) -> None:
    tool, arguments = ASKED[case]
    said = []
    for name, chosen in (("process", None), ("room", rooms)):
        desk = await given(tmp_path / name, chosen)
        outcome = await desk.use(tool, **arguments)
        said.append((outcome.status, outcome.output, [s.quote for s in outcome.sources], made(desk)))
    assert said[0] == said[1]
    assert said[0][1]
    assert list(rooms._workspaces.glob(".reading-*")) == []


PAGES = {
    "a page": "<html><title>T</title><body><nav>no</nav><main><h1>Head</h1><p>Some words. <a href='/x'>More</a></p>"
    + "<p>Words and words.</p>" * 40
    + "<table><tr><th>a</th><td>1</td></tr></table></main></body></html>",
    "a deep page": "<div>" * 60_000 + "text",
    "an empty page": "",
    "a broken page": "<html><p>\ufffd<b>open <i>closed wrongly</b></i> &amp; &nosuch; <script>x</script",
}


@pytest.mark.parametrize("case", list(PAGES))
async def test_a_page_reads_the_same(tmp_path: Path, rooms: ReadingRooms, case: str) -> None:
    said = []
    for chosen in (None, rooms):
        (tmp_path / "page").write_text(PAGES[case])
        with (tmp_path / "page").open("rb") as file:
            asked = lambda read, _: {"fd": read[0], "url": "https://example.org/a/"}  # noqa: E731
            try:
                said.append(await work_apart(Job("tools.page_text", [file], asked, "died"), chosen))
            except ToolFailure as problem:
                said.append(str(problem))
    assert said[0] == said[1]


async def test_a_fetched_page_is_read_in_a_room_and_in_no_other_way(tmp_path: Path, rooms: ReadingRooms) -> None:
    async with little_web(start=page(PAGES["a page"])) as web:
        for chosen in (rooms, ReadingRooms(Failing(), tmp_path / "w")):
            desk = desk_with(tmp_path, web, rooms=chosen)
            outcome = await desk.use("fetch_page", url=web.address("/"))
            assert ("Words and words." in outcome.output) == (chosen is rooms), outcome.output
    assert "cannot be done safely just now" in outcome.output


async def test_texts_are_compared_the_same(rooms: ReadingRooms) -> None:
    old, new = "a\nb\nc\n" * 50, "a\nB\nc\n" * 50
    assert await Glass(rooms).difference(old, new) == await Glass().difference(old, new)


class Failing(Unprotected):
    """A sandbox that cannot build a room any more."""

    async def run(self, *arguments: object, **more: object) -> Result:
        return Result("error", None, "", "no", 0.0, 0, "It could not be started: no")


@pytest.mark.parametrize("case", ["a query", "a chart", "a document"])
async def test_where_no_room_can_be_built_nothing_is_done_in_another_way(tmp_path: Path, case: str) -> None:
    with socket_folder() as folder:
        for sandbox in (Failing(), remote(tmp_path, folder / "s")):
            desk = await given(
                tmp_path / type(sandbox).__name__, ReadingRooms(sandbox, tmp_path / "data" / "workspaces")
            )
            outcome = await desk.use(ASKED[case][0], **ASKED[case][1])
            assert outcome.status == "failed"
            assert "cannot be done safely just now" in outcome.output
            assert made(desk) == {}
    assert list((tmp_path / "data" / "workspaces").glob(".reading-*")) == []


LOOK = """
import json, os, socket, sys
found = {"work": sorted(os.listdir("/work")), "libraries": os.listdir("/opt/libraries"), "mine": os.listdir("/opt/libraries/tools")}
for name, path in {"data": sys.argv[1], "toolbox": "/opt/libraries/tools/toolbox.py", "memory": "/opt/libraries/memory"}.items():
    try: os.stat(path); found[name] = "SEEN"
    except OSError: found[name] = "no"
try: socket.create_connection(("127.0.0.1", 1), 2); found["net"] = "REACHED"
except OSError: found["net"] = "no"
found["env"] = [n for n in os.environ if "STAFFWORK" in n]
print(json.dumps(found))
"""


async def test_who_works_sees_its_files_its_programs_and_nothing_else(
    house: tuple[Path, Hands], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, sandbox = house
    monkeypatch.setenv("STAFFWORK_OPENAI_API_KEY", "secret")
    (root / "data" / "canary").write_text("secret")
    folder = root / "data" / "workspaces" / "look"
    folder.mkdir(parents=True, exist_ok=True)
    result = await sandbox.run(["{python}", "-c", LOOK, str(root / "data" / "canary")], folder, kit="working")
    found = json.loads(result.stdout)
    strangers = ("toolbox", "policy", "execute", "web", "safefetch", "egress", "changes", "standard", "sandbox")
    assert [name for name in found.pop("mine") if name.startswith(strangers)] == []
    assert not {"memory", "agents", "graphs", "api", "chat", "sqlalchemy", "cryptography"} & set(found.pop("libraries"))
    assert found == {"work": [], "data": "no", "toolbox": "no", "memory": "no", "net": "no", "env": []}


async def test_one_job_finds_nothing_of_another(tmp_path: Path, rooms: ReadingRooms) -> None:
    """Each room is made for one job: neither files in its folder nor in /tmp are there for the next."""
    (tmp_path / "a.csv").write_text("a\n1\n")
    reached = f"SELECT * FROM glob('{WORK}/*') UNION ALL SELECT * FROM glob('/tmp/*')"
    for _ in range(2):
        with (tmp_path / "a.csv").open("rb") as file:
            about = {"name": "a.csv", "table": "a", "format": "text"}
            asked = lambda read, _, a=about: {"action": "query", "sql": reached, "files": [a | {"fd": read[0]}]}  # noqa: E731
            with pytest.raises(ToolFailure, match="disabled"):
                await work_apart(Job("tools.table_worker", [file], asked, "died"), rooms)
    assert list(rooms._workspaces.glob(".*")) == []


class Lying(Unprotected):
    """A sandbox in which a file has taken over the program that reads it: it says what it likes."""

    def __init__(self, said: bytes, made: Callable[[Path], None] = lambda folder: None) -> None:
        self.said, self.made = said, made

    async def run(self, argv: Sequence[str], workspace: Path, *more: object, **named: object) -> Result:
        (workspace / "out").write_bytes(self.said)
        self.made(workspace)
        return Result("exited", 0, "", "", 0.0)


@pytest.mark.parametrize(
    "said",
    [b"", b"[]", b"null", b"7", b'"problem"', b"{}", b"[" * 100_000, b"\xff\xfe", b"{" + b'"a":' * 3, b"9" * 5_000],
)
async def test_whatever_a_captured_program_says_is_a_failure_in_words(tmp_path: Path, said: bytes) -> None:
    job = Job("tools.page_text", [], lambda read, _: {}, "It died.")
    with pytest.raises(ToolFailure, match="It died"):
        await ReadingRooms(Lying(said), tmp_path).work(job)
    with pytest.raises(ToolFailure, match="It died"), (tmp_path / "x").open("w+b") as packed:
        await ReadingRooms(Lying(said), tmp_path).worked("tools.archive_worker", packed, 10, "It died.")


def _link(folder: Path) -> None:
    (folder / "0").symlink_to("/etc/passwd")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "0")


def _folder(folder: Path) -> None:
    (folder / "0").mkdir()


def _huge(folder: Path) -> None:
    with (folder / "0").open("wb") as file:
        file.truncate(1 << 40)


def _swapped(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("/etc")


@pytest.mark.parametrize("trap", [_link, _pipe, _folder, _huge, _swapped])
async def test_what_a_captured_program_leaves_is_not_followed(tmp_path: Path, trap: Callable[[Path], None]) -> None:
    job = Job("tools.making_worker", [], lambda read, _: {}, "It died.", outputs=1, most=1000)
    rooms = ReadingRooms(Lying(b'{"result": 1}', trap), tmp_path)
    try:
        result, content = await rooms.work(job)
    except (ToolFailure, OSError):
        assert trap in (_huge, _swapped)
        return
    assert (result, content) == (1, [b""])


async def test_a_document_that_names_very_many_files_is_refused_before_they_are_opened(tmp_path: Path) -> None:
    desk = await given(tmp_path, None)
    outcome = await desk.use("make_pdf", name="p", text="\n\n".join(f"![x](f{n}.png)" for n in range(101)))
    assert "at most 100 files" in outcome.output
