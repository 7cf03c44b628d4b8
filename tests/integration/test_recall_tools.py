"""The tools for files, memory and time, called through the gate."""

from __future__ import annotations

import stat
from datetime import datetime
from pathlib import Path

import pytest
from tools_fixtures import Desk

from core.memories import Origin
from memory.chunking import Section, passages

MEMO_1 = "Memo on the northern plan\n\nSales grew. We expect 12% more next year.\n"
MEMO_2 = (
    "Risks\n1. Supplier delays may slip the launch.\n2. The currency could turn against us.\n"
    "3. Key staff might leave before\nthe end of the year.\n\nNothing else was noted."
)
CODE = "def total(rows):\n    return sum(rows)\n\n\nprint(total([1, 2]))\n"


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    await desk.give("memo.pdf", b"%PDF-1.7 \x00", "application/pdf", pages=[MEMO_1, MEMO_2])
    await desk.give("code.py", CODE, "text/x-python")
    return desk


async def test_the_list_shows_what_was_given_and_what_was_written(desk: Desk) -> None:
    assert await Desk(desk.root / "other").ask("list_files") == "There are no files in this conversation yet."
    await desk.ask("write_file", name="drafts/a.md", content="hello")
    assert (await desk.ask("list_files")).splitlines() == [
        "memo.pdf (10 bytes, from the user)",
        f"code.py ({len(CODE)} bytes, from the user)",
        "drafts/a.md (5 bytes, written here)",
    ]


async def test_the_latest_of_two_files_with_one_name_wins(desk: Desk) -> None:
    await desk.give("a.txt", "old")
    await desk.give("A.txt", "new")
    await desk.give("memo.pdf", b"%PDF-1.7 \x00", "application/pdf")  # the very same file again
    names = [line.split(" (")[0] for line in (await desk.ask("list_files")).splitlines()]
    assert names == ["code.py", "a", "A.txt", "memo.pdf"]
    assert "a (2).txt" in await desk.ask("list_files")
    assert (await desk.ask("read_file", file="A.txt")).endswith("\nnew")
    assert (await desk.ask("read_file", file="a.txt")).endswith("\nnew")
    old = await desk.use("read_file", file="a (2).txt")
    assert old.output.endswith("\nold")
    assert old.sources[0].file == "a.txt"


async def test_reading_pages(desk: Desk) -> None:
    outcome = await desk.use("read_file", file="memo.pdf")
    assert outcome.output.startswith("memo.pdf, pages 1-2 of 2\n[page 1]\nMemo on")
    assert "[page 2]\nRisks\n1. Supplier" in outcome.output
    assert [(s.page, s.line) for s in outcome.sources] == [(1, None), (2, None)]
    assert all(s.quote in (MEMO_1 + MEMO_2) and s.origin_id for s in outcome.sources)
    one = await desk.use("read_file", file="memo.pdf", page=2)
    assert one.output == f"memo.pdf, page 2 of 2\n{MEMO_2}"
    assert [s.page for s in one.sources] == [2]
    part = await desk.ask("read_file", file="memo.pdf", page=2, first_line=2, last_line=3)
    assert part.splitlines()[1:] == MEMO_2.splitlines()[1:3]


async def test_reading_lines_and_the_rest_of_a_long_file(desk: Desk) -> None:
    lines = [f"line {n} " + "x" * 50 for n in range(1, 1001)]
    await desk.give("long.log", "\r\n".join(lines))
    shown: list[str] = []
    following = 1
    for _ in range(20):
        outcome = await desk.use("read_file", file="long.log", first_line=following)
        assert outcome.size <= 16_000
        body = outcome.output.splitlines()[1:]
        more = body.pop() if body[-1].startswith("[There is more") else ""
        assert outcome.sources[0].line == following
        shown += body
        if not more:
            break
        following = int(more.split("first_line=")[1].rstrip(".]"))
    assert shown == lines
    assert (await desk.ask("read_file", file="code.py", first_line=2, last_line=2)).endswith("\n    return sum(rows)")


async def test_long_pages_come_in_parts_too(desk: Desk) -> None:
    page = "\n".join(f"row {n} " + "y" * 60 for n in range(400))
    await desk.give("big.pdf", b"%PDF \x00", pages=[page, "second"])
    first = await desk.ask("read_file", file="big.pdf")
    assert "read on with page=1, first_line=" in first
    line = int(first.split("first_line=")[1].rstrip(".]"))
    assert f"\nrow {line - 1} " in await desk.ask("read_file", file="big.pdf", page=1, first_line=line)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"file": "memo.doc"}, "There is no file 'memo.doc' in this conversation. Files: memo.pdf, code.py."),
        ({"file": "../../etc/passwd"}, "There is no file"),
        ({"file": "memo.pdf", "page": 3}, "no text on page 3. Pages with text: 1-2"),
        ({"file": "memo.pdf", "first_line": 3}, "give a page"),
        ({"file": "code.py", "page": 1}, "has no pages"),
        ({"file": "code.py", "first_line": 99}, "has 6 lines"),
        ({"file": "code.py", "page": 0}, "page: input should be greater than or equal to 1"),
    ],
)
async def test_wrong_places_are_explained(desk: Desk, arguments: dict[str, object], words: str) -> None:
    outcome = await desk.use("read_file", **arguments)
    assert outcome.status == "failed"
    assert words in outcome.output


