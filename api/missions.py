"""Missions over HTTP: given, looked at, steered; what happens in one is told live in api/mission_events.py."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, field_validator

from api.bodies import Unusable, sent
from api.mission_views import brief, whole
from api.visitors import need_scope, present
from core.errors import BadInput, Conflict, NotFound
from core.missions import Attachment, Mission, Priority, Status, derived_id, new_id, now
from core.steering import Order, OrderKind
from graphs.choosing import terms_for

if TYPE_CHECKING:
    from graphs.office import Office
    from memory.missions import MissionRow

router = APIRouter(prefix="/api/missions")
LARGEST_ARGUMENTS = 64_000
"""Bytes of JSON that changed arguments may have."""


class Wanted(BaseModel):
    """A mission to do; the same `id` (the sender's own) twice is one mission."""

    model_config = ConfigDict(extra="forbid")
    goal: str = Field(max_length=500_000)
    conversation_id: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    priority: Priority = Priority.MEDIUM
    step_mode: StrictBool | None = None
    approve_plan: StrictBool | None = None
    cost: Decimal | None = Field(None, gt=0, le=10_000, decimal_places=6)
    id: str | None = Field(None, min_length=1, max_length=100)
    files: list[str] = Field(default_factory=list, max_length=100)

    @field_validator("goal")
    @classmethod
    def _not_empty(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("it is empty. Say what you would like to have done")
        return value

    @field_validator("cost", mode="before")
    @classmethod
    def _amount(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("it must be an amount of US dollars, such as 0.5")
        return str(value) if isinstance(value, float) else value


class Given(BaseModel):
    """An order to a mission; the same `id` (the sender's own) twice is one order. See core.steering.OrderKind."""

    model_config = ConfigDict(extra="forbid")
    kind: OrderKind
    id: str | None = Field(None, min_length=1, max_length=100)
    task_id: str | None = Field(None, min_length=1, max_length=100)
    step: str = Field("", max_length=200)
    text: str = Field("", max_length=20_000)
    choice: str = Field("", max_length=20)
    arguments: dict[str, Any] | None = None
    approval: str = Field("", max_length=64)
    until: AwareDatetime | None = None
    files: list[str] = Field(default_factory=list, max_length=100)

    @field_validator("arguments")
    @classmethod
    def _not_huge(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None and len(str(value).encode()) > LARGEST_ARGUMENTS:
            raise ValueError(f"they are too large; at most {LARGEST_ARGUMENTS:,} bytes")
        return value


@router.post("", status_code=202)
async def give_mission(request: Request, response: Response) -> dict[str, str]:
    """Take a mission, safely stored when this answers."""
    office, wanted, user_id = _office(request), await sent(request, Wanted), present().user_id
    new = wanted.id is None
    conversation_id = wanted.conversation_id or (
        new_id() if new else derived_id(user_id, "conversation by client", str(wanted.id))
    )
    given = await _files(office, (conversation_id, user_id), _few(office, wanted.files))
    held, terms = wanted.step_mode, await terms_for(office, user_id, conversation_id)
    mission = Mission(
        # Derived, so that a mission sent twice (a lost connection) is one, and nobody can name another's.
        id=new_id() if new else derived_id(user_id, "mission by client", str(wanted.id)),
        conversation_id=conversation_id,
        user_id=user_id,
        goal=wanted.goal,
        attachments=given,
        priority=wanted.priority,
        created_at=now(),
        origin="api",
        step_mode=terms.step_mode if held is None else held,
        cost=wanted.cost or terms.cost,
        choices=terms.with_plan_shown(wanted.approve_plan),
    )
    await office.submit(mission)
    row = await office.missions.get(mission.id, user_id)
    if not _same(row.mission, mission, wanted):
        raise Conflict("This id was used for another mission. Send yours again with an id of its own.")
    address = f"/api/missions/{mission.id}"
    response.headers["location"] = address
    ids = {"mission_id": mission.id, "conversation_id": conversation_id, "status": row.status.value}
    return ids | {"url": address, "events": f"{address}/events"}


def _same(stored: Mission, sent_now: Mission, wanted: Wanted) -> bool:
    """Compare what was sent; what was left out is as the person had chosen it when it was sent first."""
    fields = {"goal", "conversation_id", "priority"}
    fields |= {name for name in ("step_mode", "cost") if getattr(wanted, name) is not None}
    files = [{file.id for file in mission.attachments} for mission in (stored, sent_now)]
    return files[0] == files[1] and stored.model_dump(include=fields) == sent_now.model_dump(include=fields)


@router.get("")
async def list_missions(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    status: Annotated[list[Status] | None, Query(max_length=9)] = None,
) -> dict[str, Any]:
    """List the person's newest missions; `status` may be given several times."""
    rows = await _office(request).missions.recent(present().user_id, limit, status=status or ())
    return {"missions": [brief(row) for row in rows]}


@router.get("/{mission_id}")
async def show_mission(request: Request, mission_id: str) -> dict[str, Any]:
    """Show a mission: where it stands, its tasks, its answer or problem, what it used, and what is open in it."""
    office, row = _office(request), await mine(request, mission_id)
    untaken = await office.orders.open(mission_id)
    return whole(row, await office.journal.read(mission_id), untaken)


@router.post("/{mission_id}/orders", status_code=202)
async def give_order(request: Request, mission_id: str) -> dict[str, str]:
    """Take an order to a mission, safely stored when this answers; what becomes of it is told by the mission's events."""
    office, row = _office(request), await mine(request, mission_id)
    given, user_id = await sent(request, Given), present().user_id
    if given.kind is OrderKind.DECIDE:
        need_scope("approvals")
    order = Order(
        id=new_id() if given.id is None else derived_id(user_id, mission_id, "order by client", given.id),
        mission_id=mission_id,
        by=user_id,
        attachments=await _files(office, (row.mission.conversation_id, user_id), given.files),
        **given.model_dump(exclude={"id", "files"}),
    )
    try:
        await office.give(order)
    except BadInput as problem:
        raise Unusable(str(problem)) from None
    return {"order_id": order.id, "mission_id": mission_id}


def _few(office: Office, wanted: list[str]) -> list[str]:
    if len(wanted) > (most := office.settings.upload_max_files):
        raise BadInput(f"files: {len(wanted)} files are too many; at most {most} go with one mission.")
    return wanted


async def _files(office: Office, where: tuple[str, str], wanted: list[str]) -> tuple[Attachment, ...]:
    """Find files that were received in a conversation (its id, its user's)."""
    if not wanted:
        return ()
    rows = await office.files.of_conversation(*where)
    received = {file.attachment.id: file.attachment for file in rows if file.conversation_id == where[0]}
    if missing := [i for i in wanted if i not in received]:
        raise NotFound(f"files: {missing[0]!r} was not received in this mission's conversation.")
    return tuple(received[i] for i in dict.fromkeys(wanted))


async def mine(request: Request, mission_id: str) -> MissionRow:
    """Find a mission of the person who asks; raises NotFound if it is not theirs."""
    return await _office(request).missions.get(mission_id, present().user_id)


def _office(request: Request) -> Office:
    office: Office = request.app.state.office
    return office
