"""A mission told event by event, with a clock that only the test moves."""

from __future__ import annotations

from collections import Counter
from typing import Any

from core.budget import Budget, Usage
from core.decisions import ToolCall
from core.events import (
    Event,
    MissionStarted,
    ModelAsked,
    ModelReplied,
    TaskEnded,
    TaskStarted,
    TextStreamed,
    ToolReturned,
)
from core.missions import Status
from graphs.intervening import Finding, intervened
from graphs.watchdog import Limits, Watchdog

M = "m1"
PATIENCE = 300.0


class Story:
    """Tells a watchdog what happens; `found` keeps everything it found, looked at after each event and at each tick."""

    def __init__(self, patience: float = PATIENCE, budget: Budget | None = None, at_work: float = 0.0) -> None:
        self.now = 1000.0
        self.dog = Watchdog(Limits(patience, budget or Budget(), at_work), lambda: self.now)
        self.found: list[Finding] = []
        self.past: list[Event] = []
        self.attentive = True
        self._steps: Counter[str] = Counter()
        self.tell(MissionStarted(mission_id=M))

    def tell(self, *events: Event) -> None:
        for event in events:
            self.dog.observe(event)
            self.past.append(event)
            self.look()

    def look(self) -> list[Finding]:
        if not self.attentive:
            return []
        found = self.dog.look(self.now)
        self.found += found
        for finding in found:
            event = intervened(M, finding)
            self.past.append(event)
            self.dog.observe(event)
        return found

    def wait(self, seconds: float) -> list[Finding]:
        """Let time pass as a runner would: it looks whenever something is due, and at the end."""
        before, until = len(self.found), self.now + seconds
        while (due := self.dog.due()) is not None and due <= until:
            assert due >= self.now, "what is due lies in the past"
            self.now = due
            assert self.look(), "something was due, and nothing was found"
        self.now = until
        self.look()
        return self.found[before:]

    def start(self, task: str = "t1", operator: str = "analyst", goal: str = "", **more: Any) -> None:
        parent = task.rpartition(".")[0] or None
        about = {"mission_id": M, "task_id": task, "parent_task_id": parent, "operator": operator}
        goal = goal or f"Look at {task}"
        self.tell(TaskStarted(**about, title=operator.title(), profile_version="1", goal=goal, **more))

    def end(self, task: str = "t1", status: Status = Status.COMPLETED, summary: str = "Done.") -> None:
        about = {"mission_id": M, "task_id": task, "operator": "analyst"}
        self.tell(TaskEnded(**about, status=status, summary=summary))

    def ask(self, task: str = "t1") -> str:
        self._steps[task] += 1
        step = f"{task}/{self._steps[task]}"
        self.tell(ModelAsked(mission_id=M, task_id=task, step=step, role="operator", model="x"))
        return step

    def reply(
        self, task: str = "t1", *calls: tuple[str, dict[str, Any]], text: str = "", finish: str = "", **usage: Any
    ) -> str:
        step = self.ask(task)
        made = tuple(ToolCall(id=f"c{i}", name=name, arguments=args) for i, (name, args) in enumerate(calls))
        about = {"mission_id": M, "task_id": task, "step": step, "role": "operator", "model": "x"}
        finish = finish or ("tool_calls" if made else "stop")
        self.tell(ModelReplied(**about, text=text, tool_calls=made, finish=finish, usage=Usage(model_calls=1, **usage)))
        return step

    def returns(self, step: str, tool: str, output: str, status: str = "ok", number: int = 0) -> None:
        about = {"mission_id": M, "task_id": step.partition("/")[0], "step": f"{step}.{number}", "tool": tool}
        self.tell(ToolReturned(**about, status=status, output=output, size=len(output), seconds=0.1))

    def do(self, tool: str, output: str, task: str = "t1", status: str = "ok", **arguments: Any) -> None:
        """One reply with one call, and what came of it, a second later each."""
        self.now += 1
        step = self.reply(task, (tool, arguments))
        self.now += 1
        self.returns(step, tool, output, status)

    def stream(self, text: str, offset: int = 0, task: str | None = "t1", step: str = "") -> None:
        step = step or f"{task}/{self._steps[str(task)]}"
        self.tell(TextStreamed(mission_id=M, task_id=task, step=step, offset=offset, text=text))

    def seen(self) -> list[tuple[str, str, str | None]]:
        """What was found, without the words."""
        return [(f.pattern, f.action, f.task_id) for f in self.found]


def at_work(**more: Any) -> Story:
    """One task that has asked its model."""
    story = Story(**more)
    story.start()
    story.ask()
    return story
