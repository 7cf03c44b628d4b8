"""The settings of the chat: one page of plain forms, which the chat shows as a panel too (public/choosing.js)."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from agents.llm.router import offered
from api.bodies import fitting
from api.preferences import Chosen
from api.rooms import code_of, filled, office_of, options, room, shown
from api.visitors import present
from core.errors import StaffworkError
from core.settings import Settings
from graphs.choosing import LANGUAGES, checked_wishes
from memory.in_force import TIERS as IN_SETTINGS
from memory.preferences import Kept, Wishes

router = APIRouter()
TIERS = {"standard": "Most work", "small": "Simple steps", "strong": "Hard steps"}
_SWITCHES = {
    "approve_plan": ("Show me plans first", "Nobody works before you have accepted the plan, or changed it."),
    "step_mode": ("Step by step", "Every task and every tool call waits for you."),
    "memory": ("Memory", "Off: nothing from other conversations is used, and nothing of this is kept for later ones."),
}
_SAID = {"1": "Kept. It counts from your next message on."}


@router.get("/preferences")
async def preferences_page(request: Request, conversation: str = "", kept: str = "") -> HTMLResponse:
    """Show what the person chose, for everything or for one conversation."""
    return await _page(request, conversation, said=_SAID.get(kept, ""))


@router.post("/preferences")
async def keep(request: Request) -> Response:
    """Keep what the form says; whatever is wrong is said on the page, and nothing is changed then."""
    given = await filled(request)
    conversation = given.get("conversation", "")
    office, user_id = office_of(request), present().user_id
    try:
        before = await office.preferences.get(user_id, conversation)
        version = int(given["version"]) if given.get("version", "").isdecimal() else None
        wishes = _read(given, before.wishes)
        wishes = checked_wishes(wishes, (await office.connections.now()).settings, office.roster)
        await office.preferences.put(wishes, user_id, conversation, version)
    except StaffworkError as problem:
        return await _page(request, conversation, problem=str(problem), code=code_of(problem), given=given)
    return RedirectResponse(f"/preferences?conversation={conversation}&kept=1", 303)


def _read(given: dict[str, str], before: Wishes) -> Wishes:
    """Read the form; operators are chosen elsewhere and stay."""
    fields: dict[str, Any] = {name: {"on": True, "off": False}.get(given.get(name, "")) for name in _SWITCHES}
    fields |= {name: given.get(name, "").strip() or None for name in ("cost", "language")}
    tokens = given.get("tokens", "").strip().replace(",", "").replace(" ", "")
    fields["tokens"] = int(tokens) if tokens.isdecimal() and len(tokens) < 16 else tokens or None
    fields["models"] = {tier: given[f"model_{tier}"] for tier in TIERS if given.get(f"model_{tier}")}
    wishes = fitting(Chosen, fields).model_dump(exclude={"version"})
    return Wishes.model_validate(wishes | {"operators": before.operators})


async def _page(
    request: Request,
    conversation: str,
    *,
    said: str = "",
    problem: str = "",
    code: int = 200,
    given: dict[str, str] | None = None,
) -> HTMLResponse:
    office, user_id = office_of(request), present().user_id
    kept = await office.preferences.get(user_id, conversation)
    now = (await office.connections.now()).settings
    about = "They count from your next message on, on every device."
    content = _form(kept, now, conversation, given)
    if conversation:
        title = (await office.conversations.get(conversation, user_id)).title
        about = f"Only for the conversation {title!r}. What you leave open is as in all conversations."
        content += '<p><a href="/preferences">Settings for all conversations</a></p>'
    return room("Chat settings", about, content, said=said, problem=problem, code=code)


def _form(kept: Kept, now: Settings, conversation: str, given: dict[str, str] | None) -> str:
    chosen = _as_given(kept.wishes) if given is None else given
    usual = {"approve_plan": "off", "step_mode": "on" if now.step_mode else "off", "memory": "on"}
    usual |= {tier: str(getattr(now, field)) or now.model for tier, field in IN_SETTINGS.items()}
    as_usual = {name: "As in all conversations" if conversation else f"Usual: {words}" for name, words in usual.items()}
    parts = [_switch(name, as_usual[name], chosen.get(name, "")) for name in _SWITCHES]
    none = "As in all conversations" if conversation else "The language I write in"
    parts.append(
        _select("language", "Language of answers", {"": none} | {n: n for n in LANGUAGES}, chosen.get("language", ""))
    )
    cost = f"At most {now.mission_cost.normalize():f} here. Empty: that much."
    parts.append(_number("cost", "Most US dollars for one mission", cost, chosen.get("cost", "")))
    tokens = f"At most {now.mission_tokens:,} here."
    parts.append(_number("tokens", "Most tokens for one mission", tokens, chosen.get("tokens", "")))
    for tier, words in TIERS.items():
        models = {"": as_usual[tier]} | {name: name for name in offered(now)}
        parts.append(_select(f"model_{tier}", f"Model for {words.lower()}", models, chosen.get(f"model_{tier}", "")))
    version = given.get("version", "") if given else str(kept.version)
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in (("conversation", conversation), ("version", version))
    )
    buttons = '<div class="buttons"><button class="primary">Keep these settings</button></div>'
    return (
        f'<form class="card" id="choices" method="post" action="/preferences">{hidden}{"".join(parts)}{buttons}</form>'
    )


def _as_given(wishes: Wishes) -> dict[str, str]:
    chosen = {name: {True: "on", False: "off"}.get(getattr(wishes, name), "") for name in _SWITCHES}
    chosen |= {"language": wishes.language or "", "tokens": str(wishes.tokens or "")}
    chosen |= {"cost": "" if wishes.cost is None else f"{wishes.cost.normalize():f}"}
    return chosen | {f"model_{tier}": model for tier, model in wishes.models.items()}


def _switch(name: str, usual: str, chosen: str) -> str:
    label, words = _SWITCHES[name]
    return _select(name, label, {"": usual, "on": "On", "off": "Off"}, chosen, words)


def _select(name: str, label: str, choices: dict[str, str], chosen: str, words: str = "") -> str:
    facts = f'<p class="facts">{escape(words)}</p>' if words else ""
    return f'<label for="{name}">{shown(label)}</label><select id="{name}" name="{name}">{options(choices, chosen)}</select>{facts}'


def _number(name: str, label: str, words: str, value: str) -> str:
    field = f'<input id="{name}" name="{name}" inputmode="decimal" autocomplete="off" maxlength="20" value="{escape(value)}">'
    return f'<label for="{name}">{shown(label)}</label>{field}<p class="facts">{escape(words)}</p>'
