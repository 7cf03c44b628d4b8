"""The envelope: who reads a message."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from core.missions import CHIEF, EVERYONE, REVIEWER, USER, Envelope, operator_address

T1, T2 = operator_address("t1"), operator_address("t2")


def sent(sender: str, recipient: str) -> Envelope:
    return Envelope(message_id="e1", sender=sender, recipient=recipient, message_type="note", content="hello")


@pytest.mark.parametrize(
    ("message", "readers"),
    [
        (sent(CHIEF, T1), {T1}),
        (sent(T1, CHIEF), {CHIEF}),
        (sent(CHIEF, EVERYONE), {T1, T2}),
        (sent(T1, EVERYONE), {T2}),
        (sent(USER, CHIEF), {CHIEF}),
        (sent(T1, T1), set()),
    ],
)
def test_a_message_reaches_who_it_is_for(message, readers):
    assert {address for address in (USER, CHIEF, REVIEWER, T1, T2) if message.reaches(address)} == readers


def test_two_tasks_never_share_an_address():
    assert len({operator_address(task) for task in ("t1", "t1.1", "t11")}) == 3


def test_an_envelope_is_closed_and_carries_its_time_and_reply():
    message = Envelope.model_validate_json(sent(CHIEF, T1).model_copy(update={"reply_to": "e0"}).model_dump_json())
    assert message.reply_to == "e0"
    assert message.timestamp.tzinfo is not None
    with pytest.raises(ValidationError):
        Envelope(message_id="e", sender="a", recipient="b", message_type="note", content="", colour="red")
