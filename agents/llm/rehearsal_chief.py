"""How the rehearsal model plays the Chief of Staff: one task per part of the goal and per file it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from agents.llm.calls import ModelRequest
from agents.llm.rehearsal_goals import Part, split_goal
from agents.llm.rehearsal_kinds import Kind, file_to_write, files_for, kind_of, matter_to_write
from agents.llm.rehearsal_reading import File, Section, files, human_text, roster, section_text, sections
from agents.llm.rehearsal_words import MARK, Move, content_words, sentence_case
from agents.planning import MOST_TASKS
from agents.role_tools import ASK_USER, MAKE_PLAN
from core.ports import Embedder

_SMALL_TALK = re.compile(
    r"^(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|thanks?|thank you|bye|ok(?:ay)?|"
    r"who are you|what are you|what can you do|how are you|help|test)\b[^:\n]{0,60}$",
    re.IGNORECASE,
)
_MISSING_FILE = re.compile(
    r"\b(?:the|these|this|both|attached|two|each|every|my)\s+(?:\w+\s+)?(?:files?|attachments?|documents?|spreadsheets?)\b"
    r"|\b[\w-]+\.(?:csv|tsv|xlsx|xls|parquet|pdf|docx|pptx)\b",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(r"\b(?:it|them|these|that|the (?:result|text|article|draft)s?)\b", re.IGNORECASE)
_ASK_OPERATOR = re.compile(r"^(?:ask|let|have|get|tell)\s+(?:the\s+|an?\s+)?[\w -]{3,30}?\s+(?:to\s+)", re.IGNORECASE)
_PREFERRED = {
    Kind.TABLE: "analyst",
    Kind.CHART: "analyst",
    Kind.PICTURE: "researcher",
    Kind.UNDO: "writer",
    Kind.CALCULATE: "analyst",
    Kind.WRITE: "writer",
    Kind.QUOTE: "researcher",
    Kind.RECALL: "researcher",
    Kind.REMEMBER: "researcher",
    Kind.CLOCK: "researcher",
    Kind.FILES: "researcher",
    Kind.ASK: "researcher",
}
_ABLE = (
    "In rehearsal I can split a goal into tasks, let operators compute totals and changes from CSV, Excel and Parquet "
    "files, draw charts of them, quote passages from documents with file and page, calculate, remember a fact, and save "
    "what was found as a file, PDF or Word document. Attach a file and ask, for example, for *total revenue per region* or "
    "*three risks mentioned in the memo*."
)


@dataclass
class _Step:
    """One task in the making."""

    goal: str
    kind: Kind
    stage: int
    asked: str = ""  # as the user put it, perhaps with the name of an operator
    operator: str = ""
    needs: list[str] = field(default_factory=list)


async def decide(request: ModelRequest, embedder: Embedder) -> Move:
    """Answer, ask or plan, as the goal's structure suggests."""
    text = human_text(request.messages)
    goal, given = section_text(text, "goal"), files(text)
    written, steps = sections(text, "context"), list(islice(_steps(goal, given), MOST_TASKS))
    if written and not given and (_SMALL_TALK.match(goal.strip()) or _nothing_to_do(steps, given)):
        return Move(text="\n\n".join([*map(_quoted, written), MARK]))
    if _SMALL_TALK.match(goal.strip()):
        return Move(text=f"Hello. {_ABLE}\n\n{MARK}")
    if not given and _MISSING_FILE.search(goal) and not file_to_write(goal) and not section_text(text, "answers"):
        return Move(calls=[(ASK_USER, {"question": "Which file do you mean? Attach it and tell me to go on."})])
    if _nothing_to_do(steps, given):
        return Move(text=_direct(goal, sections(text, "passage")))
    await _assign(steps, roster(request.messages), embedder)
    _connect(steps)
    return Move(calls=[(MAKE_PLAN, {"note": _note(steps), "tasks": [_task(i, s) for i, s in enumerate(steps, 1)]})])


def _quoted(context: Section) -> str:
    """Quote a context document, with its title as the source."""
    title = context.marks.get("title", "")
    lines = "\n".join(f"> {line}".rstrip() for line in context.text.splitlines())
    return f"### {title}\n\n{lines}\n>\n> [{title}]"


def _steps(goal: str, given: Sequence[File]) -> Iterator[_Step]:
    for number, part in enumerate(_divided(split_goal(goal), given)):
        if number == 0 and given and (matter := matter_to_write(part.text, given)):
            yield from _steps_for(Part(matter, part.stage, part.lead), given)
        yield from _steps_for(part, given)


