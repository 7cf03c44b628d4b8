"""The audit log: who did what to whom, and from where. Rows are only ever added; the database refuses anything else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, or_, select

from core.missions import Value, now
from memory import tables
from memory.database import Database

KINDS = {
    "signed_in": "Signed in",
    "sign_in_failed": "Sign-in failed",
    "sign_in_throttled": "Sign-in held back",
    "signed_out": "Signed out",
    "session_ended": "Sessions ended",
    "owner_set_up": "Owner set up",
    "person_invited": "Invited somebody",
    "invitation_revoked": "Invitation revoked",
    "person_joined": "Joined",
    "role_changed": "Role changed",
    "person_deactivated": "Deactivated",
    "person_activated": "Activated",
    "person_deleted": "Deleted",
    "password_changed": "Password changed",
    "password_reset": "Password reset",
    "reset_link_made": "Reset link made",
    "profile_changed": "Operator's profile changed",
    "share_made": "Link shared",
    "share_changed": "Link changed",
    "share_revoked": "Link revoked",
    "approval_decided": "Approval decided",
    "approval_rule_revoked": "Remembered decision forgotten",
    "conversation_deleted": "Conversation deleted",
    "memory_changed": "Memory changed",
    "memories_deleted": "Memories deleted",
    "exported": "Exported",
    "imported": "Imported",
    "key_made": "API key made",
    "key_revoked": "API key revoked",
    "service_account_made": "Service account made",
    "service_account_taken_over": "Service account taken over",
    "identity_linked": "Identity linked",
    "identity_unlinked": "Identity unlinked",
    "second_factor_on": "Second factor on",
    "second_factor_off": "Second factor off",
    "second_factor_failed": "Second factor failed",
    "recovery_codes_made": "Recovery codes made",
    "secret_changed": "Secret changed",
    "secrets_rotated": "Secrets rotated",
    "settings_changed": "Settings changed",
    "code_connected": "Code reached a host",
    "code_refused": "Code was kept from a host",
}
"""Kind -> what it is called on the page. A new kind is one line here."""

came_from: ContextVar[str] = ContextVar("came_from", default="")
"""Where the work at hand comes from: a network address, or "terminal". Set at the doors; work that is written has left
their context, so it takes `came_from.get()` along."""

_A = tables.audit.c


class Entry(Value):
    """One row of the log: `actor` is a name ("" for nobody who is known), `subject` what or whom it was done to."""

    number: int
    at: datetime
    actor_id: str
    actor: str
    kind: str
    subject: str
    address: str
    details: dict[str, str]

    @property
    def words(self) -> str:
        return KINDS.get(self.kind, self.kind)


class Audit:
    """Adds to the log, and reads it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, kind: str, actor: str = "", subject: str = "", **details: object) -> None:
        """Add one row; `actor` is a user's id ("" for nobody). Neither `subject` nor `details` may hold a secret.

        `kind` is one of KINDS (KeyError otherwise). When it returns, the row stands a power cut too.
        """
        where = came_from.get()
        await self._database.apply(lambda c: put(c, kind, actor, subject, where=where, **details), durable=True)

    async def read(
        self, *, kind: str = "", person: str = "", before: int | None = None, limit: int = 50
    ) -> Sequence[Entry]:
        """List rows, newest first: of one kind, by or about one person (by name), older than the row number `before`."""
        query = select(tables.audit).order_by(_A.number.desc()).limit(limit)
        if kind:
            query = query.where(_A.kind == kind)
        if person:
            query = query.where(or_(_A.actor == person, _A.subject == person))
        if before is not None:
            query = query.where(_A.number < before)
        return [_entry(row) for row in await self._database.rows(query)]


def put(
    connection: Connection, kind: str, actor: str = "", subject: str = "", *, where: str = "", **details: object
) -> None:
    """Add one row as part of work that is written, so that neither stands without the other; see `Audit.note`.

    `where` is `came_from.get()`, asked before: such work has left the context it was ordered in.
    """
    KINDS[kind]
    name = connection.execute(select(tables.users.c.name).where(tables.users.c.id == actor)).scalar() if actor else None
    row = {
        "at": now(),
        "actor_id": actor,
        "actor": name or "",
        "kind": kind,
        "subject": _storable(subject)[:300],
        "address": where[:100],
        "details": _json(details),
    }
    connection.execute(insert(tables.audit), row)


def _json(details: Mapping[str, object]) -> str:
    return json.dumps({k: _storable(str(v))[:500] for k, v in details.items()}, ensure_ascii=False)


def _storable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _entry(row: Any) -> Entry:
    fields = {name: getattr(row, name) for name in Entry.model_fields}
    return Entry(**fields | {"details": json.loads(row.details)})
