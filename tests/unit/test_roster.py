"""An operator is a file: adding one adds an operator, and a broken one is named with its field."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from agents.roster import FOLDER, Roster
from core.errors import Misconfigured, NotFound

TOOLS = {
    "list_files", "read_file", "search_files", "write_file", "calculate", "profile_table", "query_table", "recall",
    "remember", "now", "web_search", "fetch_page", "patch_file", "evaluate_python", "run_python", "run_shell",
    "move_file", "delete_file", "pack_files", "unpack_file", "list_changes", "undo_change",
    "outline_code", "code_dependencies", "check_code", "run_tests", "git_read", "git_change",
    "make_chart", "make_spreadsheet", "make_document", "make_pdf", "make_slides",
}  # fmt: skip
HEADER = "name: gardener\ntitle: Gardener\nwhen: Anything about plants and soil."


class WordEmbedder:
    """Embeds by counting a few words, which is enough to tell three subjects apart."""

    name = "words"
    dimensions = 3

    def __init__(self) -> None:
        self.embedded = 0

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.embedded += len(texts)
        return [self._vector(t.lower()) for t in texts]

    def _vector(self, text: str) -> list[float]:
        counts = [float(sum(text.count(w) for w in ws)) for ws in (("plant", "soil"), ("table", "sum"), ("letter",))]
        length = sum(c * c for c in counts) ** 0.5 or 1.0
        return [c / length for c in counts]


def write(folder: Path, name: str, header: str = HEADER, charter: str = "You know plants.") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"---\n{header}\n---\n{charter}\n", "utf-8")
    return path


def test_shipped_profiles_are_complete() -> None:
    roster = Roster.load([FOLDER])
    names = {p.name for p in roster.enabled()}
    assert names == {
        "researcher", "analyst", "writer", "coder", "tester", "planner", "security_auditor", "documentation_expert",
        "performance_engineer", "ux_specialist",
    }  # fmt: skip
    for profile in roster.enabled():
        assert set(profile.tools) <= TOOLS, profile.name
        assert 80 <= len(profile.charter.split()) <= 160, profile.name
        assert profile.capabilities, profile.name


def test_a_file_adds_an_operator_and_a_later_folder_wins(tmp_path: Path) -> None:
    write(tmp_path / "a", "gardener.md")
    roster = Roster.load([tmp_path / "a", tmp_path / "missing"])
    assert roster.get("gardener").charter == "You know plants."
    first = roster.get("gardener").version
    write(tmp_path / "b", "other.md", charter="You know trees.")
    later = Roster.load([tmp_path / "a", tmp_path / "b"]).get("gardener")
    assert later.charter == "You know trees."
    assert later.version != first
    assert len(first) == 12


def test_an_unknown_operator() -> None:
    with pytest.raises(NotFound, match="wizard"):
        Roster.load([FOLDER]).get("wizard")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("title: T\nwhen: W", "bad.md: name"),
        (f"{HEADER}\nsteps: many", "bad.md: steps"),
        (f"{HEADER}\ntier: huge", "bad.md: tier"),
        (f"{HEADER}\nstrength: 3", "bad.md: strength"),
        ("name: Bad Name\ntitle: T\nwhen: W", "bad.md: name"),
        (f"{HEADER}\nversion: '1'", "bad.md: the header"),
        ("- a\n- b", "bad.md: the header"),
        ("name: [", "bad.md: the header is not valid YAML"),
        (f"{HEADER}\n3: x", "bad.md: 3"),
    ],
)
def test_a_broken_profile_names_file_and_field(tmp_path: Path, header: str, words: str) -> None:
    write(tmp_path, "bad.md", header)
    with pytest.raises(Misconfigured, match=words):
        Roster.load([tmp_path])


def test_broken_files(tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_text("no header")
    with pytest.raises(Misconfigured, match=r"bad\.md: must begin with a header"):
        Roster.load([tmp_path])
    (tmp_path / "bad.md").write_bytes(b"---\nname: \xff\n---\nx")
    with pytest.raises(Misconfigured, match=r"bad\.md: cannot be read"):
        Roster.load([tmp_path])
    write(tmp_path, "bad.md", charter=" ")
    with pytest.raises(Misconfigured, match=r"bad\.md: charter"):
        Roster.load([tmp_path])
    with pytest.raises(Misconfigured, match="no enabled operator"):
        Roster.load([tmp_path / "none"])


def test_the_same_name_twice_in_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "one.md")
    write(tmp_path, "two.md")
    with pytest.raises(Misconfigured, match="gardener is taken"):
        Roster.load([tmp_path])


async def test_ranked_by_similarity_without_the_disabled(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    write(tmp_path, "b.md", "name: accountant\ntitle: Accountant\nwhen: Sums in a table.")
    write(tmp_path, "c.md", "name: clerk\ntitle: Clerk\nwhen: Writes a letter.")
    write(tmp_path, "d.md", "name: botanist\ntitle: Botanist\nwhen: Plant and soil.\nenabled: false")
    roster, embedder = Roster.load([tmp_path]), WordEmbedder()
    assert [p.name for p in await roster.ranked("sum this table", embedder)] == ["accountant", "clerk", "gardener"]
    assert (await roster.ranked("Which plant wants this soil?", embedder))[0].name == "gardener"
    assert embedder.embedded == 3 + 2, "profiles are embedded once"


async def test_capability_words_break_a_tie(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "name: one\ntitle: One\nwhen: Anything.")
    write(tmp_path, "b.md", "name: two\ntitle: Two\nwhen: Anything.\ncapabilities: [origami, paper]")
    roster = Roster.load([tmp_path])
    assert [p.name for p in await roster.ranked("Fold origami", WordEmbedder())] == ["two", "one"]
    assert [p.name for p in await roster.ranked("Cook", WordEmbedder())] == ["one", "two"]
