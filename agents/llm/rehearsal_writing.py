"""How the rehearsal model writes files from reports, and takes back what was changed."""

from __future__ import annotations

import re

from agents.llm.rehearsal_kinds import file_to_write
from agents.llm.rehearsal_reading import Section
from agents.llm.rehearsal_situation import Situation, completed, failed
from agents.llm.rehearsal_words import Move, sentence_case

NO_MODEL = "no language model is connected to think about it"
_MAKERS = {"pdf": "make_pdf", "docx": "make_document", "pptx": "make_slides", "xlsx": "make_spreadsheet"}
_MADE = re.compile(r"^Files made: (.+)$", re.MULTILINE)
_CHANGE = re.compile(r"^(\d+)\. (.+?)( - undone)?( \(earlier\))?$", re.MULTILINE)


def write(at: Situation) -> Move:
    """Write a file from the reports alone: as text, or as a document with the pictures that were made."""
    name = file_to_write(at.goal, at.files)
    bodies = [b for b in (body_of(s) for s in at.reports) if b]
    if not bodies:
        return failed(f"There is nothing to write into {name}: no report was given, and {NO_MODEL}.")
    pictures = [n for s in at.reports for n in made_in(s) if n.lower().endswith((".png", ".jpg"))]
    if name.startswith("summary.") and pictures:
        name = f"{pictures[0].rpartition('.')[0]}.{name.rpartition('.')[2]}"
    tool = _MAKERS.get(name.rpartition(".")[2].lower(), "write_file")
    if tool not in at.tools:
        return failed(f"This operator cannot make {name}: it does not have {tool}.")
    if (written := at.last(tool)) is not None:
        if written.failed:
            return failed(written.output)
        return completed(f"Saved {name} with what the other operators reported.", f"### {at.goal}\n\n{written.output}")
    if tool == "write_file":
        return at.call(tool, name, "\n\n".join(bodies) + "\n")
    shown = [f"![{_caption(n)}]({n.replace(' ', '%20')})" for n in pictures]
    text = "\n\n".join([bodies[0].partition("\n\n")[0], *shown, bodies[0].partition("\n\n")[2], *bodies[1:]])
    return Move(calls=[(tool, {"name": name, "text": text + "\n"})])


def _caption(name: str) -> str:
    return sentence_case(re.sub(r"[-_]+", " ", name.rpartition(".")[0]))


def body_of(report: Section) -> str:
    """Take the result out of a report, without its summary and its lists of places and files."""
    if not report.marks.get("status", "").startswith("completed"):
        return f"### Not done\n\n{report.text}"
    start = report.text.find("### ")
    body = report.text[start:] if start >= 0 else report.text
    return re.split(r"\n\n(?:Sources|Files made): ", body)[0].strip()


def made_in(report: Section) -> list[str]:
    """List the files that were made for a report."""
    found = _MADE.search(report.text)
    return found[1].split(", ") if found else []


def undo(at: Situation) -> Move:
    """Take the newest change of files back that stands."""
    if not {"list_changes", "undo_change"} <= set(at.tools):
        return failed("This operator cannot undo changes.")
    undone, listed = at.last("undo_change"), at.last("list_changes")
    if undone is not None:
        return failed(undone.output) if undone.failed else completed(undone.output, f"### Undone\n\n{undone.output}")
    if listed is None:
        return at.call("list_changes")
    standing = [
        int(n) for n, words, gone, _ in _CHANGE.findall(listed.output) if not gone and not words.startswith("Undid")
    ]
    if not standing:
        return failed("There is no change of files that could be undone.")
    return at.call("undo_change", standing[-1])
