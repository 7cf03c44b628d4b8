"""What stands in the files of an uploaded archive is found, and cited with the archive and the file in it."""

from __future__ import annotations

from pathlib import Path

from document_fixtures import zipped

from core.decisions import ToolCall
from core.missions import Source, new_id
from core.ports import ToolContext
from core.settings import Settings
from graphs.office import Office

FILES: dict[str, str | bytes] = {
    "notes/zoo.txt": "Opening hours.\nThe zebra crosses the wide river at dawn.",
    "notes/farm.md": "# Farm\n\nThe goat sleeps under the old apple tree.",
    "photo.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
}


async def test_a_search_finds_what_stands_in_an_archive_and_says_where(tmp_path: Path) -> None:
    packed = zipped(tmp_path / "animals.zip", FILES)
    async with Office.open(Settings(data_dir=tmp_path / "data"), at_work=False) as office:
        user, talk = (await office.people.ensure_local_owner()).id, new_id()
        given = await office.receive(user, talk, "animals.zip", "application/zip", packed)
        briefing, toolbox = office.runner._staff.briefing, office.runner._staff.toolbox  # type: ignore[attr-defined]
        [row] = await office.files.of_conversation(talk, user)
        await briefing.reading.read([row], user)  # type: ignore[attr-defined]
        await briefing.reading.until_read(given.id)  # type: ignore[attr-defined]
        read = await office.uploads.get(given.id, user)
        assert (read.status, read.pages, read.use) == ("indexed", 2, "tools")
        assert read.attachment.note == "1 file of the archive has no text that can be searched, or could not be read."
        context = ToolContext(
            mission_id="m",
            conversation_id=talk,
            user_id=user,
            task_id="t1",
            step="t1/1.0",
            granted=("search_files", "read_file"),
        ).model_copy(update={"attachments": (given,)})
        call = ToolCall(id="1", name="search_files", arguments={"query": "goat under a tree"})
        outcome = await toolbox.call(call, context)
        assert outcome.status == "ok", outcome.output
        assert outcome.output.startswith("1 place found in animals.zip")
        assert '1. animals.zip: notes/farm.md, page 2: "The goat sleeps under the old apple tree."' in outcome.output
        [source] = outcome.sources
        assert (source.file, source.page, source.origin_id) == ("animals.zip: notes/farm.md", 2, given.id)

        part = ToolCall(id="2", name="read_file", arguments={"file": "animals.zip", "page": 1})
        opened = await toolbox.call(part, context.model_copy(update={"step": "t1/2.0"}))
        assert "# notes/zoo.txt\nOpening hours." in opened.output
        assert [source.file for source in opened.sources] == ["animals.zip: notes/zoo.txt"]

        answer = 'They say "The zebra crosses the wide river at dawn" [animals.zip: notes/zoo.txt, page 1].'
        about = {"conversation_id": talk, "user_id": user}
        good = await briefing.citations.checked(answer, [source], **about)  # type: ignore[attr-defined]
        assert [s.problem for s in good] == [""]
        wrong = 'They say "The zebra never crosses any river" [animals.zip: notes/zoo.txt, page 1].'
        [flagged] = await briefing.citations.checked(wrong, [], **about)  # type: ignore[attr-defined]
        assert isinstance(flagged, Source)
        assert (flagged.file, flagged.problem) == ("animals.zip: notes/zoo.txt", "not found in the file")
        found = await office.index.search("zebra river", user_id=user, conversation_id=talk)
        assert found[0].passage.name == "animals.zip: notes/zoo.txt"
