"""A house with the whole toolkit: the real gate, catalogue and context documents over either database, and a world outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from approval_fixtures import PROFILE, House, World
from mission_fixtures import PlainBriefing, Script, ScriptedGateway
from soak_house import RULES, add_user, reception_of
from sqlalchemy import update
from store_fixtures import open_at

from agents.chief_of_staff import ChiefOfStaff
from agents.master_operator import MasterOperator
from agents.prompting import Prompts
from agents.reviewer import Reviewer
from agents.roster import Roster
from core.settings import Settings
from graphs.dispatch_durable import DurableDispatcher
from graphs.mission_graph import build_mission_graph
from graphs.mission_run import Staff
from graphs.recording import RecordedEffects, RecordedGateway
from graphs.running import Runner
from graphs.toolkit import Toolkit
from memory import tables
from memory.approvals import Approvals
from memory.checkpoints import open_checkpointer
from memory.claims import Queue
from memory.effects import Effects
from memory.embeddings import LocalEmbedder
from tools.define import Tool
from tools.policy_file import load_policy
from tools.toolbox import GatedToolbox

EMBEDDER = LocalEmbedder()


@dataclass
class Kit(House):
    """An open house, its toolkit, and what is outside."""

    toolkit: Toolkit
    world: World
    toolbox: GatedToolbox


@asynccontextmanager
async def open_kit(
    place: Path | str,
    folder: Path,
    script: Script,
    *,
    held: Sequence[str] = ("note",),
    header: str = "",
    more: Sequence[Tool] = (),
    world: World | None = None,
    role: str = "member",
    rules: str = "",
    **limits: Any,
) -> AsyncIterator[Kit]:
    """Open it with one operator, `hand`, that holds some of the world's tools; `header` are more lines of its profile,
    `rules` the house's policy file, `role` the person's."""
    settings = Settings(data_dir=folder, **limits)
    world = world or World()
    async with AsyncExitStack() as stack:
        database = await open_at(place)
        stack.push_async_callback(database.close)
        await add_user(database)
        await database.write((update(tables.users).where(tables.users.c.id == "ada").values(role=role), None))
        saver = await stack.enter_async_context(open_checkpointer(database))
        (folder / "policy.toml").write_text(rules, encoding="utf-8")
        tools: list[Tool] = [*world.tools(), *more]
        kit = Toolkit(settings, database, EMBEDDER, tools)
        reception, gateway = reception_of(database, settings), ScriptedGateway(script)
        effects, approvals = Effects(database), Approvals(database)
        toolbox = GatedToolbox(
            tools,
            seconds=10,
            output_bytes=20_000,
            at_once=8,
            mask=lambda text: text,
            effects=RecordedEffects(effects, reception.journal),
            policy=load_policy(folder / "policy.toml"),
            authority=approvals,
        )
        runner = Runner(
            _staff(settings, folder, gateway, toolbox, kit, approvals, held, header),
            build_mission_graph(saver),
            reception.missions,
            reception.journal,
            reception.orders,
            effects=effects,
        )
        dispatcher = DurableDispatcher(Queue(database, RULES, shared=False), runner, 4, 5)
        await dispatcher.start()
        stack.push_async_callback(dispatcher.stop)
        yield Kit(reception, dispatcher, gateway, kit, world, toolbox)


def _staff(
    settings: Settings,
    folder: Path,
    gateway: ScriptedGateway,
    toolbox: GatedToolbox,
    kit: Toolkit,
    approvals: Approvals,
    held: Sequence[str],
    header: str,
) -> Staff:
    profiles = folder / "profiles"
    profiles.mkdir(parents=True, exist_ok=True)
    text = PROFILE.format(tools=", ".join(held))
    if header:
        text = text.replace("tier: standard", f"tier: standard\n{header}")
    (profiles / "hand.md").write_text(text, encoding="utf-8")
    recorded, prompts, roster = RecordedGateway(gateway), Prompts(), Roster.load([profiles])
    staff = Staff(
        settings=settings,
        chief=ChiefOfStaff(recorded, prompts, roster),
        operator=MasterOperator(recorded, prompts, roster),
        reviewer=Reviewer(recorded, prompts),
        roster=roster,
        toolbox=toolbox,
        briefing=PlainBriefing(),
    )
    return replace(staff, approvals=approvals, catalogue=kit.catalogue, contexts=kit.contexts)
