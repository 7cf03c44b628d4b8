"""When somebody writes while a question is open: whether the message is the answer to it."""

from __future__ import annotations

from contextlib import suppress

from chat.desk import Desk
from chat.incoming import Incoming, received
from core.errors import BadInput, Conflict
from core.events import QuestionAsked
from core.missions import ENDED, Status, derived_id
from core.steering import Order, OrderKind
from graphs.ordering import answer_to
from graphs.requeueing import OVERTAKEN
from graphs.standing import Standing
from memory.missions import MissionRow


async def answer(desk: Desk, incoming: Incoming) -> str | None:
    """Give a message as the answer to the oldest open question of its conversation; returns the mission that asked.

    None if nothing was asked, or if the message is no answer and the work goes on meanwhile: then it is a message like any other.
    Raises BadInput, naming the question, if everything waits for the answer and this cannot be it.
    """
    for row in await desk.office.missions.of_conversation(incoming.conversation_id):
        if row.mission.user_id != incoming.user_id or row.status is Status.PENDING or row.status in ENDED:
            continue
        standing = Standing(await desk.office.journal.read(row.mission.id))
        taken = {*standing.orders, *(known.id for known in await desk.office.orders.open(row.mission.id))}
        if _id_of(row, incoming) in taken:
            return row.mission.id
        for asked in standing.open_questions:
            if await _try(desk, row, asked, incoming):
                return row.mission.id
    return None


def _id_of(row: MissionRow, incoming: Incoming) -> str:
    # Derived, so that a message sent twice (a lost connection) is one answer.
    return derived_id(row.mission.id, "answer by message", incoming.id)


def _order(row: MissionRow, incoming: Incoming) -> Order:
    return Order(
        id=_id_of(row, incoming),
        mission_id=row.mission.id,
        kind=OrderKind.ANSWER,
        by=incoming.user_id,
        text=incoming.text.strip(),
    )


async def _try(desk: Desk, row: MissionRow, asked: QuestionAsked, incoming: Incoming) -> bool:
    """Give the message as the answer to one question; False if it is none."""
    if asked.form == "file" and not incoming.files and row.status is Status.WAITING_ANSWER:
        raise BadInput(f"{_who(asked)} asked for a file. Attach it and send it, with or without words.")
    takes_files = asked.form == "file" or (asked.form == "text" and asked.task_id is not None)
    if incoming.files and not takes_files:
        return False
    order = _order(row, incoming).model_copy(update={"step": asked.step, "attachments": await received(desk, incoming)})
    try:
        answer_to(asked, order)
        await desk.office.give(order)
    except Conflict:
        return False  # somebody else was faster
    except BadInput as problem:
        if row.status is Status.WAITING_ANSWER:
            raise BadInput(f"{_who(asked)} waits for an answer. {problem}") from None
        return False
    return True


async def overtake(desk: Desk, incoming: Incoming) -> None:
    """Close the Chief's question after a message with files, which it cannot take: that message is a mission of its own."""
    for row in await desk.office.missions.of_conversation(incoming.conversation_id):
        if row.mission.user_id != incoming.user_id or row.status is not Status.WAITING_ANSWER:
            continue
        opened = Standing(await desk.office.journal.read(row.mission.id)).open_questions
        if opened and all(q.task_id is None and q.form == "text" for q in opened):
            order_id = derived_id(row.mission.id, OVERTAKEN)
            stop = Order(
                id=order_id, mission_id=row.mission.id, kind=OrderKind.STOP, by=incoming.user_id, choice=OVERTAKEN
            )
            with suppress(Conflict):  # it has ended meanwhile
                await desk.office.give(stop)


def _who(asked: QuestionAsked) -> str:
    return asked.operator or "The Chief of Staff"
