"""What the rehearsal model knows when it plays an operator, and how it says what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agents.llm.calls import ModelRequest
from agents.llm.rehearsal_kinds import files_for
from agents.llm.rehearsal_reading import Call, File, Section, answered_calls, files, human_text, section_text, sections
from agents.llm.rehearsal_words import Move
from agents.role_tools import FINISH


@dataclass(frozen=True)
class Situation:
    """What the operator knows: its goal, what the goal is part of, its files, the reports it was given, what it did."""

    goal: str
    brief: str
    files: tuple[File, ...]
    about: tuple[File, ...]
    reports: tuple[Section, ...]
    tools: dict[str, dict[str, Any]]  # name -> properties of its arguments
    done: tuple[Call, ...]

    def last(self, tool: str) -> Call | None:
        return next((c for c in reversed(self.done) if c.tool == tool), None)

    def call(self, tool: str, *values: object) -> Move:
        """Call a tool with values for its arguments in order."""
        return Move(calls=[(tool, dict(zip(self.tools[tool], values, strict=False)))])


def read_situation(request: ModelRequest) -> Situation:
    text = human_text(request.messages, first=True)
    goal, given = section_text(text, "goal"), tuple(files(text))
    return Situation(
        goal=goal,
        brief=section_text(text, "brief"),
        files=given,
        about=tuple(files_for(goal, "", given)),
        reports=tuple(sections(text, "report")),
        tools={t.name: dict(t.parameters.get("properties", {})) for t in request.tools},
        done=tuple(answered_calls(request.messages)),
    )


def completed(summary: str, result: str, did: object = None) -> Move:
    """Finish well; `did` is what was changed, with its receipts."""
    told = {"status": "completed", "summary": summary, "result": result}
    return Move(calls=[(FINISH, told | ({"did": did} if did else {}))])


def without_receipt(output: str) -> tuple[str, str]:
    """Take the receipt ("" if there is none) off what a call returned."""
    told, mark, receipt = output.rpartition("\nReceipt: ")
    return (told, receipt.strip()) if mark else (output, "")


def failed(summary: str) -> Move:
    return Move(calls=[(FINISH, {"status": "failed", "summary": summary})])
