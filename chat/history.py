"""Chainlit's data layer over our own memory: what it shows is drawn from the journal, what it asks to write of it is not needed.

Every question is answered for the person who asks (`api.visitors`), whatever ids come with it; others see nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chainlit.data.base import BaseDataLayer
from chainlit.types import PageInfo, PaginatedResponse
from chainlit.user import PersistedUser

from api.visitors import Visitor, present
from chat.audience import openings
from chat.desk import desk
from chat.picture import Picture
from chat.rendering import picture_of
from chat.wire import Element, elements_of, moment, steps_of
from core.errors import NotFound
from graphs.temporary import delete_wholly
from memory.finding import Finder, Hit, Wanted

Thread = dict[str, Any]
SEARCHED = 20
LINES = ("question", "answer", "step", "tool")


async def pictures_of(conversation_id: str, user_id: str) -> list[Picture]:
    """Draw every mission a conversation shows, oldest first; raises NotFound if it is not this user's."""
    office = desk().office
    await office.conversations.get(conversation_id, user_id)
    begun = await openings(office, conversation_id, user_id)
    missions = [row.mission.id for row in await office.missions.in_view(conversation_id)]
    return [picture_of(m, begun.get(m, m), await office.journal.read(m)) for m in missions]


async def thread_of(conversation_id: str, user_id: str, user_name: str) -> Thread:
    """Describe a conversation with all its steps and files; raises NotFound if it is not this user's."""
    pictures = await pictures_of(conversation_id, user_id)
    given = await desk().feedback.of_conversation(conversation_id, user_id)
    feedback = {f.for_id: {"id": f.id, "forId": f.for_id, "value": f.value, "comment": f.comment} for f in given}
    thread = await described(conversation_id, user_id, user_name)
    return thread | {
        "steps": [step for p in pictures for step in steps_of(p, conversation_id, feedback)],
        "elements": [element for p in pictures for element in elements_of(p, conversation_id)],
    }


async def described(conversation_id: str, user_id: str, user_name: str) -> Thread:
    """Describe a conversation without what was said in it; raises NotFound if it is not this user's."""
    conversation = await desk().office.conversations.get(conversation_id, user_id)
    return {
        "id": conversation.id,
        "createdAt": moment(conversation.created_at),
        "name": conversation.title,
        "userId": user_id,
        "userIdentifier": user_name,
        "tags": [],
        "metadata": {},
        "steps": [],
        "elements": [],
    }


async def _search(person: Visitor, query: str) -> Any:
    """Answer the search box: each conversation once, with the words around what was found in its name."""
    found: dict[str, Hit] = {}
    for hit in await Finder(desk().office.database).find(person.user_id, Wanted(query), limit=100):
        best = found.setdefault(hit.conversation_id, hit)
        if best.kind == "conversation" and hit.place:  # its title fits, and this says where
            found[hit.conversation_id] = hit
    threads = [_found(person, hit) for hit in list(found.values())[:SEARCHED]]
    return PaginatedResponse(pageInfo=PageInfo(False, None, None), data=threads)


def _found(person: Visitor, hit: Hit) -> Thread:
    words = "".join(piece.text for piece in hit.snippet) if hit.kind != "conversation" else ""
    said = f"{hit.title}: {words}" if hit.title and words else hit.title or words
    name = " — ".join(part for part in (hit.conversation, " ".join(said.split())) if part)
    return {
        "id": hit.conversation_id,
        "createdAt": moment(hit.at),
        "name": f"{name} (archived)" if hit.archived else name,
        "userId": person.user_id,
        "userIdentifier": person.name,
        "metadata": {
            "at": f"{hit.place},{hit.within}" if hit.kind in LINES else ""
        },  # where to go in it, see public/finding.js
        "steps": [],
        "elements": [],
    }


class History(BaseDataLayer):  # type: ignore[misc]  # Chainlit comes without types
    """Answers Chainlit's questions about people, conversations and files."""

    async def get_user(self, identifier: str) -> Any:
        try:
            person = await desk().office.people.by_name(identifier)
        except NotFound:
            return None
        return PersistedUser(
            id=person.id,
            identifier=person.name,
            display_name=person.name,
            createdAt="",
            metadata={"role": person.role},
        )

    async def create_user(self, user: Any) -> Any:
        return await self.get_user(user.identifier)  # people are made by the owner, never by logging in

    async def get_thread_author(self, thread_id: str) -> str:
        person = present()
        if not thread_id.isascii():
            return ""  # no id of ours, and half a character could not even be looked for
        try:
            await desk().office.conversations.get(thread_id, person.user_id)
        except NotFound:
            return ""
        return person.name

    async def get_thread(self, thread_id: str) -> Thread | None:
        person = present()
        try:
            return await thread_of(thread_id, person.user_id, person.name)
        except NotFound:
            return None

    async def list_threads(self, pagination: Any, filters: Any) -> Any:
        person, first = present(), max(1, min(int(pagination.first), 100))
        if filters.search and filters.search.strip():
            return await _search(person, filters.search)
        before = datetime.fromisoformat(pagination.cursor) if pagination.cursor else None
        rows = await desk().office.conversations.list(person.user_id, limit=first + 1, before=before)
        threads: list[Thread] = [
            {
                "id": row.id,
                "createdAt": moment(row.updated_at),
                "name": row.title,
                "userId": person.user_id,
                "userIdentifier": person.name,
                "metadata": {"version": row.version},  # what renaming it is checked against, see public/versions.js
                "steps": [],
                "elements": [],
            }
            for row in rows[:first]
        ]
        last = rows[:first][-1].updated_at.isoformat() if rows else None
        return PaginatedResponse(pageInfo=PageInfo(len(rows) > first, None, last), data=threads)

    async def update_thread(
        self,
        thread_id: str,
        name: str | None = None,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        tags: list[str] | None = None,
    ) -> None:
        # Chainlit knows no versions; people rename by our own route (api/conversations.py), which does.
        if name is not None and user_id is None:
            await desk().office.conversations.rename(thread_id, present().user_id, name)

    async def delete_thread(self, thread_id: str) -> None:
        await delete_wholly(desk().office, thread_id, present().user_id)

    async def get_element(self, thread_id: str, element_id: str) -> Element | None:
        thread = await self.get_thread(thread_id)
        found = (e for e in (thread or {}).get("elements", []) if e["id"] == element_id)
        return next(found, None)

    async def upsert_feedback(self, feedback: Any) -> str:
        person = present()
        return await desk().feedback.give(
            person.user_id, feedback.threadId or "", feedback.forId, feedback.value, feedback.comment or ""
        )

    async def delete_feedback(self, feedback_id: str) -> bool:
        await desk().feedback.withdraw(feedback_id, present().user_id)
        return True

    async def get_favorite_steps(self, user_id: str) -> list[Any]:
        return []

    async def build_debug_url(self) -> str:
        return ""

    async def close(self) -> None:
        """Nothing to close: the office closes its own database."""

    # What Chainlit wants written about steps and elements stands in the journal already.
    async def create_step(self, step_dict: Any) -> None: ...

    async def update_step(self, step_dict: Any) -> None: ...

    async def delete_step(self, step_id: str) -> None: ...

    async def create_element(self, element: Any) -> None: ...

    async def delete_element(self, element_id: str, thread_id: str | None = None) -> None: ...
