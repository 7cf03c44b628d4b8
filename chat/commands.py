"""Commands of the composer: `/help` and its like. Their answers are shown to whoever typed them, beside the conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation

from chat import scheduling
from chat.desk import Desk
from chat.incoming import Incoming
from core.budget import total
from core.errors import BadInput, NotFound
from core.events import ModelFailed, ModelReplied, money
from graphs.choosing import checked_wishes
from graphs.keeping import keep_fact
from graphs.schedule_saying import Saying
from memory.changes import FileChanges
from memory.memories import Memories
from memory.preferences import Wishes
from memory.remembered import Recollections, Wanted

MOST_SHOWN = 20
"""Lines of one answer: the newest changes, the closest memories."""
LONGEST_FACT = 2_000


@dataclass(frozen=True)
class Item:
    """One line of an answer; its button sends `say` as if it had been typed, or leads to `href`."""

    text: str
    button: str = ""
    say: str = ""
    href: str = ""
    talk: str = ""  # the operator to talk to from here on


@dataclass(frozen=True)
class Said:
    """What a command answers."""

    title: str
    text: str = ""
    items: list[Item] = field(default_factory=list)


@dataclass(frozen=True)
class Typed:
    """A command as it was typed, and the conversation it is about: "" while nothing was said in it."""

    incoming: Incoming
    rest: str
    conversation_id: str

    @property
    def user_id(self) -> str:
        return self.incoming.user_id


Answer = Said | Incoming
Work = Callable[[Desk, Typed], Awaitable[Answer]]


def name_of(text: str) -> str:
    """Name the command a message begins with; "" if it is a message like any other."""
    word = text.strip().split(maxsplit=1)[0] if text.strip() else ""
    return word[1:].lower() if word.startswith("/") and word[1:].lower() in COMMANDS else ""


async def carried_out(desk: Desk, incoming: Incoming) -> Answer:
    """Carry out the command a message begins with; a message that is none, or the goal of one, comes back to be taken.

    Raises BadInput, NotFound or Conflict in words for the person.
    """
    name = name_of(incoming.text)
    if not name:
        saying = await scheduling.proposed(desk.office, incoming)
        return incoming if saying is None else _proposal(saying, incoming.text.strip())
    rest = incoming.text.strip()[len(name) + 1 :].strip()
    typed = Typed(incoming, rest, await _begun(desk, incoming))
    return await COMMANDS[name].work(desk, typed)


async def _begun(desk: Desk, incoming: Incoming) -> str:
    try:
        return (await desk.office.conversations.get(incoming.conversation_id, incoming.user_id)).id
    except NotFound:
        return ""


async def _help(_desk: Desk, _typed: Typed) -> Said:
    items = [Item(f"/{name} {c.takes}".rstrip() + f" - {c.words}") for name, c in COMMANDS.items()]
    return Said("Commands", "@ and an operator's name sends a message straight to that operator.", items)


async def _operators(desk: Desk, _typed: Typed) -> Said:
    staff = desk.office.roster.enabled()
    items = [Item(f"@{p.name} - {p.title}. {p.when}", "Talk to", talk=p.name) for p in staff]
    return Said("Operators", "Name one in a message, or talk to one directly in this conversation.", items)


async def _plan(desk: Desk, typed: Typed) -> Answer:
    if typed.rest.lower() in ("on", "off"):
        await _change(desk, typed, approve_plan=typed.rest.lower() == "on")
        said = "wait until you accept them" if typed.rest.lower() == "on" else "are carried out at once"
        return Said("Plans", f"Plans {said} {_where(typed)}.")
    if typed.rest or typed.incoming.files:
        return replace(typed.incoming, text=typed.rest, plan_first=True)
    on = (await desk.office.preferences.in_force(typed.user_id, typed.conversation_id)).approve_plan
    state = "Plans wait until you accept them." if on else "Plans are carried out at once."
    ways = [Item("/plan and a goal: only for that one")]
    ways.append(
        Item("", "Carry plans out at once", say="/plan off") if on else Item("", "Show me plans first", say="/plan on")
    )
    return Said("Plans", state, ways)


async def _budget(desk: Desk, typed: Typed) -> Said:
    now = (await desk.office.connections.now()).settings
    word = typed.rest.removeprefix("$").strip().lower()
    if word == "off":
        await _change(desk, typed, cost=None)
    elif word:
        await _change(desk, typed, cost=_amount(word))
    wishes = await desk.office.preferences.in_force(typed.user_id, typed.conversation_id)
    allowed = min(wishes.cost or now.mission_cost, now.mission_cost)
    tokens = min(wishes.tokens or now.mission_tokens, now.mission_tokens)
    items = [Item(f"One mission may cost {money(allowed)} and use {tokens:,} tokens.")]
    items.append(Item(f"Spent in this conversation: {await _spent(desk, typed)}."))
    items.append(Item("/budget 0.50 sets the limit of one mission in US dollars; /budget off takes it back."))
    return Said("Budget", f"These limits count {_where(typed)}." if word else "", items)


def _amount(word: str) -> Decimal:
    try:
        amount = Decimal(word)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise BadInput(f"{word[:40]!r} is no amount. Write /budget 0.50, or /budget off.")
    return amount


async def _spent(desk: Desk, typed: Typed) -> str:
    rows = await desk.office.missions.of_conversation(typed.conversation_id) if typed.conversation_id else []
    events = [e for row in rows for e in await desk.office.journal.read(row.mission.id)]
    used = total(e.usage for e in events if isinstance(e, ModelReplied | ModelFailed))
    price = (
        money(used.cost) if used.priced else f"{money(used.cost)} and {used.unpriced_calls} calls without a known price"
    )
    return f"{price}, {used.tokens:,} tokens"


async def _remember(desk: Desk, typed: Typed) -> Said:
    if not typed.rest:
        raise BadInput("Write what to remember: /remember our fiscal year begins in April.")
    if len(typed.rest) > LONGEST_FACT:
        raise BadInput(f"That is longer than {LONGEST_FACT:,} characters. Remember it in one or two sentences.")
    store = Memories(desk.office.database)
    kept = await keep_fact(desk.office.index, store, typed.user_id, typed.conversation_id, typed.rest)
    return Said("Remembered", kept.text)


async def _recall(desk: Desk, typed: Typed) -> Said:
    if not typed.rest:
        kept = await Memories(desk.office.database).of_user(typed.user_id, MOST_SHOWN)
        items = [Item(m.text) for m in kept]
        items += [Item("All of it, to change or delete", "Look", href="/memories")] if kept else []
        return Said("What is remembered", "" if kept else "Nothing is kept yet.", items)
    found = await desk.office.index.search(typed.rest, user_id=typed.user_id, conversation_id=None, limit=8)
    items = [Item(f"{r.passage.name}: {' '.join(r.passage.text.split())[:400]}") for r in found]
    return Said(f"Known about: {typed.rest[:80]}", "" if items else "Nothing is known about that.", items)


async def _undo(desk: Desk, typed: Typed) -> Said:
    changes = await FileChanges(desk.office.database).of_conversation(typed.conversation_id, typed.user_id)
    open_ = [c for c in reversed(changes) if not c.undone and not c.undoes]
    if not typed.rest:
        items = [
            Item(f"{c.words}: {', '.join(part.name for part in c.files)}", "Undo", say=f"/undo {c.id}")
            for c in open_[:MOST_SHOWN]
        ]
        items += await _facts_kept_here(desk, typed)
        return Said("Undo", "Which change?" if items else "Nothing was changed in this conversation's files.", items)
    wanted = next((c for c in changes if c.id == typed.rest), None)
    if wanted is None:
        raise NotFound("There is no such change in this conversation. /undo lists what can be undone.")
    mission = (await desk.office.missions.get(wanted.mission_id, typed.user_id)).mission
    done = await desk.office.changes.undo_by_person(mission, wanted.id)
    return Said("Undo", f"{done.words}: {', '.join(part.name for part in done.files)}.")


async def _facts_kept_here(desk: Desk, typed: Typed) -> list[Item]:
    """Point to the facts that were kept in this conversation: they are taken back on their own page."""
    if not typed.conversation_id:
        return []
    wanted = Wanted("fact", conversation=typed.conversation_id, limit=MOST_SHOWN)
    kept = await Recollections(desk.office.database).list(typed.user_id, wanted)
    return [Item(f"Remembered: {m.text[:200]}", "Change or delete", href=f"/memories#memory-{m.id}") for m in kept]


async def _export(_desk: Desk, typed: Typed) -> Said:
    if not typed.conversation_id:
        return Said("Export", "There is nothing to export yet.")
    address = f"/api/conversations/{typed.conversation_id}/export?format="
    formats = {"md": "To read, as Markdown", "html": "To read, as a page"}
    formats |= {"json": "Everything, as JSON", "zip": "Everything, with files"}
    items = [Item(words, "Download", href=address + name) for name, words in formats.items()]
    return Said("Export", "This conversation as a file.", items)


async def _schedule(desk: Desk, typed: Typed) -> Said:
    office, incoming = desk.office, typed.incoming
    if found := scheduling.CONFIRMED.fullmatch(typed.rest):
        name, when = await scheduling.confirmed(office, typed.user_id, found)
        return Said(
            "Scheduled", f"{name}: {when}", [Item("Change, pause or remove it", "Schedules", href="/schedules")]
        )
    saying = await scheduling.placed(office, incoming, scheduling.wanted(typed.rest))
    return _proposal(saying, saying.goal)


def _proposal(saying: Saying, once: str) -> Said:
    """Show a schedule that a person may confirm; `once` is the message if it is to be done now, and once."""
    when, coming = scheduling.times(saying)
    items = [Item(f"What: {saying.goal}"), Item(f"Next: {'; '.join(coming)}")]
    items.append(Item("", "Make this schedule", say=f"/schedule yes {saying.cron} {saying.zone} {saying.goal}"))
    items.append(Item("", "Do it once, now", say=f"/once {once}"))
    items.append(Item("Another time, or a limit of cost?", "Schedules", href="/schedules"))
    return Said("Shall this be done again and again?", f"{when}. Nothing is kept until you press the button.", items)


async def _once(_desk: Desk, typed: Typed) -> Answer:
    if not typed.rest and not typed.incoming.files:
        raise BadInput("Write what to do: /once every Monday at 9 is when we meet; find a better time.")
    return replace(typed.incoming, text=typed.rest)


async def _change(desk: Desk, typed: Typed, **changes: object) -> None:
    """Change one choice, for this conversation if it has begun, else for all of them."""
    kept = await desk.office.preferences.get(typed.user_id, typed.conversation_id)
    wishes = Wishes.model_validate(kept.wishes.model_dump() | changes)
    now = (await desk.office.connections.now()).settings
    wishes = checked_wishes(wishes, now, desk.office.roster)
    await desk.office.preferences.put(wishes, typed.user_id, typed.conversation_id, kept.version)


def _where(typed: Typed) -> str:
    return (
        "in this conversation" if typed.conversation_id else "in all conversations that have no settings of their own"
    )


@dataclass(frozen=True)
class Command:
    """What follows its name, what it does in a few words, and what does it."""

    takes: str
    words: str
    work: Work


COMMANDS: dict[str, Command] = {
    "plan": Command("goal", "shows you the plan first, for this goal; on and off switch it for good", _plan),
    "budget": Command("[amount]", "what missions may cost, and what was spent here", _budget),
    "remember": Command("fact", "keeps a fact for later conversations", _remember),
    "recall": Command("[words]", "finds what is known about something", _recall),
    "undo": Command("", "takes back changes of files, one by one", _undo),
    "schedule": Command("when, what", "shows a schedule to confirm: every Monday at 9, summarise the news", _schedule),
    "once": Command("goal", "does it now and once, though it sounds like a schedule", _once),
    "operators": Command("", "who there is, and what for", _operators),
    "export": Command("", "this conversation as a file", _export),
    "help": Command("", "this list", _help),
}
