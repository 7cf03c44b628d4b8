"""What the tests of credentials share: a store over a database, and a key of one's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from store_fixtures import store

from core.settings import Settings
from memory.credentials import Credentials, Secret
from memory.database import Database
from memory.in_force import SettingsInForce
from memory.rotation import Rotation
from memory.sealing import Sealer

KEY = "sk-kept-0123456789abcdefwxyz"
SECRET = Secret(key=KEY)


@dataclass
class Safe:
    """Credentials over a database, with the key file in a folder."""

    database: Database
    folder: Path
    sealer: Sealer
    credentials: Credentials
    rotation: Rotation

    def in_force(self, **given: object) -> SettingsInForce:
        return SettingsInForce(Settings.model_validate({"data_dir": self.folder, **given}), self.credentials)

    def again(self) -> Safe:
        """The same as another process sees it."""
        return safe_of(self.database, self.folder)


def safe_of(database: Database, folder: Path) -> Safe:
    sealer = Sealer.of(folder)
    return Safe(database, folder, sealer, Credentials(database, sealer), Rotation(database, sealer))


@asynccontextmanager
async def open_safe(place: Path | str, folder: Path) -> AsyncIterator[Safe]:
    async with store(place) as database:
        yield safe_of(database, folder)
