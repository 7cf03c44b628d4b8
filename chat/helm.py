"""What a person can do about a mission right now: its state in plain words, the cards that wait for them, and the tasks to steer.

Read off the same events as the picture; the page draws it above the composer (public/steering.js).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from chat.picture import Picture
from chat.rendering_approvals import card
from chat.rendering_plans import plan_card
from core.events import Event, MissionEnded, MissionStarted, PlanMade, QuestionAsked, TaskEnded, TaskStarted
from core.missions import ENDED, Mission, Status
from core.steering import AttentionNeeded, AttentionSettled, OrderGiven, OrderKind, StepHeld
from graphs.standing import Standing
from tools.sanitise import in_full, in_lines, visible

View = dict[str, Any]

SWITCHES = {OrderKind.PAUSE: "pause", OrderKind.RESUME: "pause", OrderKind.STEP_MODE: "step_mode"}
"""Orders that undo each other, by what they switch: how often it was switched names the next time (see chat/steering.py)."""

_OPEN = (Status.IN_PROGRESS, Status.PAUSED, Status.WAITING_ANSWER, Status.WAITING_APPROVAL, Status.NEEDS_ATTENTION)
_LOST = (Status.FAILED, Status.CANCELLED)
UNANSWERED = "If nobody answers by then, the work goes on without it, and the report says what was assumed."


@dataclass
class Helm:
    """One mission as its events tell it; `note` each new one, then look at `view`."""

    mission: Mission
    standing: Standing = field(default_factory=Standing)
    status: Status = Status.PENDING
    switched: Counter[str] = field(default_factory=Counter)
    checks: dict[str, list[str]] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)
    tasks_begun: dict[str, str] = field(default_factory=dict)  # task -> goal

    def note(self, event: Event) -> None:
        """Take one more event into account."""
        self.standing.note(event)
        match event:
            case MissionStarted():
                self.status = Status.IN_PROGRESS
            case MissionEnded():
                self.status = event.status
            case PlanMade():
                self.replaced |= {t.instead_of for t in event.tasks}
            case TaskStarted():
                self.tasks_begun[event.task_id] = event.goal
            case TaskEnded():
                self.tasks_begun.setdefault(event.task_id, "")
            case OrderGiven(order=order):
                self.switched[SWITCHES.get(order.kind, "")] += 1
            case AttentionSettled(choice="check"):
                self.checks.setdefault(event.step, []).append(event.words)
            case _:
                pass  # changes nothing that can be done

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def step_mode(self) -> bool:
        ordered = self.standing.step_mode
        return self.mission.step_mode if ordered is None else ordered

    def view(self, picture: Picture) -> View:
        """Describe the mission for the page: plain values, and only what can be acted upon."""
        about = {"mission": self.mission.id, "message": picture.message_id, "goal": self.mission.goal[:120]}
        if self.ended:
            return {**about, "state": "ended"}
        if self.status is Status.PENDING:
            return {**about, "state": "queued", "files": len(self.mission.attachments)}
        state, words = self._state()
        return {
            **about,
            "state": state,
            "words": words,
            "paused": self.standing.paused,
            "rests": self.status is not Status.IN_PROGRESS,
            "stepMode": self.step_mode,
            "turns": {"pause": self.switched["pause"], "stepMode": self.switched["step_mode"]},
            "cards": self._cards(),
            "tasks": self._tasks(picture),
        }

    def _state(self) -> tuple[str, str]:
        """Name the state, and say it in words."""
        standing = self.standing
        if standing.open_attention:
            return "attention", "Needs your attention"
        if standing.open_plans or standing.open_approvals or standing.open_questions or standing.open_steps:
            return "waiting", "Waiting for you"
        if standing.paused:
            pausing = self.status is Status.IN_PROGRESS
            return ("pausing", "Pausing: calls under way finish first") if pausing else ("paused", "Paused")
        if self.status is not Status.IN_PROGRESS:
            return "running", "Going on"
        return "running", self._doing()

    def _doing(self) -> str:
        busy = [t for t, status in self.standing.tasks.items() if status is Status.IN_PROGRESS]
        if not self.standing.tasks:
            return "Working on a plan"
        if not busy:
            return "Working"
        if len(busy) == 1:
            return f"{self.standing.operators.get(busy[0], 'An operator')} is at work"
        return f"{len(busy)} operators are at work"

    def _cards(self) -> list[View]:
        standing = self.standing
        return [
            *(self._attention(needed) for needed in standing.open_attention),
            *(plan_card(asked) for asked in standing.open_plans),
            *(card(asked, self._who(asked.task_id)) for asked in standing.open_approvals),
            *(self._question(asked) for asked in standing.open_questions),
            *(self._held(held) for held in standing.open_steps),
        ]

    def _who(self, task_id: str | None) -> str:
        return self.standing.operators.get(task_id or "", "An operator")

    def _question(self, asked: QuestionAsked) -> View:
        until = asked.expires_at.isoformat() if asked.expires_at else None
        return {
            "kind": "question",
            "step": asked.step,
            "who": asked.operator or "Chief of Staff",
            "words": asked.question if asked.task_id else "",  # the Chief's stands in the conversation already
            "form": asked.form,
            "choices": list(asked.choices),
            "until": until,
            "otherwise": UNANSWERED if until else "",
        }

    def _held(self, held: StepHeld) -> View:
        goal = self.tasks_begun.get(held.task_id or "")
        return {
            "kind": "held",
            "step": held.step,
            "what": held.what,
            "who": self.standing.operators.get(held.task_id or "", held.operator),
            "words": f"Begins its task: {visible(goal)}" if held.what == "think" and goal else held.words,
            "tool": held.tool,
            **_call(held.arguments),
        }

    def _attention(self, needed: AttentionNeeded) -> View:
        checks = self.checks.get(needed.step, [])
        return {
            "kind": "attention",
            "step": needed.step,
            "who": self.standing.operators.get(needed.task_id or "", "An operator"),
            "words": needed.words,
            "tool": needed.tool,
            **_call(needed.arguments),
            "choices": list(needed.choices),
            "checked": checks[-1] if checks else "",
            "turn": len(checks),
        }

    def _tasks(self, picture: Picture) -> list[View]:
        """List the tasks that can be cancelled or tried again, each with the line it stands on."""
        standing, found = self.standing, []
        for task_id, goal in self.tasks_begun.items():
            status = standing.tasks.get(task_id)
            if status in _OPEN and task_id not in standing.cancelled:
                can = "cancel_task"
            elif status in _LOST and "." not in task_id and task_id not in {*standing.to_retry, *self.replaced}:
                can = "retry_task"
            else:
                continue
            found.append({"task": task_id, "line": picture.id(task_id), "goal": goal[:120], "can": can})
        return found


def _call(arguments: dict[str, Any]) -> View:
    """Write a call's arguments to be looked at, and to be changed."""
    return {"given": in_lines(arguments), "json": in_full(arguments)}