async def test_what_has_no_text_is_said(desk: Desk) -> None:
    await desk.give("photo.png", b"\x89PNG\r\n\x1a\n\x00\x00", "image/png")
    await desk.give("book.xlsx", b"PK\x03\x04\x00\x00")
    assert "photo.png has no text" in (await desk.use("read_file", file="photo.png")).output
    assert "Use profile_table" in (await desk.use("read_file", file="book.xlsx")).output
    assert "Not searched: photo.png" in await desk.ask("search_files", query="launch")


async def test_other_encodings_are_read(desk: Desk) -> None:
    await desk.give("windows.txt", "Preis: 5 € für Käse".encode("cp1252"))
    await desk.give("wide.txt", "Größe\nzwei".encode("utf-16"))
    assert "Preis: 5 € für Käse" in await desk.ask("read_file", file="windows.txt")
    assert "Größe\nzwei" in await desk.ask("read_file", file="wide.txt")
    assert "windows.txt, line 1" in await desk.ask("search_files", query="kase")  # without its accent


async def test_searching_gives_exact_quotes_with_their_places(desk: Desk) -> None:
    outcome = await desk.use("search_files", query="the risks of currency")
    quotes = {(s.file, s.page, s.line): s.quote for s in outcome.sources}
    texts = {1: MEMO_1, 2: MEMO_2}
    assert all(quote in texts[page or 0] for (_, page, _), quote in quotes.items())
    assert any("2. The currency could turn against us." in s.quote for s in outcome.sources)
    heading = next(s.quote for s in outcome.sources if s.quote.startswith("Risks"))
    assert "Supplier delays" in heading
    assert "the end of the year." in heading
    assert 'memo.pdf, page 2: "' in outcome.output
    code = (await desk.use("search_files", query="SUM")).sources
    assert [(s.file, s.line, s.quote) for s in code] == [("code.py", 2, "return sum(rows)")]


async def test_a_sentence_is_quoted_whole_across_lines(desk: Desk) -> None:
    (source,) = (await desk.use("search_files", query="staff")).sources
    assert source.quote == "3. Key staff might leave before\nthe end of the year."
    assert (source.page, source.line) == (2, None)


async def test_a_page_cut_into_passages_is_put_together_again(desk: Desk) -> None:
    text = "\n\nFirst paragraph.\n" + "Filling words stand here. " * 120 + "The harbour opens in May.\n"
    cuts = [piece for piece, _, _ in passages([Section(text, 1)])]
    assert len(cuts) > 2
    attachment = await desk.give("cut.pdf", b"%PDF \x00")
    pieces = list(passages([Section(text), Section("second section\n", 2)]))
    await desk.index.add([desk.passage(attachment, position, *piece) for position, piece in enumerate(pieces)])
    for words in ("harbour May", "First paragraph"):
        (best, *_) = (await desk.use("search_files", query=words)).sources
        assert best.quote in text
        assert best.line == text[: text.index(best.quote)].count("\n") + 1
    assert (await desk.use("search_files", query="harbour")).sources[0].quote == "The harbour opens in May."


async def test_the_places_with_more_and_rarer_words_come_first(desk: Desk) -> None:
    await desk.give("notes.txt", "Budget one.\n\nBudget two.\n\nBudget three and the harbour.\n\nHarbour budget: 5.\n")
    first = (await desk.use("search_files", query="budget harbour")).sources[0]
    assert first.quote in ("Budget three and the harbour.", "Harbour budget: 5.")


async def test_a_rare_word_is_found_among_very_many_common_ones(desk: Desk) -> None:
    await desk.give("long.txt", "A supplier wrote again. " * 200_000 + 'The supplier said "no needle." Then silence.')
    outcome = await desk.use("search_files", query="supplier needle")
    assert outcome.sources[0].quote == 'The supplier said "no needle."'
    assert outcome.seconds < 30


async def test_a_query_is_words_and_never_a_pattern(desk: Desk) -> None:
    assert "None of these words" in await desk.ask("search_files", query="s.m(")
    assert (await desk.use("search_files", query="?!")).status == "failed"
    huge = "word " * 400_000 + "needle " + "word " * 1000
    await desk.give("huge.txt", huge)
    (source,) = (await desk.use("search_files", query="needle")).sources
    assert "needle" in source.quote
    assert len(source.quote) <= 500
    assert source.quote in huge


