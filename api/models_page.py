"""The page of models and connections. Plain HTML and forms, no JavaScript; a key that was entered is never on it again."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.bodies import fitting
from api.connection_items import drawn, quoted
from api.models import NewCredential, chosen, connected, connections, removed, tested
from api.templates import address_of_asset, template
from core.errors import BadInput, Conflict, NotFound, Refused, StaffworkError
from graphs.connections import TITLES, Connection, Connections, Tier
from memory.in_force import SEARCH

router = APIRouter()

WORK = {"standard": "Most work", "small": "Simple steps", "strong": "Hard steps"}
VARIABLES = {"standard": "STAFFWORK_MODEL", "small": "STAFFWORK_MODEL_SMALL", "strong": "STAFFWORK_MODEL_STRONG"}
DONE = {
    "connected": "{title} is connected: the key works and is kept encrypted.",
    "kept": "{title} is set up: the service answered, and the next search uses it.",
    "found": "{title} works: the service answered.",
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
        return await _page(request, problem=str(problem), code=code_of(problem), given=given)
    return RedirectResponse(f"/models?did={did}&name={quote(name)}", 303)


async def _carry_out(request: Request, given: dict[str, str], name: str) -> str:
    match given.get("kind"):
        case "choose":
            await chosen(request, {tier: given[tier].strip() for tier in WORK if tier in given})
            return "chosen"
        case "connect":
            wanted = {k: given.get(k, "") for k in NewCredential.model_fields}
            await connected(request, name, fitting(NewCredential, wanted))
            return "kept" if name == SEARCH else "connected"
        case "test":
            await tested(request, name, given.get("model", ""))
            return "found" if name == SEARCH else "works"
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


async def _page(
    request: Request, *, said: str = "", problem: str = "", code: int = 200, given: Mapping[str, str] | None = None
) -> HTMLResponse:
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
        connections="".join(drawn(c, given or {}) for c in every),
        **assets(),
    )
    return HTMLResponse(html, code)


def assets() -> dict[str, str]:
    """Name the style sheets of these pages."""
    return {"base_style": address_of_asset("schedules.css"), "style": address_of_asset("models.css")}


def datalist(found: Connections) -> str:
    """Offer what providers listed when they were last asked."""
    names = (f"{name}:{model}" for name, models in found.seen.items() for model in models[:SHOWN_MODELS])
    return f'<datalist id="known">{"".join(f"<option value={quoted(n)}>" for n in names)}</datalist>'


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
        f'<input id="{tier.tier}" name="{tier.tier}" list="known" value={quoted(shown)} placeholder="{placeholder}" '
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
