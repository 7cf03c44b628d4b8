"""The reception: takes files, missions and orders from people and stores them safely, whoever works on them.

The office is a reception with people at work behind it. Beside a running server another process opens the reception alone:
the server hears of what was stored and takes it up.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path

from core.errors import BadInput, Conflict, NotFound
from core.events import Event
from core.logs import Masker
from core.memories import short_title
from core.missions import Attachment, Mission, derived_id, new_id
from core.settings import Settings
from core.steering import Order, OrderKind, Right
from graphs.context_keeping import ContextKeeper
from graphs.deciding import decision
from graphs.ordering import checked
from graphs.standing import Standing
from graphs.temporary import remembering
from graphs.toolkit import keeper_of
from memory.approval_rules import ApprovalRules
from memory.approvals import Approvals
from memory.audit import Audit
from memory.blobs import Blobs
from memory.contents import keep
from memory.conversations import Conversations
from memory.credentials import learn_stored
from memory.database import Database, open_database
from memory.doors import Doors
from memory.files import Files
from memory.journal import Journal
from memory.missions import Missions
from memory.orders import Orders
from memory.people import People
from memory.preferences import Preferences
from memory.sessions import Sessions
from memory.shares import Shares
from memory.uploads import Room, Uploads, check_room
from tools.sanitise import repair, sanitise

LONGEST_MESSAGE = 500_000
"""Characters of one message of a person; longer things are files."""


@dataclass
class Reception:
    """What the doors need to take something in and to show what came of it."""

    settings: Settings
    database: Database
    people: People
    conversations: Conversations
    files: Files
    missions: Missions
    orders: Orders
    journal: Journal
    blobs: Blobs

    @classmethod
    @asynccontextmanager
    async def beside(cls, settings: Settings) -> AsyncIterator[Reception]:
        """Open the database alone, beside whoever works on it."""
        await asyncio.to_thread(settings.data_dir.mkdir, parents=True, exist_ok=True, mode=0o700)
        database = await open_database(settings)
        try:
            await learn_stored(settings, database)
            yield Reception(
                settings=settings,
                database=database,
                people=People(database),
                conversations=Conversations(database),
                files=Files(database),
                missions=Missions(database),
                orders=Orders(database),
                journal=Journal(database),
                blobs=Blobs(settings.data_dir / "blobs"),
            )
        finally:
            await database.close()

    @cached_property
    def shares(self) -> Shares:
        """The links to conversations."""
        return Shares(self.database, self.settings.data_dir / "secrets" / "links.key")

    @property
    def contexts(self) -> ContextKeeper:
        """What people and the house have written down for operators."""
        return keeper_of(self.database)

    @property
    def preferences(self) -> Preferences:
        """What people chose for their missions."""
        return Preferences(self.database)

    @property
    def approvals(self) -> Approvals:
        """What people are asked to allow."""
        return Approvals(self.database)

    @property
    def approval_rules(self) -> ApprovalRules:
        """What people had remembered of their decisions."""
        return ApprovalRules(self.database)

    @property
    def audit(self) -> Audit:
        """Who did what; see memory/audit.py for the kinds."""
        return Audit(self.database)

    @property
    def sessions(self) -> Sessions:
        """Who is signed in where."""
        idle = timedelta(hours=self.settings.session_idle_hours)
        return Sessions(self.database, idle, timedelta(days=self.settings.session_days))

    @cached_property
    def doors(self) -> Doors:
        """The ways to be known beside a password: API keys, outside identities, second factors."""
        return Doors(self.database, self.settings)

    @property
    def uploads(self) -> Uploads:
        """What became of the files people gave."""
        return Uploads(self.database)

    @property
    def room(self) -> Room:
        """How much one person may keep."""
        return Room(files=self.settings.files_per_user, bytes=self.settings.files_mb_per_user * 1024 * 1024)

    async def receive(
        self, user_id: str, conversation_id: str, name: str, mime: str, path: Path, *, file_id: str = ""
    ) -> Attachment:
        """Copy a file into the store; raises BadInput if it is empty or too large, or if there is no room for it."""
        size = (await asyncio.to_thread(path.stat)).st_size
        check_room(await self.uploads.used(user_id), size, self.room)  # before it is copied; and again as it is noted
        most = self.settings.upload_max_mb * 1024 * 1024
        content_hash, size = await self.blobs.put_file(path, most)
        if size == 0:
            raise BadInput(f"{name} is empty. Please choose a file with content.")
        about = {"name": name, "content_hash": content_hash, "mime": mime, "file_id": file_id}
        note = partial(self.files.receive, user_id, conversation_id, **about, size=size, room=self.room)
        return await keep(self.blobs, {content_hash: path}, most, note)

    async def submit(self, mission: Mission, message_id: str | None = None) -> None:
        """Store a mission safely, to be run by whoever works on this database; the same id twice is one mission."""
        if not mission.goal.strip():
            raise BadInput("The message is empty. Say what you would like to have done.")
        if len(mission.goal) > LONGEST_MESSAGE:
            raise BadInput(f"The message has more than {LONGEST_MESSAGE:,} characters. Attach it as a file instead.")
        mission = mission.model_copy(update={"goal": self.masked(repair(mission.goal))})
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", mission.conversation_id):
            raise BadInput("That is no id of a conversation: letters, digits, - and _ only, 64 at most.")
        mission = await remembering(self, mission)
        await self.missions.accept(
            mission, message_id or derived_id(mission.id, "goal"), title=short_title(mission.goal)
        )

    def follow(self, mission_id: str, after: int = 0) -> AsyncIterator[Event]:
        """Replay a mission's events, then tell them live, until it ends or waits."""
        return self.journal.follow(mission_id, after)

    async def give(self, order: Order) -> None:
        """Take an order to a mission, safely stored when this returns; the same id twice is one order.

        Raises NotFound, Conflict or BadInput, in words for the person, if it cannot be carried out.
        """
        await self.missions.get(order.mission_id, order.by)
        if (
            order.kind is not OrderKind.STOP
        ):  # which is always allowed, and how a person's missions end with their rights
            await self.people.check(order.by, Right.WORK)
        order = _storable(order)
        if not await self.orders.known(order):
            if order.kind is OrderKind.DECIDE:
                order = decision(order, await self.approvals.get(order.approval, order.by))
            order = order.model_copy(update={"text": self.masked(order.text)})
            order = checked(order, Standing(await self.journal.read(order.mission_id)))
            await self.orders.give(order)

    async def cancel(self, mission_id: str, user_id: str) -> None:
        """Order a mission of this user to stop; one that has ended stays as it is."""
        with suppress(Conflict):
            await self.give(Order(id=new_id(), mission_id=mission_id, kind=OrderKind.STOP, by=user_id))

    async def answer(self, mission_id: str, user_id: str, text: str) -> None:
        """Take the user's answer to a mission's question."""
        await self.give(Order(id=new_id(), mission_id=mission_id, kind=OrderKind.ANSWER, by=user_id, text=text))

    def masked(self, text: str) -> str:
        """Mask the secrets of this house: who pastes one by mistake does not send it to the models, or into the record."""
        return self._mask.known(text)

    @cached_property
    def _mask(self) -> Masker:
        return Masker(self.settings.secrets())

    async def step_mode(self, conversation_id: str, user_id: str) -> bool:
        """Say whether new missions of a conversation are held at every step: there, or everywhere by the settings."""
        try:
            chosen = (await self.conversations.get(conversation_id, user_id)).step_mode
        except NotFound:  # it begins with the mission
            chosen = False
        return chosen or self.settings.step_mode


def _storable(order: Order) -> Order:
    """Put right what no database can hold; raises BadInput for arguments that cannot be put right."""
    arguments = None if order.arguments is None else sanitise(order.arguments)[0]
    return order.model_copy(update={"text": repair(order.text), "choice": repair(order.choice), "arguments": arguments})
