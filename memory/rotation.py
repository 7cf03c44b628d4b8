"""Rotation: a new key for the house. Everything sealed is sealed anew in one transaction; the old key stays until that is done.

Broken off at any point, everything still opens, and the next rotation goes on where this one stood.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import Field
from sqlalchemy import Column, Connection, select, update

from core.errors import BadInput, Conflict
from core.missions import Value
from memory import tables
from memory.credentials import count_change
from memory.database import Database
from memory.key_files import replace
from memory.sealing import CannotOpen, Sealer, key_of, new_key, place


class Keys(Value):
    """Where things stand: `current` seals; `sealed` counts secrets by the key they are sealed with; `unreadable` are
    places whose secret opens with no key there is."""

    source: str
    current: str
    others: tuple[str, ...] = ()
    sealed: Mapping[str, int] = Field(default_factory=dict)
    unreadable: tuple[str, ...] = ()

    @property
    def unfinished(self) -> bool:
        """Say whether a rotation was begun and not brought to its end."""
        return bool(self.others)


class Rotated(Value):
    """What a rotation did; `resumed`: it went on with one that had been broken off."""

    keys: Keys
    secrets: int
    resumed: bool


class Rotation:
    """Gives the house a new key."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database, self._sealer = database, sealer

    async def status(self) -> Keys:
        """Say which keys there are, and what is sealed with which."""
        counts, unreadable = await self._database.apply(self._look)
        current, *others = self._sealer.ids
        return Keys(
            source=self._sealer.source,
            current=current,
            others=tuple(others),
            sealed=dict(counts),
            unreadable=tuple(unreadable),
        )

    async def rotate(self) -> Rotated:
        """Seal everything with a new key (or go on with a rotation that was broken off), then forget the old one.

        Where the keys come from the settings, the new one must stand there already, before the old one: raises BadInput if
        it does not. Raises Conflict while another rotation is at work.
        """
        file = self._sealer.file
        if file is None:
            return await self._with_given_keys()
        with _alone(file):
            resumed = len(self._sealer.ids) > 1
            if not resumed:
                present = await asyncio.to_thread(file.read_text)
                await asyncio.to_thread(replace, file, f"{new_key()}\n{present.strip()}\n")
            secrets = await self._seal_anew()
            if not await self._still_needed():
                newest = (await asyncio.to_thread(file.read_text)).split()[0]
                await asyncio.to_thread(replace, file, newest + "\n")
            return Rotated(keys=await self.status(), secrets=secrets, resumed=resumed)

    async def _with_given_keys(self) -> Rotated:
        if len(self._sealer.ids) < 2:
            raise BadInput(
                "The key comes from STAFFWORK_SECRETS_KEY. Print a new one with `staffwork secrets new`, put it there before "
                "the present one with a comma between, restart, and rotate again."
            )
        return Rotated(secrets=await self._seal_anew(), keys=await self.status(), resumed=False)

    async def _seal_anew(self) -> int:
        return await self._database.apply(self._work, durable=True)

    async def _still_needed(self) -> bool:
        """Say whether anything is sealed with a key other than the current one."""
        keys = await self.status()
        return any(keys.sealed.get(other) for other in keys.others)

    def _work(self, connection: Connection) -> int:
        count_change(connection)  # first: a write of a credential at the same time comes before or after, never between
        done = 0
        for column in sealed_columns():
            table, (key, *more) = column.table, column.table.primary_key.columns
            for row in connection.execute(select(key, *more, column)).all():
                where = place(table.name, column.name, *row[:-1])
                if not row[-1] or key_of(row[-1]) == self._sealer.current:
                    continue
                try:
                    secret = self._sealer.open_bytes(row[-1], where)
                except CannotOpen:
                    continue  # it is left as it is, and `status` names it
                same = [c == value for c, value in zip((key, *more), row, strict=False)]
                connection.execute(update(table).where(*same).values({column: self._sealer.seal(secret, where)}))
                done += 1
        return done

    def _look(self, connection: Connection) -> tuple[Counter[str], list[str]]:
        counts: Counter[str] = Counter()
        unreadable = []
        for column in sealed_columns():
            for row in connection.execute(select(*column.table.primary_key.columns, column)).all():
                if not row[-1]:
                    continue
                counts[key_of(row[-1])] += 1
                where = place(column.table.name, column.name, *row[:-1])
                try:
                    self._sealer.open_bytes(row[-1], where)
                except CannotOpen:
                    unreadable.append(where)
        return counts, unreadable


def sealed_columns() -> Iterator[Column[str]]:
    """List every column that holds sealed texts."""
    for table in tables.metadata.sorted_tables:
        yield from (column for column in table.columns if column.info.get("sealed"))


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Hold the lock of a key file: two rotations at once would lose one's key."""
    with file.with_name(f".{file.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict("Another rotation is at work. Look again with `staffwork secrets status`.") from None
        yield