async def test_writing_makes_an_artifact_and_a_private_file(desk: Desk) -> None:
    outcome = await desk.use("write_file", name="report.md", content="# Grüße\n")
    (artifact,) = outcome.artifacts
    assert (artifact.name, artifact.size, artifact.mime, artifact.task_id) == ("report.md", 10, "text/markdown", "t1")
    assert desk.blobs.path(artifact.hash).read_text() == "# Grüße\n"
    assert stat.S_IMODE((desk.workspace / "report.md").stat().st_mode) == 0o600
    again = await desk.use("write_file", name="report.md", content="# Grüße\n")
    assert again.artifacts == outcome.artifacts  # a replay of the same step makes nothing new
    other = await desk.use("write_file", name="report.md", content="changed")
    assert other.artifacts[0].id != artifact.id
    assert "changed" in await desk.ask("read_file", file="report.md")


@pytest.mark.parametrize("name", ["../x.md", "/srv/x.md", "a/../../x", "x\u202e.md", "x\n.md", "memo.pdf", "MEMO.pdf"])
async def test_writing_elsewhere_or_over_the_users_files_fails(desk: Desk, name: str) -> None:
    outcome = await desk.use("write_file", name=name, content="x")
    assert outcome.status == "failed"
    assert not outcome.artifacts
    assert not list(desk.root.glob("x*"))


async def test_a_link_planted_in_the_workspace_is_not_read(desk: Desk) -> None:
    await desk.ask("write_file", name="a.md", content="x")
    (desk.root / "secret.txt").write_text("SECRET")
    (desk.workspace / "link.md").symlink_to(desk.root / "secret.txt")
    assert "SECRET" not in (await desk.use("read_file", file="link.md")).output
    assert "secret" not in (await desk.ask("search_files", query="SECRET")).lower().replace("these words", "")


async def test_another_conversation_sees_nothing(desk: Desk) -> None:
    await desk.ask("write_file", name="mine.md", content="x")
    desk.context = desk.context.model_copy(update={"conversation_id": "c2", "attachments": ()})
    assert await desk.ask("list_files") == "There are no files in this conversation yet."


async def test_remember_and_recall_with_scope(desk: Desk) -> None:
    await desk.ask("remember", text="Ada  prefers\nshort reports")
    await desk.ask("remember", text="Ada prefers short reports")
    (memory,) = desk.memories.kept.values()
    assert (memory.text, memory.user_id, memory.mission_id) == ("Ada prefers short reports", "ada", "m1")
    outcome = await desk.use("recall", query="short reports")
    assert [(s.origin, s.quote) for s in outcome.sources] == [("memory", "Ada prefers short reports")]
    assert [p.origin for p in await desk.index.passages_of(memory.id, user_id="ada")] == [Origin.MEMORY]
    desk.context = desk.context.model_copy(update={"conversation_id": "c2"})
    assert 'scope="everything"' in await desk.ask("recall", query="short reports")
    assert "Ada prefers short" in await desk.ask("recall", query="short reports", scope="everything")
    desk.context = desk.context.model_copy(update={"user_id": "bob"})
    assert "Nothing is known" in await desk.ask("recall", query="short reports", scope="everything")


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("remember", {"text": "  \n"}), ("recall", {"query": ""}), ("recall", {"query": "x", "scope": "all"})],
)
async def test_nothing_to_remember_or_recall(desk: Desk, tool: str, arguments: dict[str, str]) -> None:
    assert (await desk.use(tool, **arguments)).status == "failed"
    assert not desk.memories.kept


async def test_recall_cites_files_with_their_page(desk: Desk) -> None:
    outcome = await desk.use("recall", query="supplier delays")
    assert (outcome.sources[0].file, outcome.sources[0].page) == ("memo.pdf", 2)
    assert outcome.output.startswith("1. memo.pdf, page 2 (file): Risks")


async def test_the_clock(desk: Desk) -> None:
    for zone, offset in (("UTC", "+00:00"), ("Asia/Tokyo", "+09:00")):
        told = await desk.ask("now", timezone=zone)
        weekday, moment, _ = told.split(" ")
        assert moment.endswith(offset)
        assert abs((datetime.now().astimezone() - datetime.fromisoformat(moment)).total_seconds()) < 5
        assert weekday == f"{datetime.fromisoformat(moment):%A},"
    for nonsense in ("Mars/Base", "../../etc/passwd", "/etc/localtime", "Europe"):
        assert (await desk.use("now", timezone=nonsense)).status == "failed"


def test_the_standard_tools_are_these_and_no_others(desk: Desk) -> None:
    listed = """
        list_files read_file search_files write_file patch_file move_file delete_file pack_files unpack_file
        list_changes undo_change calculate profile_table query_table make_chart make_spreadsheet make_document
        make_pdf make_slides recall remember now evaluate_python outline_code code_dependencies check_code
    """
    names = listed.split()
    assert [tool.name for tool in desk.tools] == names
    writing = {tool.name for tool in desk.tools if "write" in tool.risks}
    changing = set(names[3:9]) | {"undo_change", *(name for name in names if name.startswith("make_"))}
    assert writing == {*changing, "remember"}
    for tool in desk.tools:
        assert tool.spec.description
        undescribed = [
            name for name, schema in tool.spec.parameters["properties"].items() if "description" not in schema
        ]
        assert undescribed == [], tool.name
