"""What a person decides about, on every screen: nothing in it can look like something else."""

from __future__ import annotations

import json
from typing import Any

from test_chat_rendering import PLANNED, TASK, drawn, happened
from test_chat_rendering_steering import HELD, NEEDED, helm_of, view_of

from api.inbox_items import Waiting
from api.inbox_items import drawn as inbox_drawn
from core import steering as s
from core.missions import Task

TURNED = "Send \u202eeman.exe\u202c to\u200b Bo"


def test_what_a_person_decides_about_is_shown_letter_by_letter() -> None:
    """What turns the text around it, or cannot be seen, is written out: also where nothing waits for an approval."""
    given: dict[str, Any] = {"tool": "post", "arguments": {"to": f"{TURNED}\nall: no", "sum": 2**70}}
    held = HELD.model_copy(update=given | {"step": "t1/1.0"})
    needed = NEEDED.model_copy(update=given | {"step": "t1/2.0"})
    begins = happened(s.StepHeld, 4, task_id="t1", step="t1/1", what="think", operator="researcher", words="Begins")
    task = Task(id="t1", operator="researcher", goal=TURNED)
    proposed = happened(s.PlanProposed, 4, step="approve.1", tasks=(task,), choices=("accept",), operators=(), most=9)
    events = [*PLANNED, proposed, TASK.model_copy(update={"goal": TURNED}), begins, held, needed]
    view, picture = view_of(*events), drawn(*events)
    assert [card["kind"] for card in view["cards"]] == ["attention", "plan", "held", "held"]
    waits = [line for place in ("held", "attention", "proposal") for e_ in events
             if (line := picture.line(place, getattr(e_, "step", "") or ""))]  # fmt: skip
    inbox = "".join(inbox_drawn(Waiting(helm_of().mission, thing, {})) for thing in (proposed, held, needed))
    for screen in (view["cards"], [(line.label, line.text, line.given) for line in waits], inbox):
        letters = "".join(texts(screen))
        assert "u202eeman.exe" in letters
        assert not set("\u202e\u202c\u200b") & set(letters)
    attention = view["cards"][0]
    assert json.loads(attention["json"]) == given["arguments"]
    assert attention["given"].split("\n")[1:] == ["    all: no", f"sum: {2**70}"], "a text makes no line of its own"


def texts(value: Any) -> list[str]:
    """List all texts of a value, however deep."""
    match value:
        case dict():
            return [text for part in value.values() for text in texts(part)]
        case list() | tuple():
            return [text for part in value for text in texts(part)]
    return [str(value)]
