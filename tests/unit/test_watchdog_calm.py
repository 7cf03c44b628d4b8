"""Work that repeats itself and still gets on: the watchdog leaves it alone, and keeps little of it."""

from __future__ import annotations

from typing import Any

import pytest
from watchdog_fixtures import Story

from graphs.stuck import digest

REPETITIONS: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "pages": [("read_file", f"page {n}", {"page": n}) for n in range(40)],
    "a clock that goes on": [("now", f"12:{n:02}", {}) for n in range(40)],
    "pages with nothing on them": [("read_file", "(empty)", {"page": n}) for n in range(40)],
    "write and read, each time another text": [
        ("write_file" if n % 2 else "read_file", f"version {n // 2}", {"file": "a"}) for n in range(40)
    ],
    "twice each, to be sure": [("read_file", f"page {n // 2}", {"page": n // 2}) for n in range(40)],
    "three steps in turns": [(name, "as before", {}) for _ in range(13) for name in ("list", "read", "write")],
    "looking at the list in between": [
        ("read_file", f"page {n}", {"page": n}) if n % 2 else ("list_files", "a, b", {}) for n in range(40)
    ],
}


@pytest.mark.parametrize("name", REPETITIONS)
def test_repetition_that_gets_on_is_left_alone(name: str) -> None:
    story = Story()
    story.start()
    for tool, output, arguments in REPETITIONS[name]:
        story.do(tool, output, **arguments)
    assert story.seen() == []


def test_different_errors_and_a_second_try_that_works_are_left_alone() -> None:
    story = Story()
    story.start()
    for number in range(12):
        story.do("query_table", "failed", status="failed", sql=f"select {number // 2}")
        story.do("query_table", "ok", sql=f"select {number // 2}")
    assert story.seen() == []


def test_two_tasks_that_do_the_same_are_not_taken_for_one() -> None:
    story = Story()
    story.start("t1")
    story.start("t2")
    for number in range(6):
        story.do("read_file", "the same page", task=f"t{number % 2 + 1}")
    assert story.seen() == []


def test_values_of_any_shape_have_one_digest_each_and_the_order_of_names_does_not_count() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    odd = [{"a": 1, "b": 2}, {"a": 1}, {"a": 2**70}, {"a": "\ud800"}, {"a": float("nan")}, {"": None}, deep]
    assert len({digest(value) for value in odd}) == len(odd)
    assert digest({"b": 2, "a": 1}) == digest({"a": 1, "b": 2})
    assert all(digest(x) == digest(x) for x in odd)


def test_what_is_kept_does_not_grow_with_the_work() -> None:
    story = Story()
    story.start()
    sizes = []
    for number in range(501):
        story.do("read_file", "x" * 1000, page=number)
        if number in (50, 500):
            task = story.dog._tasks.get("t1")
            assert task is not None
            sizes.append(len(task.habits._rounds) + len(task.habits._told) + len(task._rungs))
    assert sizes[0] == sizes[1] <= 8
    story.end()
    assert list(story.dog._tasks) == []
