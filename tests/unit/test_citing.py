"""An answer's sources are what it quotes or names, not everything its operators looked at."""

from __future__ import annotations

from core.missions import Report, Source, Status
from graphs.delegating import cited

HEADED = Source(file="memo.pdf", page=2, quote="Risks\nThe first risk is a single supplier\nfor lamps.")
OTHER = Source(file="memo.pdf", page=3, quote="Lunch is at noon on every day.")
TABLE = Source(file="sales.csv", line=1, quote="region,revenue")
REPORTS = [Report(task_id="t1", operator="o", status=Status.COMPLETED, summary="s", sources=(HEADED, OTHER, TABLE))]


def test_a_whole_quote_wherever_its_lines_break() -> None:
    assert cited(REPORTS, "It says: Risks The first risk is a\nsingle supplier for lamps.") == (HEADED,)


def test_a_part_of_a_passage_in_a_block_or_in_marks() -> None:
    assert cited(REPORTS, "> The first risk is a single supplier for lamps.\n> [memo.pdf, page 2]") == (HEADED,)
    assert cited(REPORTS, 'He wrote "The first risk is a single supplier" there.') == (HEADED,)
    assert cited(REPORTS, "He wrote “Lunch is at noon on every day” there.") == (OTHER,)


def test_a_file_that_is_only_named() -> None:
    assert cited(REPORTS, "North leads [sales.csv].\n\n> The first risk is a single supplier") == (HEADED, TABLE)


def test_without_any_citation_the_first_few() -> None:
    assert cited(REPORTS, "North leads.", most=2) == (HEADED, OTHER)
