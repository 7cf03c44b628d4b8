"""Approvals at the terminal: `staffwork approvals ...`; all of it works beside a running server."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import BadInput, NotFound
from core.settings import Settings

if TYPE_CHECKING:
    from chat.terminal_place import Place
    from memory.approvals import Approval

approvals = typer.Typer(
    help="Calls that wait until you allow them, and decisions you had remembered.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Work = Annotated[bool, typer.Option("--work", help="Then follow the mission, and do the work here if no server does.")]
Which = Annotated[str, typer.Argument(help="The approval's id, or its unique beginning.")]


def add_approvals(app: typer.Typer) -> None:
    """Add these commands to the program."""
    app.add_typer(approvals, name="approvals")


@approvals.command("list")
def list_approvals(
    everything: Annotated[bool, typer.Option("--all", help="Those that were decided, too.")] = False,
    as_json: Json = False,
) -> None:
    """List the calls that wait for you, with all of their arguments."""
    _do(_list, everything, as_json=as_json)


@approvals.command("approve")
def approve(
    approval: Which,
    *,
    arguments: Annotated[str | None, typer.Option(help="Changed arguments, as JSON.")] = None,
    conversation: Annotated[bool, typer.Option("--conversation", help="And the tool's later calls there.")] = False,
    pattern: Annotated[
        str | None, typer.Option(help='And calls like it: JSON such as {"url": "https://a.org/*"}.')
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="Until when that is remembered (UTC); 30 days otherwise.")
    ] = None,
    work: Work = False,
    as_json: Json = False,
) -> None:
    """Allow a call: once, or (with --conversation or --pattern) later ones as well."""
    _do(_approve, approval, (arguments, conversation, pattern, until), work, as_json=as_json)


@approvals.command("reject")
def reject(
    approval: Which,
    reason: Annotated[str, typer.Argument(help="Why not; the operator is told.")] = "",
    work: Work = False,
    as_json: Json = False,
) -> None:
    """Do not allow a call."""
    _do(_reject, approval, reason, work, as_json=as_json)


@approvals.command("rules")
def list_rules(as_json: Json = False) -> None:
    """List the decisions that are remembered."""
    _do(_rules, as_json=as_json)


@approvals.command("revoke")
def revoke(
    rule: Annotated[str, typer.Argument(help="The rule's id, or its unique beginning.")], as_json: Json = False
) -> None:
    """Forget a remembered decision at once."""
    _do(_revoke, rule, as_json=as_json)


def _do(work: Any, *given: Any, as_json: bool) -> None:
    from chat.terminal import _run, _settings

    _run(work(_settings("warning"), *given, as_json=as_json))


async def _list(settings: Settings, everything: bool, *, as_json: bool) -> int:
    from api.approvals import shown
    from chat.terminal import say_json
    from chat.terminal_place import at_hand

    async with at_hand(settings, work=False) as place:
        found = await place.desk.approvals.of_user(place.user_id)
    listed = [a for a in found if everything or a.decided_at is None]
    for one in listed:
        if as_json:
            say_json(shown(one))
        else:
            typer.echo("\n".join(_lines(one)))
    if not listed and not as_json:
        typer.echo("Nothing waits for your approval.")
    return 0


def _lines(one: Approval) -> list[str]:
    state = f"until {one.expires_at:%Y-%m-%d %H:%M} UTC" if one.decided_at is None else one.decision
    arguments = json.dumps(one.arguments)
    head = f"{one.id}  {one.tool}  {state}"
    return [head, f"  {_plain(one.words)}", f"  {one.why}", f"  {arguments}"]


async def _approve(settings: Settings, approval: str, how: tuple[Any, ...], work: bool, *, as_json: bool) -> int:
    arguments, conversation, pattern, until = how
    if sum((arguments is not None, conversation, pattern is not None)) > 1:
        raise BadInput("Choose one: --arguments, --conversation or --pattern.")
    choice = "edit" if arguments is not None else "conversation" if conversation else "pattern" if pattern else "once"
    if until is not None and choice not in ("conversation", "pattern"):
        raise BadInput("--until goes with --conversation or --pattern.")
    given = arguments if arguments is not None else pattern
    return await _decide(settings, approval, choice, work, as_json=as_json, given=given, until=until)


async def _reject(settings: Settings, approval: str, reason: str, work: bool, *, as_json: bool) -> int:
    return await _decide(settings, approval, "reject", work, as_json=as_json, text=reason)


async def _decide(
    settings: Settings, approval: str, choice: str, work: bool, *, as_json: bool, given: str | None = None, **more: Any
) -> int:
    from api.approvals import decision, shown
    from api.bodies import read_object
    from chat.terminal import say_json
    from chat.terminal_missions import follow_to_rest
    from chat.terminal_place import at_hand

    if more.get("until") is not None:
        more["until"] = _utc(more["until"])
    arguments = None if given is None else read_object(given.encode("utf-8", "surrogateescape"))
    async with at_hand(settings, work=work) as place:
        asked = await _find(place, approval)
        seen = await place.desk.journal.read(asked.mission_id)
        await place.desk.give(decision(asked, choice, place.user_id, arguments=arguments, **more))
        if work:
            return await follow_to_rest(place, asked.mission_id, seen[-1].seq if seen else 0, None, as_json=as_json)
        done = await place.desk.approvals.get(asked.id, place.user_id)
    words = "Not allowed." if choice == "reject" else "Allowed."
    if not place.served:
        words += f" Nobody is at work on this data now; go on with: staffwork missions follow {asked.mission_id} --work"
    if as_json:
        say_json(shown(done))
    else:
        typer.echo(words)
    return 0


async def _find(place: Place, beginning: str) -> Approval:
    found = await place.desk.approvals.of_user(place.user_id, 2, beginning=beginning) if beginning else []
    if not found:
        raise NotFound(f"There is no approval {beginning}. List them with: staffwork approvals list")
    if len(found) > 1 and all(one.id != beginning for one in found):
        raise BadInput(f"Several approvals begin with {beginning}. Give more of the id.")
    return found[0]


async def _rules(settings: Settings, *, as_json: bool) -> int:
    from api.approvals import rule_shown
    from chat.terminal import say_json
    from chat.terminal_place import at_hand

    async with at_hand(settings, work=False) as place:
        found = await place.desk.approval_rules.of_user(place.user_id)
    for rule in found:
        if as_json:
            say_json(rule_shown(rule))
            continue
        where = f"in conversation {rule.conversation_id}" if rule.conversation_id else "in every conversation"
        looks = "any arguments" if rule.pattern is None else _plain(json.dumps(rule.pattern, ensure_ascii=False))
        typer.echo(f"{rule.id}  {rule.tool}  {where}, {looks}, until {rule.expires_at:%Y-%m-%d %H:%M} UTC")
    if not found and not as_json:
        typer.echo("No decision is remembered.")
    return 0


async def _revoke(settings: Settings, rule: str, *, as_json: bool) -> int:
    from chat.terminal import say_json
    from chat.terminal_place import at_hand

    async with at_hand(settings, work=False) as place:
        found = [r for r in await place.desk.approval_rules.of_user(place.user_id) if rule and r.id.startswith(rule)]
        if len(found) != 1:
            raise NotFound(f"There is no single remembered decision {rule}. List them with: staffwork approvals rules")
        await place.desk.approval_rules.revoke(found[0].id, place.user_id)
    if as_json:
        say_json({"revoked": found[0].id})
    else:
        typer.echo("Forgotten. You are asked again from now on.")
    return 0


def _utc(at: datetime) -> datetime:
    from datetime import UTC

    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _plain(text: str) -> str:
    """Write control characters out: a terminal must not obey what an operator wrote."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
