"""The first run: two doors of equal size, *try it without a key* and *connect a model*. Plain HTML; one can come back any time."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from agents.llm.model_lists import first_choice, likely_chat
from api.bodies import fitting
from api.models import NewCredential, chosen, connected, connections
from api.models_page import assets, code_of, fields
from api.templates import address_of_asset, template
from core.errors import BadInput, StaffworkError
from graphs.connections import TITLES
from memory.in_force import PROVIDERS

router = APIRouter()

_SKIP = '<a href="/">Skip this for now</a>'
_BACK = '<a href="/welcome">Back to both doors</a>'
_DOORS = """
<div class="doors">
<form class="door" method="post" action="/welcome"><input type="hidden" name="kind" value="try">
<h2>Try it now</h2><p>Without a key, and nothing leaves this machine.</p>
<ul><li>A folder of sample files: sales figures and a memo</li><li>Three questions, ready to send</li>
<li>Answers are rehearsals: real sums and quotes, no reasoning</li></ul>
<button type="submit" class="go">Open the chat with samples</button></form>
<div class="door"><h2>Connect a model</h2><p>With your own key, or a model on this machine.</p>
<ul><li>OpenAI, Anthropic, OpenRouter, or your own server</li><li>Tried with one small call before it is kept</li>
<li>The key is kept encrypted and never shown again</li></ul>
<a class="go" href="/welcome?door=connect">Connect a model</a></div>
</div>"""


@router.get("/welcome")
async def welcome(request: Request, door: str = "", name: str = "") -> HTMLResponse:
    """Show the two doors, or what is behind the second: the connection, then its models."""
    connections(request)  # for those who may
    if door == "connect":
        return await _connect(request)
    if door == "model" and name in PROVIDERS:
        return _models(request, name)
    lead = "Look around first, or connect the language model Staffwork works with. You can do the other one later."
    return _page("Two ways to begin", lead, _DOORS, _SKIP)


@router.post("/welcome")
async def welcome_form(request: Request) -> Response:
    """Go through a door."""
    given = await fields(request)
    kind, name = given.get("kind", ""), given.get("name", "")
    try:
        if kind == "connect":
            wanted = {k: given.get(k, "") for k in ("key", "base_url", "model")}
            await connected(request, name, fitting(NewCredential, wanted))
            return RedirectResponse(f"/welcome?door=model&name={name}", 303)
        if kind == "model":
            await chosen(request, {"standard": given.get("model", "")})
        elif kind != "try":
            raise BadInput("This form is not known here. Please load the page again.")
        return RedirectResponse("/", 303)
    except StaffworkError as problem:
        return await _connect(request, str(problem), given, code_of(problem))


async def _connect(
    request: Request, problem: str = "", given: dict[str, str] | None = None, code: int = 200
) -> HTMLResponse:
    """Show the form; what was typed stays, but for the key."""
    typed = given or {}
    found = "".join(_local(s.name, s.base_url, len(s.models)) for s in await connections(request).local())
    found = f'<div class="found">{found}</div>' if found else ""
    wanted = typed.get("name", "openai")
    options = "".join(_option(name, checked=name == wanted) for name in PROVIDERS)
    form = template("welcome_connect.html").substitute(
        found=found,
        options=options,
        base_url=escape(typed.get("base_url", "")),
        model=escape(typed.get("model", "")),
    )
    lead = "Paste a key. It is tried with one small call, which may cost a fraction of a cent, and then kept encrypted."
    return _page("Connect a model", lead, form, f"{_BACK}{_SKIP}", problem=problem, code=code)


def _models(request: Request, name: str) -> HTMLResponse:
    """Show the provider's models, with a good one to begin with."""
    found = connections(request)
    able = sorted(likely_chat(found.seen.get(name, ())), key=str.lower)
    if not able:
        return _page(f"{TITLES[name]} is connected", "", "", '<a href="/models">Choose its models</a>')
    first = first_choice(found.seen[name])
    options = "".join(
        f'<option value="{escape(f"{name}:{model}")}"{" selected" if model == first else ""}>{escape(model)}</option>'
        for model in able
    )
    form = f"""
<form class="connect" method="post" action="/welcome"><input type="hidden" name="kind" value="model">
<input type="hidden" name="name" value="{name}">
<label for="model">Model for most work</label><select id="model" name="model" autofocus>{options}</select>
<button type="submit" class="go">Use it and open the chat</button></form>"""
    count = "one model" if len(able) == 1 else f"{len(able)} models"
    lead = (
        f"It works, and offers {count}. One is enough to begin; others for simple and hard steps can be chosen later."
    )
    return _page(f"{TITLES[name]} is connected", lead, form, '<a href="/models">All about models</a>' + _SKIP)


def _local(name: str, base_url: str, models: int) -> str:
    count = "1 model" if models == 1 else f"{models} models"
    return (
        '<form method="post" action="/welcome"><input type="hidden" name="kind" value="connect">'
        f'<input type="hidden" name="name" value="compatible"><input type="hidden" name="base_url" value="{escape(base_url)}">'
        f"<span><strong>{escape(name)}</strong> answers on this machine, with {count}.</span>"
        f'<button type="submit" class="primary">Use {escape(name)}</button></form>'
    )


def _option(name: str, *, checked: bool) -> str:
    mark = " checked" if checked else ""
    return f'<label><input type="radio" name="name" value="{name}"{mark}> {escape(TITLES[name])}</label>'


def _page(title: str, lead: str, content: str, links: str, *, problem: str = "", code: int = 200) -> HTMLResponse:
    html = template("welcome.html").substitute(
        title=escape(title),
        lead=escape(lead),
        content=content,
        links=links,
        problem=escape(problem),
        no_problem="" if problem else "hidden",
        pressing=address_of_asset("pressing.js"),
        **assets(),
    )
    return HTMLResponse(html, code)
