"""The health page says when nobody works on missions."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from steering_fixtures import RULES

from core.settings import Settings
from graphs.office import Office
from memory.claims import Queue


async def test_a_server_that_leaves_the_work_to_others_says_when_nobody_does_it(postgres: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=SecretStr(postgres), work_here=False)
    async with Office.open(settings, at_work=settings.work_here) as office:
        assert "Nobody works on missions" in (await office.health())["workers"]
        queue = Queue(office.database, RULES, shared=True)
        await queue.join()
        assert (await office.health())["workers"] == ""
        await queue.leave()
        assert (await office.health())["workers"] != ""


async def test_a_server_that_works_itself_needs_nobody(tmp_path: Path) -> None:
    async with Office.open(Settings(data_dir=tmp_path)) as office:
        assert (await office.health())["workers"] == ""
