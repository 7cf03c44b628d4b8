"""What stands in for the office in tests has what the office has: what a route finds there, it finds here."""

from __future__ import annotations

from fake_office import FakeOffice

from core.settings import Settings
from graphs.office import Office

NO_MODELS = {"gateway", "runner"}
"""The inside of missions, which are written down beforehand here; no door uses it."""


def public(thing: object) -> set[str]:
    return {name for name in {*dir(type(thing)), *vars(thing)} if not name.startswith("_")} - {"open"}


async def test_the_stand_in_has_all_that_the_office_has(settings: Settings) -> None:
    async with Office.open(settings, at_work=False) as office:
        real, said = public(office), set(await office.health())
    async with FakeOffice.open(settings) as fake:
        assert real - public(fake) == NO_MODELS
        assert set(await fake.health()) == said
        assert {"read_file", "request_tools"} <= {entry.name for entry in fake.toolkit.catalogue.entries()}
