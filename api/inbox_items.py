"""How each thing that waits is drawn in the inbox; every word is escaped, and each form does one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from core.events import QuestionAsked
from core.missions import Mission
from core.steering import AttentionNeeded, PlanProposed, StepHeld
from memory.approval_rules import offered_pattern
from memory.approvals import Approval
from tools.sanitise import in_full, visible

if TYPE_CHECKING:
    from memory.approval_rules import ApprovalRule

Thing = Approval | AttentionNeeded | PlanProposed | QuestionAsked | StepHeld

DONE = {
    "once": "Allowed, this once.",
    "edit": "Allowed with your changes.",
    "conversation": "Allowed, and remembered for its conversation.",
    "pattern": "Allowed, and remembered for calls like it.",
    "reject": "Not allowed. The operator hears your reason.",
    "answer": "Answered.",
    "continue": "It goes on.",
    "skip": "Left out.",
    "abort": "The mission was stopped.",
    "check": "It is being checked.",
    "happened": "Noted: it happened.",
    "retry": "It is done again.",
    "accept": "The work begins.",
    "replan": "Another plan is being made.",
    "stop": "The mission was stopped.",
    "revoke": "Forgotten. You are asked again from now on.",
}
_SETTLE = {
    "check": "Have it checked",
    "happened": "It happened",
    "retry": "Do it again",
    "skip": "Leave it out",
}


@dataclass(frozen=True)
class Waiting:
    """One thing that waits for a person, in its mission; `operators` names who works on which task."""

    mission: Mission
    thing: Thing
    operators: Mapping[str, str]


def drawn(waiting: Waiting) -> str:
    """Draw one thing that waits, with its forms."""
    mission, thing = waiting.mission, waiting.thing
    who = waiting.operators.get(thing.task_id or "", "Chief of Staff")
    match thing:
        case Approval():
            what, body = "Needs your approval", _approval(thing)
        case AttentionNeeded():
            what, body = "May or may not have happened", _attention(mission.id, thing)
        case PlanProposed():
            what, body = "A plan waits for you", _plan(mission.id, thing)
        case QuestionAsked():
            what, body = "Asks you", _question(mission, thing)
        case StepHeld():
            what, body = "Held for you", _held(mission.id, thing)
    link = f"/thread/{mission.conversation_id}"
    about = f'<p class="about">{escape(who)} · <a href="{escape(link)}">{escape(_short(mission.goal))}</a></p>'
    return f'<li class="card"><p class="kind">{escape(what)}</p>{about}{body}</li>'


def _approval(asked: Approval) -> str:
    about = {"kind": "approval", "approval": asked.id}
    parts = [
        f"<h2>{escape(asked.words)}</h2>",
        f"<p>{escape(asked.why)} It waits until {_moment(asked.expires_at)}; then it counts as unanswered.</p>",
        f"<p class='tool'>{escape(asked.tool)}</p><pre tabindex='0'>{_pretty(asked.arguments)}</pre>",
        _form(about, _button("once", "Allow once", primary=True)),
        _form(about, _field("text", f"reason-{asked.id}", "Reason (optional)") + _button("reject", "Do not allow")),
    ]
    if "conversation" in asked.choices:
        words = f"Allows {asked.tool} with any arguments in this conversation, for 30 days."
        parts.append(
            _form(about, _button("conversation", "Allow in this conversation") + f"<small>{escape(words)}</small>")
        )
    edit = _area(f"edit-{asked.id}", "Arguments", asked.arguments) + _button("edit", "Allow with these arguments")
    parts.append(_details("Change the arguments", _form(about, edit)))
    if "pattern" in asked.choices:
        exact = offered_pattern(asked.arguments)
        area = _area(f"pattern-{asked.id}", "What each argument must look like (* stands for anything)", exact)
        more = _details(
            "Always allow calls like this", _form(about, area + _button("pattern", "Allow calls like this"))
        )
        parts.append(more)
    return "".join(parts)


def _attention(mission_id: str, needed: AttentionNeeded) -> str:
    about = {"kind": "attention", "mission": mission_id, "step": needed.step}
    forms = "".join(_form(about, _button(c, _SETTLE.get(c, c))) for c in needed.choices)
    shown = f"<h2>{escape(needed.tool)}</h2><p>{escape(needed.words)}</p><pre tabindex='0'>{_pretty(needed.arguments)}</pre>"
    return f"{shown}<div class='row'>{forms}</div>"


def _question(mission: Mission, asked: QuestionAsked) -> str:
    about = {"kind": "question", "mission": mission.id, "step": asked.step}
    head = f"<h2>{escape(asked.question)}</h2>"
    if asked.expires_at:
        head += f"<p>It waits until {_moment(asked.expires_at)}; then the work goes on without an answer.</p>"
    match asked.form:
        case "file":
            link = escape(f"/thread/{mission.conversation_id}")
            return f"{head}<p><a href='{link}'>Answer with a file in the conversation</a></p>"
        case "yes_no" | "choice":
            choices = asked.choices if asked.form == "choice" else ("yes", "no")
            forms = "".join(_form(about | {"text": choice}, f"<button>{escape(choice)}</button>") for choice in choices)
            return f"{head}<div class='row'>{forms}</div>"
    field = _field("text", f"answer-{mission.id}-{asked.step}", "Your answer", required=True)
    return head + _form(about, field + "<button class='primary'>Answer</button>")


def _held(mission_id: str, held: StepHeld) -> str:
    about = {"kind": "held", "mission": mission_id, "step": held.step}
    words = (("continue", "Go on"), ("skip", "Leave it out"), ("abort", "Stop the mission"))
    forms = "".join(_form(about, _button(c, label, primary=c == "continue")) for c, label in words)
    place = f"held-{mission_id}-{held.step}"
    if held.what == "act":
        shown, change = f"<pre tabindex='0'>{_pretty(held.arguments)}</pre>", _area(place, "Arguments", held.arguments)
    else:
        shown, change = "", _field("text", place, "What should be different?", required=True)
    edit = _details("Change it", _form(about, change + _button("edit", "Go on like this")))
    return f"<h2>{escape(held.words)}</h2>{shown}<div class='row'>{forms}</div>{edit}"


def _plan(mission_id: str, asked: PlanProposed) -> str:
    about = {"kind": "plan", "mission": mission_id, "step": asked.step}
    rows = "".join(
        f"<li><strong>{escape(t.id)} {escape(t.operator)}</strong>"
        f"{escape(' (after ' + ', '.join(t.needs) + ')') if t.needs else ''}<p>{escape(visible(t.goal))}</p></li>"
        for t in asked.tasks
    )
    words = (("accept", "Go on with it"), ("stop", "Stop the mission"))
    forms = "".join(_form(about, _button(c, label, primary=c == "accept")) for c, label in words)
    place = f"plan-{mission_id}-{asked.step}"
    fields = {"id", "operator", "goal", "done_when", "needs", "priority"}
    tasks = {"tasks": [t.model_dump(mode="json", include=fields) for t in asked.tasks]}
    more = _details(
        "Change it", _form(about, _area(place, "The plan", tasks) + _button("edit", "Go on with this plan"))
    )
    if "replan" in asked.choices:
        why = _field("text", f"{place}-why", "What should be different?", required=True)
        more += _details("Ask for another plan", _form(about, why + _button("replan", "Plan again")))
    return f"<p>{escape(asked.note)}</p><ol class='tasks'>{rows}</ol><div class='row'>{forms}</div>{more}"


def rule_drawn(rule: ApprovalRule) -> str:
    """Draw one remembered decision, with the form that forgets it."""
    where = "in one conversation" if rule.conversation_id else "in every conversation"
    looks = (
        f"<pre tabindex='0'>{_pretty(rule.pattern)}</pre>" if rule.pattern is not None else "<p>With any arguments.</p>"
    )
    head = f"<h3>{escape(rule.tool)}</h3><p>Allowed {where} until {_moment(rule.expires_at)}.</p>{looks}"
    return f"<li class='card'>{head}{_form({'kind': 'rule', 'rule': rule.id}, '<button>Forget it</button>')}</li>"


def _form(hidden: Mapping[str, str], inner: str) -> str:
    fields = "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in hidden.items())
    return f'<form method="post" action="/inbox">{fields}{inner}</form>'


def _button(choice: str, label: str, *, primary: bool = False) -> str:
    look = ' class="primary"' if primary else ""
    return f'<button name="choice" value="{escape(choice)}"{look}>{escape(label)}</button>'


def _field(name: str, place: str, label: str, *, required: bool = False) -> str:
    must = " required" if required else ""
    return f'<label for="{escape(place)}">{escape(label)}</label><input id="{escape(place)}" name="{name}" maxlength="2000"{must}>'


def _area(place: str, label: str, value: Mapping[str, Any]) -> str:
    area = f'<textarea id="{escape(place)}" name="arguments" rows="5" spellcheck="false">{_pretty(value)}</textarea>'
    return f'<label for="{escape(place)}">{escape(label)}</label>{area}'


def _details(summary: str, inner: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{inner}</details>"


def _pretty(value: Any) -> str:
    return escape(in_full(value))


def _moment(at: datetime) -> str:
    return f'<time datetime="{at.isoformat()}">{at:%d %B %Y, %H:%M} UTC</time>'


def _short(goal: str) -> str:
    line = next((part.strip() for part in goal.splitlines() if part.strip()), "Mission")
    return line if len(line) <= 90 else line[:87] + "..."
