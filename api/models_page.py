"""The page of models and connections. Plain HTML and forms, no JavaScript; a key that was entered is never on it again."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.bodies import fitting
from api.models import NewCredential, chosen, connected, connections, removed, tested
from api.shared_page import address_of_asset, template
from core.errors import BadInput, Conflict, NotFound, Refused, StaffworkError
from graphs.connections import SERVICES, TITLES, Connection, Connections, Tier
from memory.in_force import SEARCH

router = APIRouter()

WORK = {"standard": "Most work", "small": "Simple steps", "strong": "Hard steps"}
VARIABLES = {"standard": "STAFFWORK_MODEL", "small": "STAFFWORK_MODEL_SMALL", "strong": "STAFFWORK_MODEL_STRONG"}
DONE = {
    "connected": "{title} is connected: the key works and is kept encrypted.",
    "kept": "{title} is set up. The next search uses it.",
    "works": "{title} answered; its models are in the lists above.",
    "removed": "{title} is forgotten, with its key.",
    "chosen": "Saved. The next answer uses it.",
}
SHOWN_MODELS = 400
_CODES = ((NotFound, 404), (Conflict, 409), (Refused, 403))


@router.get("/models")
async def models_page(request: Request, did: str = "", name: str = "") -> HTMLResponse:
    """Show which model does what, and what is connected."""
    return await _page(request, said=DONE.get(did, "").format(title=TITLES.get(name, "")))


@router.post("/models")
async def models_form(request: Request) -> Response:
    """Carry out one form of the page; whatever is wrong is said on the page, and nothing is changed then."""
    given = await fields(request)
    name = given.get("name", "")
    try:
        did = await _carry_out(request, given, name)
    except StaffworkError as problem:
        return await _page(request, problem=str(problem), code=code_of(problem))
    return RedirectResponse(f"/models?did={did}&name={quote(name)}", 303)


async def _carry_out(request: Request, given: dict[str, str], name: str) -> str:
    match given.get("kind"):
        case "choose":
            await chosen(request, {tier: given[tier].strip() for tier in WORK if tier in given})
            return "chosen"
        case "connect":
            wanted = {k: given.get(k, "") for k in NewCredential.model_fields}
            return "connected" if await connected(request, name, fitting(NewCredential, wanted)) else "kept"
        case "test":
            await tested(request, name, given.get("model", ""))
            return "works"
        case "remove":
            await removed(request, name)
            return "removed"
    raise BadInput("This form is not known here. Please load the page again.")


async def fields(request: Request) -> dict[str, str]:
    """Read a form: each field once."""
    body = (await request.body()).decode(errors="replace")
    return {k: v[0] for k, v in parse_qs(body, keep_blank_values=True).items()}


def code_of(problem: StaffworkError) -> int:
    """Name the status of an answer that says a problem."""
    return next((code for kind, code in _CODES if isinstance(problem, kind)), 400)


async def _page(request: Request, *, said: str = "", problem: str = "", code: int = 200) -> HTMLResponse:
    found = connections(request)
    tiers, every = await found.tiers(), await found.all()
    free = any(t.source != "environment" for t in tiers)
    html = template("models.html").substitute(
        said=escape(said),
        no_said="" if said else "hidden",
        problem=escape(problem),
        no_problem="" if problem else "hidden",
        no_rehearsal="" if tiers[0].model.startswith("rehearsal") else "hidden",
        tiers="".join(_tier(t) for t in tiers),
        fixed="" if free else "hidden",
        hint=escape(_hint(found, every, free=free)),
        datalist=datalist(found),
        connections="".join(_connection(c) for c in every),
        **assets(),
    )
    return HTMLResponse(html, code)


def assets() -> dict[str, str]:
    """Name the style sheets of these pages."""
    return {"base_style": address_of_asset("schedules.css"), "style": address_of_asset("models.css")}


def datalist(found: Connections) -> str:
    """Offer what providers listed when they were last asked."""
    names = (f"{name}:{model}" for name, models in found.seen.items() for model in models[:SHOWN_MODELS])
    return f'<datalist id="known">{"".join(f"<option value={_quoted(n)}>" for n in names)}</datalist>'


def _hint(found: Connections, every: list[Connection], *, free: bool) -> str:
    if not free:
        return "All three were set where Staffwork was started."
    if not any(c.source for c in every if c.name != SEARCH):
        return "Connect a provider below; then its models can be chosen here."
    if not found.seen:
        return "Write provider:name, such as openai:gpt-5-mini. Test a connection below to have its models listed here."
    return "Write provider:name, or choose from the list. Empty: the same as for most work."


def _tier(tier: Tier) -> str:
    label, variable = WORK[tier.tier], VARIABLES[tier.tier]
    if tier.source == "environment":
        field = f'<p class="fixed">{escape(tier.model)}</p>'
        about = f"Set by {variable} where Staffwork was started."
        return f"<label>{label}</label>{field}<p class=about>{about}{_price(tier)}</p>"
    shown = tier.model if tier.source == "choice" else ""
    placeholder = "rehearsal: (no language model)" if tier.tier == "standard" else "the same as for most work"
    field = (
        f'<input id="{tier.tier}" name="{tier.tier}" list="known" value={_quoted(shown)} placeholder="{placeholder}" '
        'maxlength="250" autocomplete="off" spellcheck="false" autocapitalize="none">'
    )
    return f'<label for="{tier.tier}">{label}</label>{field}<p class="about">{_now(tier)}{_price(tier)}</p>'


def _now(tier: Tier) -> str:
    if tier.source == "choice":
        return "Chosen here."
    return "Now the rehearsal model." if tier.model.startswith("rehearsal") else f"Now {escape(tier.model)}."


def _price(tier: Tier) -> str:
    if tier.model.startswith("rehearsal"):
        return " It costs nothing."
    if tier.per_million is None:
        return " Its price is not known; STAFFWORK_PRICE_IN and STAFFWORK_PRICE_OUT can name one."
    into, out = tier.per_million
    return f" ${into} per million tokens in, ${out} out."


def _connection(one: Connection) -> str:
    badge, about = _state(one)
    actions = ""
    if one.source and one.name != SEARCH:
        actions += _button("test", one, "Test", "")
    if one.source == "browser":
        actions += _button("remove", one, "Remove", "quiet")
    form = "" if one.source == "environment" else _details(one)
    bar = f'<div class="actions">{actions}</div>' if actions else ""
    return (
        f'<li class="card connection" id="{one.name}"><div class="head"><h3>{escape(one.title)}</h3>{badge}</div>'
        f"<p class=soft>{about}</p>{bar}{form}</li>"
    )


def _state(one: Connection) -> tuple[str, str]:
    if one.source == "environment":
        return '<span class="badge on">Connected</span>', "Set where Staffwork was started; change it there."
    if one.kept is None:
        return '<span class="badge">Not connected</span>', escape(ABOUT[one.name])
    if one.kept.problem:
        return '<span class="badge bad">Cannot be used</span>', escape(one.kept.problem)
    parts = [
        _of_key(one.kept.ending, has_key=one.kept.has_key),
        f"entered by {one.kept.changed_by} {_day(one.kept.changed_at)}",
    ]
    parts += [f"tested {_day(one.kept.tested_at)}"] if one.kept.tested_at else []
    parts += [one.kept.service.capitalize()] if one.kept.service else []
    parts += [one.kept.base_url] if one.kept.base_url else []
    return '<span class="badge on">Connected</span>', escape(" · ".join(parts))


ABOUT = {
    "openai": "Models of OpenAI. You need a key from their developer platform.",
    "anthropic": "Models of Anthropic. You need a key from their console.",
    "openrouter": "Models of many providers with one key.",
    "compatible": "Ollama, LM Studio, llama.cpp, vLLM, or any server that speaks OpenAI's language. A key only if it wants one.",
    SEARCH: "DuckDuckGo is asked without a key. Tavily, Brave or your own SearXNG can take its place.",
}


def _of_key(ending: str, *, has_key: bool) -> str:
    if not has_key:
        return "without a key"
    return f"key ending in {ending}" if ending else "with a key"


def _day(moment: Any) -> str:
    return f"on {moment:%d %b %Y}"


def _button(kind: str, one: Connection, words: str, style: str) -> str:
    label = escape(f"{words} {one.title}")
    return (
        f'<form method="post" action="/models"><input type="hidden" name="kind" value="{kind}">'
        f'<input type="hidden" name="name" value="{one.name}"><button class="{style}" aria-label="{label}">{words}</button></form>'
    )


def _details(one: Connection) -> str:
    summary = "Replace" if one.source else "Connect"
    return (
        f"<details><summary>{summary}</summary>"
        f'<form method="post" action="/models"><input type="hidden" name="kind" value="connect">'
        f'<input type="hidden" name="name" value="{one.name}">{_fields_of(one)}'
        f'<button type="submit" class="primary">{"Keep" if one.name == SEARCH else "Test and keep"}</button></form></details>'
    )


def _fields_of(one: Connection) -> str:
    n = one.name
    key = (
        f'<label for="{n}-key">Key{" <span class=soft>(if it wants one)</span>" if n in ("compatible", SEARCH) else ""}</label>'
        f'<input id="{n}-key" name="key" type="password" maxlength="2000" autocomplete="off" spellcheck="false">'
    )
    needed = "" if n == "compatible" else " <span class=soft>(only if it is not the usual one)</span>"
    known = one.base_url if n == "compatible" else ""
    address = (
        f'<label for="{n}-url">Address{needed}</label><input id="{n}-url" name="base_url" type="url" maxlength="500" '
        f'value={_quoted(known)} placeholder={_quoted(_example(one))} autocomplete="off" spellcheck="false">'
    )
    if n == SEARCH:
        options = "".join(f'<option value="{s}">{s.capitalize()}</option>' for s in SERVICES)
        return f'<label for="{n}-service">Service</label><select id="{n}-service" name="service">{options}</select>{key}{address}'
    model = (
        f'<label for="{n}-model">Model to test with <span class="soft">(empty: we choose a small one)</span></label>'
        f'<input id="{n}-model" name="model" maxlength="200" autocomplete="off" spellcheck="false" autocapitalize="none">'
    )
    return (address + key if n == "compatible" else key + address) + model


def _example(one: Connection) -> str:
    if one.name == SEARCH:
        return "https://searx.example.com"
    return one.base_url or "http://127.0.0.1:11434/v1"


def _quoted(text: str) -> str:
    return f'"{escape(text)}"'
