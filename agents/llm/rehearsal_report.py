"""How the rehearsal model writes the final answer and reviews: it puts the reports below one another, word for word."""

from __future__ import annotations

from agents.llm.calls import ModelRequest
from agents.llm.rehearsal_reading import Section, human_text, section_text, sections
from agents.llm.rehearsal_words import MARK, Move
from agents.role_tools import REVIEW

BELOW = ("Sources: ", "Files made: ", "Did: ", "Not verified: ", "Flagged for review: ")
"""How the paragraphs begin that stand below a report's result."""


def report(request: ModelRequest) -> Move:
    """Compose the answer from the reports in the prompt, failures in plain sight, then the mark."""
    text = human_text(request.messages)
    parts = [_part(s) for s in sections(text, "report")] or ["No operator reported anything."]
    if shortfall := section_text(text, "shortfall"):
        parts.append(f"**Not fully met:** {shortfall}")
    return Move(text="\n\n".join([*parts, MARK]))


def review(request: ModelRequest) -> Move:
    """Accept, and name the tasks that did not succeed; the rest is beyond a model that does not understand."""
    reports = sections(human_text(request.messages), "report")
    lost = [s.marks.get("task", "?") for s in reports if not s.marks.get("status", "").startswith("completed")]
    words = f"These tasks did not succeed: {', '.join(lost)}." if lost else ""
    return Move(calls=[(REVIEW, {"verdict": "accept", "shortfall": words})])


def _part(section: Section) -> str:
    """Show one report: its result under the heading it begins with; its summary only where there is no result."""
    paragraphs = [p for p in section.text.split("\n\n") if not p.startswith(BELOW)]
    status = section.marks.get("status", "")
    if not status.startswith("completed"):
        return "### Not done\n\n" + "\n\n".join(p.removeprefix("Problem: ") for p in paragraphs)
    has_summary = len(paragraphs) > 1 and not paragraphs[0].startswith("### ")
    body = "\n\n".join(p for p in paragraphs[has_summary:] if not p.startswith("Problem: "))
    heading = "" if body.startswith("### ") else f"### {_title(section.marks.get('operator', ''))}\n\n"
    partial = f"\n\n*Partial: {paragraphs[0]}*" if "partial" in status else ""
    return f"{heading}{body}{partial}"


def _title(operator: str) -> str:
    return operator.replace("_", " ").capitalize() or "Report"
