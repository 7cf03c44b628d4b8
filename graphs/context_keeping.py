"""Keeping context documents for people: what is theirs, what is the house's, what ships with the product."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from agents.context_files import SHIPPED
from core.errors import BadInput, ModelUnavailable, NotFound, Refused
from core.memories import Context
from core.missions import Source, new_id, now
from core.ports import Embedder
from graphs.context_choosing import LONGEST, Said, as_source, choose, in_force, shortened
from graphs.context_wishes import Wish, checked
from memory.contexts import Contexts

KEEPERS = ("owner", "admin")
"""Roles that may change the documents of the house."""
NEAR = 0.6
"""How close (cosine) a document's title and triggers must be to a topic that names none of them."""


class ContextKeeper:
    """Keeps people's documents in order, and says what operators are given of them."""

    def __init__(
        self,
        store: Contexts,
        shipped: Sequence[Context],
        role_of: Callable[[str], Awaitable[str]],
        embedder: Embedder | None = None,
    ) -> None:
        self._store, self._role_of, self._embedder = store, role_of, embedder
        self._shipped = {context.id: context for context in shipped}

    async def of_user(self, user_id: str) -> list[Context]:
        """List all that a person can see: their own, the house's, and what ships."""
        return [*await self._store.of_user(user_id), *self._shipped.values()]

    async def get(self, context_id: str, user_id: str) -> Context:
        """Return one document; raises NotFound if it is somebody else's."""
        return self._shipped.get(context_id) or await self._store.get(context_id, user_id)

    async def may_change(self, context: Context, user_id: str) -> bool:
        """Say whether a person may change a document."""
        return not context.shipped and (context.owner == user_id or await self.keeps_house(user_id))

    async def keeps_house(self, user_id: str) -> bool:
        """Say whether a person may change the documents of the house."""
        return await self._role_of(user_id) in KEEPERS

    async def add(self, user_id: str, fields: Mapping[str, Any], *, house: bool = False) -> Context:
        """Keep a new document; with the name of a shipped one (or the house's) it replaces that one.

        Raises BadInput that names the field, Refused for the house's, Conflict if the name is taken.
        """
        if house and not await self.keeps_house(user_id):
            raise Refused("Only an administrator can make a document for the whole house.")
        wish = checked(fields)
        context = Context(
            **wish.model_dump(), id=new_id(), owner="" if house else user_id, changed_by=user_id, changed_at=now()
        )
        await self._store.add(context)
        return context

    async def change(self, context_id: str, user_id: str, version: int, fields: Mapping[str, Any]) -> Context:
        """Change some fields; raises BadInput, NotFound, Refused, or Conflict if somebody changed it since `version`."""
        old = await self._own(context_id, user_id)
        before = old.model_dump(include=set(Wish.model_fields))
        wish = checked(before | dict(fields))
        if wish.name != old.name:
            raise BadInput("name: it stays as it is, because others may build on it. Make a new document instead.")
        return await self._changed(context_id, user_id, version, wish.model_dump(exclude={"name"}))

    async def accept(self, context_id: str, user_id: str, version: int) -> Context:
        """Let a draft be given to operators from now on: a person has read it."""
        if not (await self._own(context_id, user_id)).draft:
            raise BadInput("This is no draft: it is in use already.")
        return await self._changed(context_id, user_id, version, {"draft": ""})

    async def restore(self, context_id: str, user_id: str, version: int, to: int) -> Context:
        """Let a document stand again as it did in an earlier version; that makes a new version."""
        wanted = await self._version(context_id, user_id, to)
        fields = ("title", "triggers", "operators", "text")
        return await self._changed(context_id, user_id, version, {name: getattr(wanted, name) for name in fields})

    async def remove(self, context_id: str, user_id: str, version: int | None = None) -> None:
        """Remove a document with its versions; what it replaced is in force again."""
        await self._own(context_id, user_id)
        await self._store.remove(context_id, user_id, version, house=await self.keeps_house(user_id))

    async def versions(self, context_id: str, user_id: str) -> list[Context]:
        """List every version, the newest first; `changed_by` is a person's name. A shipped one has only one."""
        if context_id in self._shipped:
            return [self._shipped[context_id]]
        return await self._store.versions(context_id, user_id)

    async def diff(self, context_id: str, user_id: str, old: int, new: int) -> list[str]:
        """Compare two versions line by line, as `diff -u` does; empty if nothing but its state changed."""
        before, after = [await self._version(context_id, user_id, number) for number in (old, new)]
        names = (f"version {old}", f"version {new}")
        lines = difflib.unified_diff(_lines(before), _lines(after), *names, lineterm="")
        return [*lines]

    async def choose(self, user_id: str, goal: str, operator: str = "") -> tuple[Source, ...]:
        """Choose what somebody is given who works for a person on a goal."""
        return choose(in_force(await self.of_user(user_id)), goal, operator)

    async def find(self, user_id: str, topic: str) -> list[Source]:
        """Find the documents in force that are about a topic, the closest first."""
        contexts, said = in_force(await self.of_user(user_id)), Said(topic)
        near = await self._nearness(topic, contexts)
        rated = [(near[n] + said.matches((*c.triggers, c.title, c.name)), c) for n, c in enumerate(contexts)]
        found = sorted((r for r in rated if r[0] >= NEAR), key=lambda r: (-r[0], r[1].id))
        return [as_source(context, shortened(context.text, LONGEST)) for _, context in found]

    async def _nearness(self, topic: str, contexts: Sequence[Context]) -> list[float]:
        """Compare by meaning; where the embedder is not there, words alone must do."""
        if self._embedder is None or not contexts:
            return [0.0] * len(contexts)
        matters = [f"{c.title}. {', '.join(c.triggers)}" for c in contexts]
        try:
            [wanted, *vectors] = await self._embedder.embed([topic, *matters])
        except ModelUnavailable:
            return [0.0] * len(contexts)
        return [sum(a * b for a, b in zip(wanted, vector, strict=True)) for vector in vectors]

    async def keep_draft(self, context: Context) -> bool:
        """Keep what an operator drafted; False if it is there already."""
        return await self._store.add(context)

    async def _own(self, context_id: str, user_id: str) -> Context:
        """Return a document that is kept, not shipped; raises NotFound, or Refused for a shipped one."""
        if context_id in self._shipped:
            name = context_id.removeprefix(SHIPPED)
            raise Refused(
                f"This document ships with Staffwork and stays as it is. One of yours called {name} replaces it."
            )
        return await self._store.get(context_id, user_id)

    async def _changed(self, context_id: str, user_id: str, version: int, values: Mapping[str, Any]) -> Context:
        await self._own(context_id, user_id)
        await self._store.change(context_id, user_id, version, values, house=await self.keeps_house(user_id))
        return await self._store.get(context_id, user_id)

    async def _version(self, context_id: str, user_id: str, number: int) -> Context:
        found = [v for v in await self.versions(context_id, user_id) if v.version == number]
        if not found:
            raise NotFound(f"There is no version {number} of this document.")
        return found[0]


def _lines(context: Context) -> list[str]:
    head = [f"title: {context.title}", f"triggers: {', '.join(context.triggers)}"]
    head += [f"operators: {', '.join(context.operators)}"] if context.operators else []
    return [*head, "", *context.text.splitlines()]
