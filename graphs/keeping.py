"""Facts that a person keeps by hand, and what a person does about all that is remembered of them: change it, delete it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from core.memories import Memory
from core.missions import derived_id, now
from core.ports import Memories, PassageIndex
from core.settings import Settings
from graphs.reception import Reception
from memory.presence import attended
from memory.remembered import TOPIC, Forgotten, Recollections, Remembered


async def keep_fact(index: PassageIndex, memories: Memories, user_id: str, conversation_id: str, text: str) -> Memory:
    """Keep one fact for later conversations; the same one twice is one memory (see tools/recall.py)."""
    fact = " ".join(text.split())
    memory = Memory(
        id=derived_id("memory", user_id, fact),
        user_id=user_id,
        text=fact,
        conversation_id=conversation_id,
        created_at=now(),
    )
    await memories.keep(memory)
    await index.add([memory.as_passage()])
    return memory


async def change_fact(office: Reception, memory_id: str, user_id: str, text: str) -> Remembered:
    """Give a fact other words, with this house's secrets masked; raises what Recollections.change does."""
    changed, gone = await Recollections(office.database).change(memory_id, user_id, office.masked(text))
    await _gone(office, gone)
    return changed


async def forget_one(office: Reception, memory_id: str, user_id: str) -> None:
    """Delete one thing that is remembered of a person, its vector included; raises NotFound."""
    await _gone(office, await Recollections(office.database).forget(memory_id, user_id))


async def forget_all(office: Reception, user_id: str, *, kind: str = "", conversation: str = "") -> int:
    """Delete all that is remembered of a person (of one kind, of one conversation), vectors included; returns how much."""
    gone = await Recollections(office.database).forget_all(user_id, kind=kind, conversation=conversation)
    await _gone(office, gone)
    return gone.count


async def _gone(office: Any, gone: Forgotten) -> None:
    """Remove the vectors where they are ours to remove; a process beside us hears of it from the database."""
    index = getattr(office, "index", None)
    if index is not None:
        await index.drop(gone.vector_ids)
        index.look_again()  # where other words took their place
    await office.database.settle()


@contextmanager
def hearing(office: Any) -> Iterator[None]:
    """For as long as this lasts, the index hears of what was changed or deleted past it, by another process too."""
    index = getattr(office, "index", None)
    with office.database.signals.calling(TOPIC, index.look_again if index is not None else _nobody):
        yield


@asynccontextmanager
async def beside_the_index(settings: Settings) -> AsyncIterator[Reception]:
    """Open the database beside whoever holds the index, who hears of changes; if nobody does, open the index too."""
    if await attended(settings):
        async with Reception.beside(settings) as desk:
            yield desk
        return
    from graphs.office import Office

    async with Office.open(settings, at_work=False) as office:
        yield office


def _nobody() -> None:
    """Where there is no index, nobody need hear of it."""