def _steps_for(part: Part, given: Sequence[File]) -> Iterator[_Step]:
    about = files_for(part.text, part.lead, given)
    kind, text = kind_of(part.text, about), _ASK_OPERATOR.sub("", part.text)
    if kind not in (Kind.TABLE, Kind.CHART, Kind.QUOTE, Kind.PICTURE):
        yield _Step(sentence_case(text), kind, part.stage, part.text)
        return
    for file in about:
        wanted = text if file.name.lower() in text.lower() else f"{text} (in {file.name})"
        yield _Step(sentence_case(wanted), kind_of(text, [file]), part.stage, part.text)


def _divided(parts: Sequence[Part], given: Sequence[File]) -> Iterator[Part]:
    """Split "a and b" where both halves ask for a different kind of work."""
    for part in parts:
        halves = [Part(h.strip(), part.stage, part.lead) for h in re.split(r",?\s+and\s+", part.text)]
        kinds = [kind_of(h.text, files_for(h.text, h.lead, given)) for h in halves]
        whole = kind_of(part.text, files_for(part.text, part.lead, given)) in (Kind.REMEMBER, Kind.WRITE)
        apart = len(set(kinds)) == 2 or kinds == [Kind.CALCULATE] * 2
        several = len(halves) == 2 and apart and Kind.OTHER not in kinds and not whole
        yield from halves if several and all(len(h.text.split()) > 1 for h in halves) else [part]


def _nothing_to_do(steps: Sequence[_Step], given: Sequence[File]) -> bool:
    """Say whether no tool could serve the goal: no part at all, or one of a kind that no tool can do."""
    return not steps or (not given and len(steps) == 1 and steps[0].kind is Kind.OTHER)


async def _assign(steps: Sequence[_Step], offered: dict[str, str], embedder: Embedder) -> None:
    """Give each step to the operator whose description is closest; the right hands for its kind weigh more."""
    names = list(offered)
    profiles = await embedder.embed([f"{n.replace('_', ' ')}. {offered[n]}" for n in names])
    wanted = await embedder.embed([s.goal for s in steps])
    for step, vector in zip(steps, wanted, strict=True):
        near = {n: sum(a * b for a, b in zip(vector, p, strict=True)) for n, p in zip(names, profiles, strict=True)}
        if _PREFERRED.get(step.kind) in near:
            near[_PREFERRED[step.kind]] += 0.5
        for name in names:
            near[name] += _named(name, step.asked)
        step.operator = max(names, key=lambda n: (near[n], n))


def _named(operator: str, goal: str) -> float:
    """Weigh that a goal names an operator ("ask the writer") or what it does ("write", "research")."""
    if re.search(rf"\b{operator.replace('_', '[ _]')}\b", goal, re.IGNORECASE):
        return 1.0
    return 0.4 if any(operator.startswith(w) for w in re.findall(r"\w{4,}", goal.lower())) else 0.0


def _connect(steps: Sequence[_Step]) -> None:
    """Let what is written wait for everything before it, and a later stage for the one before."""
    stages = sorted({s.stage for s in steps})
    for i, step in enumerate(steps):
        earlier = _previous(stages, step)
        before = [f"t{j}" for j, s in enumerate(steps, 1) if s.stage == earlier]
        if i and not before and step.kind is Kind.OTHER and _POINTS_BACK.search(step.goal):
            before = [f"t{i}"]
        found = [f"t{j}" for j, s in enumerate(steps[:i], 1) if s.kind not in (Kind.WRITE, Kind.REMEMBER)]
        step.needs = found if step.kind is Kind.WRITE else before


def _previous(stages: Sequence[int], step: _Step) -> int:
    return max((s for s in stages if s < step.stage), default=-1)


def _task(number: int, step: _Step) -> dict[str, Any]:
    needs = {"needs": step.needs} if step.needs else {}
    return {"id": f"t{number}", "operator": step.operator, "goal": step.goal} | needs


def _note(steps: Sequence[_Step]) -> str:
    free = sum(not s.needs for s in steps)
    if len(steps) == 1:
        return "One operator can do this."
    if free == len(steps):
        return "None needs another, so all run at the same time."
    return f"{free} can begin at once; the others wait for what they need."


def _direct(goal: str, passages: Sequence[Section]) -> str:
    """Answer without operators: what was recalled if it shares words with the goal, else what can be done."""
    words = content_words(goal)
    near = [p for p in passages if len(words & content_words(p.text)) >= min(2, len(words)) and words]
    if not near:
        return f"I cannot answer this by myself: no language model is connected. {_ABLE}\n\n{MARK}"
    quotes = "\n\n".join(f"> {' '.join(p.text.split())[:400]}\n>\n> [{p.marks.get('source', '')}]" for p in near[:3])
    return f"This was found again for your question:\n\n{quotes}\n\n{MARK}"
