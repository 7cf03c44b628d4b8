"""What the chat and the terminal say of pictures a model was shown, and of those it was not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chat.picture import Line
from chat.rendering import picture_of
from chat.terminal_lines import line_of
from core import events as e

AT = datetime(2026, 1, 2, tzinfo=UTC)
UNSEEN = "a_b_c.jpg was not shown: openai:o3-mini cannot see pictures. openai:gpt-5-mini can: choose it."


def asked(**more: Any) -> e.ModelAsked:
    about = {"mission_id": "m", "seq": 3, "at": AT, "step": "plan", "role": "chief", "model": "openai:o3", "why": "So"}
    return e.ModelAsked.model_validate(about | more)


def lines_of(event: e.ModelAsked) -> list[Line]:
    begun = [
        e.MissionAccepted(mission_id="m", seq=1, at=AT, conversation_id="c", goal="?"),
        e.MissionStarted(mission_id="m", seq=2, at=AT),
    ]
    return list(picture_of("m", "msg", [*begun, event]).lines.values())


def test_a_picture_that_was_not_shown_stands_beside_the_call_with_who_could_see_it() -> None:
    [note] = [line for line in lines_of(asked(unseen=UNSEEN)) if "not shown" in line.label]
    assert note.label.replace("\\", "") == "a_b_c.jpg was not shown: openai:o3-mini cannot see pictures"
    assert note.text.replace("\\", "") == UNSEEN
    assert "a_b_c" not in note.text, "a name is no emphasis"
    assert not note.failed
    assert line_of(asked(unseen=UNSEEN)).strip() == UNSEEN


def test_the_call_says_which_pictures_it_was_sent_with() -> None:
    [call] = [line for line in lines_of(asked(pictures=("photo.jpg", "b.png"))) if line.kind == "llm"]
    assert call.given.replace("\\", "").endswith("\n\nIt is shown: photo.jpg, b.png")
    assert line_of(asked(pictures=("photo.jpg",))) == ""
