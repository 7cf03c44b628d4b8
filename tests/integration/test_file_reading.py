"""Reading beside the work: nobody waits but who needs the file; what a person chose decides what goes into the brief."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.errors import BadInput
from core.missions import Attachment, Mission, new_id, now
from core.settings import Settings
from graphs.briefing import Briefing
from graphs.file_reading import STILL_READ, FileReading, PatientIndex
from graphs.office import Office
from memory.documents import DocumentReader, ReadDocument
from memory.files import FileRow

LONG = "The zebra crosses the wide river at dawn. " * 120


class SlowReader:
    """Reads when it is let."""

    def __init__(self, problem: str = "") -> None:
        self.let, self.reads, self._problem = asyncio.Event(), 0, problem

    async def check(self, path: Path, name: str) -> None:
        return None

    async def read(self, path: Path, name: str, mime: str = "") -> ReadDocument:
        self.reads += 1
        await self.let.wait()
        if self._problem:
            raise BadInput(self._problem)
        return ReadDocument([("The zebra.", None, 1)], None, 10, "Read in part.")


@asynccontextmanager
async def an_office(folder: Path) -> AsyncIterator[tuple[Office, str]]:
    async with Office.open(Settings(data_dir=folder / "data"), at_work=False) as office:
        yield office, (await office.people.ensure_local_owner()).id


async def give(office: Office, user: str, folder: Path, name: str, text: str = "words", talk: str = "c") -> FileRow:
    path = folder / "given"
    path.write_text(text)
    file = await office.receive(user, talk, name, "text/plain", path)
    return next(r for r in await office.files.of_conversation(talk, user) if r.attachment.id == file.id)


def briefing_of(office: Office) -> Briefing:
    parts = {"conversations": office.conversations, "files": office.files, "blobs": office.blobs, "index": office.index}
    return Briefing(office.settings, reader=DocumentReader(office.settings), **parts)  # type: ignore[arg-type]


async def test_only_who_needs_a_file_waits_for_it(tmp_path: Path) -> None:
    async with an_office(tmp_path) as (office, user):
        row = await give(office, user, tmp_path, "large.txt")
        file_id, reader = row.attachment.id, SlowReader()
        reading = FileReading(office.files, office.blobs, reader, office.index, patience=0)  # type: ignore[arg-type]
        assert await reading.read([row], user) == {file_id: STILL_READ}
        patient = PatientIndex(office.index, reading)
        opened = asyncio.create_task(patient.passages_of(file_id, user_id=user))
        found = asyncio.create_task(patient.search("zebra", user_id=user, conversation_id="c"))
        assert await patient.search("zebra", user_id=user, conversation_id="elsewhere") == []
        assert await reading.read([row], user) == {file_id: STILL_READ}, "asked twice, read once"
        assert not opened.done()
        assert not found.done()
        assert (await office.uploads.get(file_id, user)).status == "checked"
        reader.let.set()
        assert [p.text for p in await opened] == ["The zebra."]
        assert [r.passage.origin_id for r in await found] == [file_id]
        read = await office.uploads.get(file_id, user)
        assert (read.status, read.characters, read.attachment.note, reader.reads) == ("indexed", 10, "Read in part.", 1)
        await reading.close()


async def test_what_cannot_be_read_says_why_and_what_is_stopped_is_read_again(tmp_path: Path) -> None:
    async with an_office(tmp_path) as (office, user):
        row = await give(office, user, tmp_path, "bad.txt")
        file_id, stopped = row.attachment.id, SlowReader()
        first = FileReading(office.files, office.blobs, stopped, office.index, patience=0)  # type: ignore[arg-type]
        await first.read([row], user)
        await first.close()
        assert (await office.uploads.get(file_id, user)).status in ("received", "checked")
        reader = SlowReader("bad.txt is damaged.")
        reader.let.set()
        again = FileReading(office.files, office.blobs, reader, office.index, patience=60)  # type: ignore[arg-type]
        assert await again.read([row], user) == {file_id: "bad.txt is damaged."}
        assert (await office.uploads.get(file_id, user)).status == "unreadable"


async def test_a_file_deleted_while_it_is_read_leaves_no_text(tmp_path: Path) -> None:
    async with an_office(tmp_path) as (office, user):
        row = await give(office, user, tmp_path, "gone.txt")
        file_id, reader = row.attachment.id, SlowReader()
        reading = FileReading(office.files, office.blobs, reader, office.index, patience=0)  # type: ignore[arg-type]
        await reading.read([row], user)
        await office.uploads.delete(file_id, user)
        reader.let.set()
        await reading.until_read(file_id)
        assert await office.index.passages_of(file_id, user_id=user) == []


@pytest.mark.parametrize(
    ("use", "whole", "searched"), [("text", True, False), ("search", False, True), ("tools", False, False)]
)
async def test_what_was_chosen_decides_what_goes_into_the_brief(
    tmp_path: Path, use: str, whole: bool, searched: bool
) -> None:
    async with an_office(tmp_path) as (office, user):
        text = LONG + "\n\nThe very last line is about penguins.\n"
        row = await give(office, user, tmp_path, "long.md", text)
        await office.uploads.choose(row.attachment.id, user, use)
        about = {"id": new_id(), "conversation_id": "c", "user_id": user, "created_at": now()}
        mission = Mission(goal="What of the zebra?", attachments=(row.attachment,), **about)
        brief = await briefing_of(office).assemble(mission)
        given = "".join(r.passage.text for r in brief.recalled)
        assert (given == text, bool(given)) == (whole, whole or searched)
        note = brief.attachments[0].note
        assert note == ("for tools: its text is not given here" if use == "tools" else "")
        assert isinstance(brief.attachments[0], Attachment)
