"""The tasks of a plan and what came of them; a task that is done again, under a new id, is one line with the first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from core.missions import Report, Status, Task

_AGAIN = re.compile(r"(?:-(?:again|retry)\d+)+$")
_LONGEST_PROBLEM = 300  # characters


def line_of(task_id: str) -> str:
    """Name the planned task that a task does again: t1 for t1, t1-again1 and t1-retry2; a subtask is a line of its own."""
    return _AGAIN.sub("", task_id)


def another_id(task_id: str, how: Literal["again", "retry"], known: Iterable[str]) -> str:
    """Name the next task that does this one again: sent back by the reviewer (t1-again1), or after a failure (t1-retry1)."""
    begins = f"{line_of(task_id)}-{how}"
    return f"{begins}{1 + sum(re.fullmatch(re.escape(begins) + r'[0-9]+', k) is not None for k in known)}"


def is_retry(task_id: str) -> bool:
    """Say whether a task does a failed one again."""
    return re.search(r"-retry\d+$", task_id) is not None


class Outcomes:
    """The tasks of a plan, in order, and what came of them; several tasks that do the same again are one line."""

    def __init__(self, tasks: Iterable[Task], reports: Iterable[Report]) -> None:
        self.tasks = {t.id: t for t in tasks}
        self.reports = {r.task_id: r for r in reports if r.task_id in self.tasks}
        self.heads = {line_of(t): t for t in self.tasks}  # line -> its newest task
        self.standing: dict[str, Report] = {}  # line -> the report that counts: the newest that came to something
        for report in self.reports.values():
            line = line_of(report.task_id)
            before = self.standing.get(line)
            if before is None or report.status is Status.COMPLETED or before.status is not Status.COMPLETED:
                self.standing[line] = report

    @property
    def failed(self) -> list[Task]:
        """List the newest task of each line that failed; what a person cancelled did not fail."""
        heads = (self.tasks[name] for name in self.heads.values())
        return [t for t in heads if t.id in self.reports and self.reports[t.id].status is Status.FAILED]

    @property
    def any_completed(self) -> bool:
        return any(r.status is Status.COMPLETED for r in self.standing.values())

    def cause(self, task_id: str) -> str:
        return self.reports[task_id].cause if task_id in self.reports else ""

    def problem(self, task_id: str) -> str:
        report = self.reports.get(task_id)
        return shortened(" ".join((report.problem or report.summary).split()), _LONGEST_PROBLEM) if report else ""

    def before(self, task: Task) -> list[Task]:
        """List what was tried before a task since it was planned or sent back, the newest first."""
        found = []
        while is_retry(task.id) and task.instead_of in self.tasks:
            task = self.tasks[task.instead_of]
            found.append(task)
        return found


def shortened(text: str, most: int) -> str:
    """Cut a text at a word, to at most so many characters."""
    text = text.strip()
    return text if len(text) <= most else f"{text[: most - 4].rsplit(maxsplit=1)[0]} ..."
