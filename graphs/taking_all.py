"""Everything a person has here, as files of one zip: conversations one after the other, and what is remembered."""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, cast

from core.errors import NotFound
from graphs.exporting import Exporting
from graphs.reception import Reception
from memory.exports import conversations_of
from memory.memories import Memories

_MOST_MEMORIES = 1_000_000
_IN_MEMORY = 1 << 20


async def everything(office: Reception, user_id: str) -> Iterator[tuple[str, BinaryIO]]:
    """List all of a person's conversations, and give the files of the zip; each is made when its turn comes.

    To be read from a thread of its own: it waits for the running loop.
    """
    await office.audit.note("exported", user_id, "everything", format="zip")
    ids = await conversations_of(office.database, user_id)
    return _files(office, user_id, ids, asyncio.get_running_loop())


def _files(
    office: Reception, user_id: str, ids: list[str], loop: asyncio.AbstractEventLoop
) -> Iterator[tuple[str, BinaryIO]]:
    for conversation_id in ids:
        with suppress(NotFound):  # deleted meanwhile
            made = asyncio.run_coroutine_threadsafe(_conversation(office, conversation_id, user_id), loop).result()
            yield f"conversations/{conversation_id}.json", made
    yield "memories.json", asyncio.run_coroutine_threadsafe(_memories(office, user_id), loop).result()


async def _conversation(office: Reception, conversation_id: str, user_id: str) -> BinaryIO:
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - whoever zips closes it
    async for piece in Exporting(office).json(conversation_id, user_id):
        file.write(piece)
    file.seek(0)
    return cast(BinaryIO, file)


async def _memories(office: Reception, user_id: str) -> BinaryIO:
    kept = await Memories(office.database).of_user(user_id, _MOST_MEMORIES)
    rows = [{"text": office.masked(m.text), "created_at": m.created_at.isoformat()} for m in kept]
    return io.BytesIO(json.dumps({"memories": rows}, ensure_ascii=False, indent=1).encode())
