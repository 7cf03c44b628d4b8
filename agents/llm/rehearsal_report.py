"""How the rehearsal model writes the final answer and reviews: it puts the reports below one another, word for word."""

from __future__ import annotations

from agents.llm.calls import ModelRequest
from agents.llm.rehearsal_reading import Section, human_text, section_text, sections
from agents.llm.rehearsal_words import MARK, Move
from agents.role_tools import REVIEW


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
    """Show one report: its result with the heading it begins with, else its summary under a plain one."""
    paragraphs = section.text.split("\n\n")
    summary, rest = paragraphs[0], [p for p in paragraphs[1:] if not p.startswith("Sources: ")]
    body = "\n\n".join(p for p in rest if not p.startswith("Problem: "))
    status = section.marks.get("status", "")
    if "partial" in status:
        body = f"{body}\n\n*Partial: {summary}*"
    if not status.startswith("completed"):
        return f"### Not done: {section.marks.get('operator', 'an operator')}\n\n{body or summary}"
    if body.startswith("### "):
        return body
    return f"### {section.marks.get('operator', 'Report').replace('_', ' ').capitalize()}\n\n{body or summary}"
