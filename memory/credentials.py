"""Credentials: keys and addresses of providers, entered in the browser, sealed at rest, shown to nobody again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, delete, select

from core.errors import Conflict, NotFound
from core.logs import learn
from core.missions import Value, now
from core.settings import Settings
from memory import tables
from memory.database import Database
from memory.sealing import CannotOpen, Sealer, place
from memory.statements import insert_into

MARK = "credentials"
_C, _M = tables.credentials.c, tables.model_choices.c
_LEAST_SHOWN = 12
"""Letters a key must have for its last four to be shown."""


class Secret(BaseModel):
    """What is sealed of a connection, all of it together: a key goes to the address it was entered for, and to no other."""

    model_config = ConfigDict(frozen=True)

    key: str = ""
    base_url: str = ""
    service: str = ""


class Credential(Value):
    """A connection as people see it: `ending` is all that is shown of the key; `problem` says why it cannot be used."""

    name: str
    ending: str = ""
    has_key: bool = False
    base_url: str = ""
    service: str = ""
    changed_at: datetime
    changed_by: str
    tested_at: datetime | None = None
    problem: str = ""


class Stored(Value):
    """Everything that was entered and chosen, as of `version`; secrets that do not open are `problems` by name."""

    version: int = 0
    secrets: Mapping[str, Secret] = Field(default_factory=dict)
    choices: Mapping[str, str] = Field(default_factory=dict)
    problems: Mapping[str, str] = Field(default_factory=dict)


class Credentials:
    """Keeps connections and choices of models for the house. Who may change them is the doors' business."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database, self._sealer = database, sealer

    async def version(self) -> int:
        """Count the changes so far: cheap to ask."""
        query = select(tables.marks.c.version).where(tables.marks.c.name == MARK)
        rows = await self._database.rows(query)
        return int(rows[0][0]) if rows else 0

    async def stored(self) -> Stored:
        """Open everything; whatever is opened is masked in this process from then on."""
        version = await self.version()  # read first: a change meanwhile is then read once more, never missed
        secrets: dict[str, Secret] = {}
        problems: dict[str, str] = {}
        for row in await self._database.rows(select(_C.name, _C.secret)):
            try:
                secrets[row.name] = self._open(row.name, row.secret)
            except CannotOpen as problem:
                problems[row.name] = str(problem)
        chosen = await self._database.rows(select(_M.tier, _M.model))
        choices = {row.tier: row.model for row in chosen}
        return Stored(version=version, secrets=secrets, choices=choices, problems=problems)

    async def all(self) -> list[Credential]:
        """List the connections, without their keys."""
        rows = await self._database.rows(select(tables.credentials).order_by(_C.name))
        return [self._shown(row._mapping) for row in rows]

    async def put(self, name: str, secret: Secret, by: str, *, tested: bool) -> None:
        """Keep a connection, in place of an earlier one of this name."""
        learn(secret.key)
        moment = now()

        def work(connection: Connection) -> None:
            _count(connection)
            row = {
                "name": name,
                # Sealed while the write is under way: a rotation comes before it or after it, and never between.
                "secret": self._sealer.seal(secret.model_dump_json(), _place(name)),
                "changed_at": moment,
                "changed_by": by,
                "tested_at": moment if tested else None,
            }
            connection.execute(_instead(connection, tables.credentials, "name"), row)

        await self._database.apply(work, durable=True)

    async def remove(self, name: str) -> None:
        """Forget a connection; raises NotFound, or Conflict while a model that is chosen needs it."""

        def work(connection: Connection) -> None:
            chosen = connection.execute(select(_M.tier, _M.model)).all()
            if used := [row.model for row in chosen if row.model.partition(":")[0] == name]:
                raise Conflict(f"{used[0]} is chosen as a model here and needs this key. Choose another model first.")
            if not connection.execute(delete(tables.credentials).where(_C.name == name)).rowcount:
                raise NotFound("There is no such connection.")
            _count(connection)

        await self._database.apply(work, durable=True)

    async def choose(self, choices: Mapping[str, str], by: str) -> None:
        """Keep which model each tier uses; "" takes a choice back."""
        moment = now()

        def work(connection: Connection) -> None:
            _count(connection)
            for tier, model in choices.items():
                if not model:
                    connection.execute(delete(tables.model_choices).where(_M.tier == tier))
                    continue
                row = {"tier": tier, "model": model, "changed_at": moment, "changed_by": by}
                connection.execute(_instead(connection, tables.model_choices, "tier"), row)

        await self._database.apply(work, durable=True)

    def _open(self, name: str, sealed: str) -> Secret:
        secret = Secret.model_validate(json.loads(self._sealer.open(sealed, _place(name))))
        learn(secret.key)
        return secret

    def _shown(self, row: Mapping[str, Any]) -> Credential:
        about = {name: row[name] for name in ("name", "changed_at", "changed_by", "tested_at")}
        try:
            secret = self._open(row["name"], row["secret"])
        except CannotOpen as problem:
            return Credential(**about, problem=str(problem))
        ending = secret.key[-4:] if len(secret.key) >= _LEAST_SHOWN else ""
        return Credential(
            **about, ending=ending, has_key=bool(secret.key), base_url=secret.base_url, service=secret.service
        )


async def learn_stored(settings: Settings, database: Database) -> None:
    """Have everything that was entered masked in this process too; raises Misconfigured for a sealing key that is none."""
    sealer = await asyncio.to_thread(Sealer.of, settings.data_dir, settings.secrets_key.get_secret_value())
    await Credentials(database, sealer).stored()


def count_change(connection: Connection) -> None:
    """Within work that is written: say that connections changed. Works that do this never overlap unnoticed."""
    _count(connection)


def _count(connection: Connection) -> None:
    table = tables.marks
    row = insert_into(connection, table).values(name=MARK, version=1)
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"version": table.c.version + 1}))


def _instead(connection: Connection, table: Any, key: str) -> Any:
    row = insert_into(connection, table)
    others = {c.name: row.excluded[c.name] for c in table.columns if c.name != key}
    return row.on_conflict_do_update(index_elements=[key], set_=others)


def _place(name: str) -> str:
    return place("credentials", "secret", name)
