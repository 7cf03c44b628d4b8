"""Reading a plan: from whatever a model put into `make_plan` to checked, acyclic tasks, or to sentences that say what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.errors import PlanRefused
from core.missions import Plan, Priority, Task

MOST_TASKS = 30
LONGEST_GOAL = 20_000  # characters
_MOST_PROBLEMS = 12
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # a plan that comes as JSON within JSON can hold such characters
_FIELDS = ("id", "operator", "goal", "done_when", "needs", "priority")


@dataclass(frozen=True)
class _Draft:
    """One task as the model wrote it: `label` is what its own plan calls it."""

    label: str
    operator: str
    goal: str
    done_when: str
    needs: tuple[str, ...]
    priority: str


def read_plan(arguments: object, operators: Collection[str]) -> Plan:
    """Turn the arguments of `make_plan` into a Plan with tasks t1..tn; raises PlanRefused with a sentence per problem.

    Nested lists of tasks count as one flat list, and a JSON text of such a list as the list itself.
    """
    items, problems = _items(arguments)
    drafts = _drafts(items, problems)
    if not problems:
        problems += _unusable(drafts, operators)
    if not problems:
        problems += _circles(drafts)
    if problems:
        left_out = len(problems) - _MOST_PROBLEMS
        raise PlanRefused(problems[:_MOST_PROBLEMS] + ([f"And {left_out} more problems."] if left_out > 0 else []))
    note = arguments.get("note") if isinstance(arguments, Mapping) else ""
    return Plan(tasks=_numbered(drafts), note=_text(note)[:LONGEST_GOAL] if isinstance(note, str) else "")


def _items(arguments: object) -> tuple[list[object], list[str]]:
    found = arguments.get("tasks") if isinstance(arguments, Mapping) else None
    if isinstance(found, str):
        found = _parsed(found)
    if not isinstance(found, list):
        return [], ["make_plan needs `tasks`: a flat list of objects with operator and goal."]
    items = list(_flat(found))
    if not items:
        return [], ["The plan has no tasks: give at least one, or answer in plain text instead."]
    if len(items) > MOST_TASKS:
        return [], [f"The plan has {len(items)} tasks, at most {MOST_TASKS} are allowed: merge related ones."]
    return items, []


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _flat(items: Sequence[object]) -> Iterator[object]:
    """Walk nested lists in order; iterative, since the depth is whatever a model wrote."""
    stack = [iter(items)]
    while stack:
        for item in stack[-1]:
            inner = _inner(item)
            if inner is not None:
                stack.append(iter(inner))
                break
            yield item
        else:
            stack.pop()


def _inner(item: object) -> list[object] | None:
    """Return the tasks of a mere group: a list, or an object that holds nothing of its own but `tasks`."""
    if isinstance(item, list):
        return item
    if isinstance(item, Mapping) and isinstance(item.get("tasks"), list) and not {"goal", "operator"} & set(item):
        return list(item["tasks"])
    return None


def _drafts(items: Sequence[object], problems: list[str]) -> list[_Draft]:
    given = [_text(i.get("id")) for i in items if isinstance(i, Mapping)]
    drafts = []
    for number, item in enumerate(items, 1):
        if not isinstance(item, Mapping):
            problems.append(f"Task {number} is not an object: write it as an object with operator and goal.")
            continue
        label = _text(item.get("id")) or (f"t{number}" if f"t{number}" not in given else f"task {number}")
        needs = item.get("needs") or []
        problems += _misshapen(label, item, needs)
        drafts.append(
            _Draft(
                label=label,
                operator=_text(item.get("operator")),
                goal=_text(item.get("goal")),
                done_when=_text(item.get("done_when")),
                needs=tuple(dict.fromkeys(_text(n) for n in needs)) if isinstance(needs, list) else (),
                priority=_text(item.get("priority")).lower() or Priority.MEDIUM.value,
            )
        )
    return drafts


def _text(value: object) -> str:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value.strip())
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _misshapen(label: str, item: Mapping[object, object], needs: object) -> Iterator[str]:
    for name in item:
        if name not in _FIELDS:
            yield f"Task {_short(label)} has an unknown field {_short(str(name))!r}: use only {', '.join(_FIELDS)}."
    if not isinstance(needs, list) or not all(_text(n) for n in needs):
        yield f"Task {_short(label)}: `needs` must be a list of task ids, or left out."


def _unusable(drafts: Sequence[_Draft], operators: Collection[str]) -> list[str]:
    labels = [d.label for d in drafts]
    problems = []
    for twice in sorted({x for x in labels if labels.count(x) > 1}):
        problems.append(f"Two tasks have the id {_short(twice)}: give every task its own id.")
    for draft in drafts:
        problems += _faults(draft, set(labels), operators)
    return problems


def _faults(draft: _Draft, labels: Collection[str], operators: Collection[str]) -> Iterator[str]:
    name = f"Task {_short(draft.label)}"
    if not draft.goal:
        yield f"{name} has no goal: say what its operator should do."
    if max(len(draft.goal), len(draft.done_when)) > LONGEST_GOAL:
        yield f"{name} has a goal or done_when of more than {LONGEST_GOAL:,} characters: say it shorter."
    if draft.operator not in operators:
        asked = f"names the unknown operator {_short(draft.operator)!r}" if draft.operator else "names no operator"
        yield f"{name} {asked}: choose one of {', '.join(sorted(operators))}."
    if draft.priority not in set(Priority):
        yield f"{name} has the unknown priority {_short(draft.priority)!r}: choose one of {', '.join(Priority)}."
    for need in draft.needs:
        if need == draft.label:
            yield f"{name} needs itself: remove that need."
        elif need not in labels:
            others = ", ".join(sorted(set(labels) - {draft.label})[:MOST_TASKS]) or "none, it is the only task"
            yield f"{name} needs {_short(need)!r}, which is not in the plan: name one of {others}, or leave it out."


def _circles(drafts: Sequence[_Draft]) -> list[str]:
    waiting = {d.label: set(d.needs) for d in drafts}
    while ready := [label for label, needs in waiting.items() if not needs & waiting.keys()]:
        for label in ready:
            del waiting[label]
    if not waiting:
        return []
    path = [next(iter(waiting))]
    while path[-1] not in path[:-1]:
        path.append(min(waiting[path[-1]] & waiting.keys()))
    circle = path[path.index(path[-1]) : -1]
    return [f"Tasks {', '.join(_short(c) for c in circle)} wait for each other in a circle: remove one of these needs."]


def _numbered(drafts: Sequence[_Draft]) -> tuple[Task, ...]:
    ids = {draft.label: f"t{number}" for number, draft in enumerate(drafts, 1)}
    return tuple(
        Task(
            id=ids[d.label],
            operator=d.operator,
            goal=d.goal,
            done_when=d.done_when,
            needs=tuple(ids[n] for n in d.needs),
            priority=Priority(d.priority),
        )
        for d in drafts
    )


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
