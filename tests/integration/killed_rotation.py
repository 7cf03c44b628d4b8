"""Rotates in a process of its own that is killed at one moment: `python killed_rotation.py <data folder> <moment>`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from core.settings import Settings
from memory import rotation
from memory.database import open_database
from memory.rotation import Rotation
from memory.sealing import Sealer

MOMENTS = ("before", "new key written", "in the transaction", "sealed anew", "old key gone")


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Dying(Rotation):
    """Dies at one moment of a rotation."""

    def __init__(self, moment: str, *about: Any) -> None:
        super().__init__(*about)
        self._moment = moment

    def _work(self, connection: Any) -> int:
        done = super()._work(connection)
        if self._moment == "in the transaction":
            die()
        return done

    async def _seal_anew(self) -> int:
        if self._moment == "new key written":
            die()
        done = await super()._seal_anew()
        if self._moment == "sealed anew":
            die()
        return done


async def main(folder: Path, moment: str) -> None:
    settings = Settings(data_dir=folder)
    database = await open_database(settings)
    if moment == "before":
        rotation.replace = die  # type: ignore[assignment]  # the new key is never written
    await Dying(moment, database, Sealer.of(folder)).rotate()
    die()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
