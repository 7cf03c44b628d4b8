"""docs/security.md is true: each control names the test that proves it, and that test is there."""

from __future__ import annotations

import re

import pytest
from house import ROOT, document, expect_none

TEST = re.compile(r"`(?:tests/\w+/)?(test_\w+\.py)(?:::(\w+))?`")
PLACE = re.compile(r"`((?:core|memory|tools|agents|graphs|api|chat)/[\w/.]*|[\w./-]+\.(?:lock|yaml|json|toml))`")
SUITES = [
    "test_hostile_tools",
    "test_hostile_arguments",
    "test_hostile_model",
    "test_gate_order",
    "test_dojo",
    "test_sandbox_attacks",
    "test_sandbox_unprotected",
    "test_archives",
    "test_safefetch",
    "test_addresses",
    "test_doors_matrix",
    "test_doors_sockets",
    "test_browser_escapes",
    "test_rest_schema",
]
"""What must not vanish from the page: the suites that attack."""

Row = dict[str, str]


def sections(page: str) -> list[str]:
    """Split a page at its headings of the second level."""
    return re.split(r"^(?=## )", page, flags=re.MULTILINE)


def rows(section: str) -> list[Row]:
    """Read the tables of threats: a row by the names of its columns."""
    found, names = list[Row](), list[str]()
    for line in section.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] if line.startswith("|") else []
        if cells[:1] == ["Threat"]:
            names = cells
        elif not cells:
            names = []
        elif names and set(line) - set("|-: "):
            found.append(dict(zip(names, cells, strict=True)))
    return found


def known(test: tuple[str, str]) -> bool:
    """Say whether a test file is there, and the function in it, if one is named."""
    file, function = test
    return any(
        not function or re.search(rf"^(async )?def {function}\(", path.read_text(encoding="utf-8"), re.MULTILINE)
        for path in (ROOT / "tests").rglob(file)
    )


def unproved(section: str) -> list[str]:
    """Name the threats of a section without a test that is there; where a table has no such column, the section names some."""
    lost = [f"{file}::{function}" for file, function in TEST.findall(section) if not known((file, function))]
    bare = [row["Threat"] for row in rows(section) if not TEST.search(row.get("Proof", section))]
    return [*(f"there is no {name}" for name in lost), *(f"nothing proves: {threat}" for threat in bare)]


def nowhere(section: str) -> list[str]:
    """Name the places where a control is said to stand that are not there."""
    return [p for row in rows(section) for p in PLACE.findall(row.get("Where", "")) if not (ROOT / p).exists()]


def test_every_control_has_a_test_that_is_there() -> None:
    expect_none(
        (problem for section in sections(document("security")) for problem in unproved(section)), "in docs/security.md"
    )


def test_every_control_stands_where_the_page_says() -> None:
    expect_none((place for section in sections(document("security")) for place in nowhere(section)), "places are gone")


def test_there_are_as_many_controls_as_a_reader_may_expect() -> None:
    found = [row for section in sections(document("security")) for row in rows(section)]
    assert len(found) >= 60
    assert all(row["Threat"] and row["What stands there"] for row in found)


@pytest.mark.parametrize("suite", SUITES)
def test_the_page_names_the_suites_that_attack(suite: str) -> None:
    assert f"{suite}.py" in {file for file, _ in TEST.findall(document("security"))}


def test_what_is_not_proved_is_found() -> None:
    table = "## A\n| Threat | Where | Proof |\n|---|---|---|\n| rain | `tools/none.py` | {} |\n"
    assert unproved(table.format("an umbrella")) == ["nothing proves: rain"]
    assert unproved(table.format("`tests/unit/test_logs.py::test_no`")) == ["there is no test_logs.py::test_no"]
    assert unproved(table.format("`tests/unit/test_logs.py`")) == []
    assert nowhere(table.format("x")) == ["tools/none.py"]
    without = "## B\n| Threat | What stands there |\n|---|---|\n| snow | a roof |\n"
    assert unproved(without) == ["nothing proves: snow"]
    assert unproved(without + "\nSee `tests/unit/test_logs.py`.\n") == []
    assert len(sections(table + without)) == 3
