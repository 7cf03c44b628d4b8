"""Sharing a conversation: what is chosen of it, looked through for secrets, kept under a link; and going on with a copy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from core.errors import BadInput, Conflict, NotFound, Refused
from core.missions import derived_id, new_id, now
from core.steering import Right
from graphs.reception import Reception
from graphs.secret_scan import Finding, SecretScan
from graphs.share_wishes import Change, Draft, SecretsFound, Wish
from memory.contents import discard
from memory.share_copies import Copies, turns_of
from memory.snapshots import Audience, Share, SharedFile, Snapshot

Photograph = Callable[[Reception, str, str], Awaitable[Snapshot]]
"""Takes a picture of a whole conversation of a user: `(reception, conversation_id, user_id)`; raises NotFound."""

LARGEST = 2_000_000
"""Letters that one link can show."""
SCANNED = 2_000_000
"""Bytes of a text file that are looked through; larger ones are said to be unread."""
LEAST_PASSWORD = 8


class Sharing:
    """Makes and changes links for their owners, and copies for those who were given one."""

    def __init__(self, office: Reception, photograph: Photograph) -> None:
        self._office, self._photograph = office, photograph
        self._scan = SecretScan(office.settings.secrets())

    async def whole(self, conversation_id: str, user_id: str) -> Snapshot:
        """Show all that could be shared of a conversation; raises NotFound if it is not this user's, Conflict if temporary."""
        if (await self._office.conversations.get(conversation_id, user_id)).temporary:
            raise Conflict("A temporary chat cannot be shared: nothing of it is kept. Share another conversation.")
        return await self._photograph(self._office, conversation_id, user_id)

    async def draft(self, conversation_id: str, user_id: str, wish: Wish) -> Draft:
        """Show what a link would show now. Files that hold a secret are left out, unless they are wished for all the same.

        Raises NotFound, or BadInput if there is nothing to share, or a file is not in the conversation.
        """
        title = _title(wish.title) or (await self._office.conversations.get(conversation_id, user_id)).title
        everything = await self.whole(conversation_id, user_id)
        if unknown := set(wish.files) - {f.id for f in everything.files}:
            raise BadInput(f"files: there is no file {sorted(unknown)[0][:64]} in this conversation.")
        chosen = everything.cut(steps=wish.include == "steps", files=set(wish.files))
        if not chosen.messages:
            raise BadInput("There is nothing to share yet: nothing has been answered in this conversation.")
        found = [*self._scan.findings(title, "the title"), *self._found_in(chosen)]
        per_file = [await self._in_file(f) for f in everything.files if f.id in wish.files]
        found += [finding for several in per_file for finding in several]
        hide = self._scan.house if wish.secrets == "publish" else self._scan.masked
        bad = {n for n, several in enumerate(per_file) if any(_hidden(f, wish.secrets) for f in several)}
        kept = _without(chosen, bad).rewritten(lambda text, _: hide(text))
        return Draft(title=hide(title) or "Conversation", snapshot=kept, findings=tuple(found))

    async def publish(self, conversation_id: str, user_id: str, wish: Wish) -> Share:
        """Make a link; raises what `draft` raises, SecretsFound, or Refused for a public link that is not allowed."""
        await self._check(user_id, wish.audience, wish.password)
        draft = await self.draft(conversation_id, user_id, wish)
        if draft.findings and wish.secrets == "ask":
            raise SecretsFound(draft.findings)
        if len(draft.snapshot.model_dump_json()) > LARGEST:
            raise BadInput(
                "This conversation is too long for one link. Share the answers only, or begin a branch of it."
            )
        share = Share(
            id=new_id(),
            user_id=user_id,
            conversation_id=conversation_id,
            title=draft.title[:200],
            include=wish.include,
            audience=wish.audience,
            created_at=now(),
            expires_at=_until(wish.days),
        )
        await self._discard(await self._office.shares.sweep())
        await self._office.shares.publish(share, draft.snapshot, wish.password)
        return share.model_copy(update={"protected": bool(wish.password)})

    async def change(self, share_id: str, user_id: str, change: Change) -> Share:
        """Change a link that works; raises NotFound, Conflict if it has ended, or Refused as `publish` does."""
        given = change.model_fields_set
        await self._check(user_id, change.audience or "people", change.password or "")
        values: dict[str, Any] = {}
        if change.title is not None and not (values.setdefault("title", self._scan.house(_title(change.title)))):
            raise BadInput("title: it is empty.")
        if change.audience is not None:
            values["audience"] = change.audience
        if "days" in given:
            values["expires_at"] = _until(change.days)
        await self._office.shares.change(share_id, user_id, values, change.password)
        return (await self._office.shares.get(share_id, user_id))[0]

    async def mine(self, user_id: str) -> list[Share]:
        """List a person's links, newest first; the copies of those that have ended are erased on the way."""
        await self._discard(await self._office.shares.sweep())
        return await self._office.shares.list(user_id)

    async def revoke(self, share_id: str, user_id: str) -> None:
        """End a link now, and erase what it showed; raises NotFound."""
        await self._discard(await self._office.shares.revoke(share_id, user_id))

    async def copy(self, share: Share, snapshot: Snapshot, user_id: str, client_id: str) -> str:
        """Begin a conversation of this user with the words under a link; the same `client_id` twice is one. Returns its id."""
        conversation_id = derived_id("copy", share.id, user_id, client_id or new_id())
        turns = turns_of(snapshot)
        if not turns:
            raise NotFound("There is nothing to go on with.")
        await Copies(self._office.database).begin(conversation_id, user_id, share.title, turns)
        return conversation_id

    async def _check(self, user_id: str, audience: Audience, password: str) -> None:
        if audience == "public" and not self._office.settings.public_links:
            raise Refused(
                "Public links are switched off here. Share with people who have an account; an administrator can allow "
                "public links with STAFFWORK_PUBLIC_LINKS=true."
            )
        if audience == "public":
            await self._office.people.check(user_id, Right.SHARE_PUBLIC)
        if 0 < len(password) < LEAST_PASSWORD:
            raise BadInput(f"password: it is too short; at least {LEAST_PASSWORD} characters.")

    def _found_in(self, snapshot: Snapshot) -> list[Finding]:
        found: list[Finding] = []

        def look(text: str, where: str) -> str:
            found.extend(self._scan.findings(text, where))
            return text

        snapshot.rewritten(look)
        return list(dict.fromkeys(found))

    async def _in_file(self, file: SharedFile) -> list[Finding]:
        """Look through a text file; what is no text is not looked through."""
        path = self._office.blobs.path(file.hash)
        return self._scan.findings(await asyncio.to_thread(_text_of, path), f"the file {file.name}")

    async def _discard(self, hashes: Any) -> None:
        await discard(self._office.database, self._office.blobs, hashes)


def _without(snapshot: Snapshot, positions: set[int]) -> Snapshot:
    marked = [f.model_copy(update={"id": str(n)}) for n, f in enumerate(snapshot.files)]
    kept = {str(n) for n in range(len(marked)) if n not in positions}
    return snapshot.model_copy(update={"files": tuple(marked)}).cut(steps=True, files=kept)


def _hidden(finding: Finding, wanted: str) -> bool:
    return wanted != "publish" or finding.kind == "secret of this house"


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(SCANNED)
    return "" if b"\0" in start[:8192] else start.decode("utf-8", "replace")


def _title(given: str) -> str:
    return " ".join(given.replace("\0", "").split())[:200]  # PostgreSQL cannot hold that one


def _until(days: int | None) -> datetime | None:
    return None if days is None else now() + timedelta(days=days)
