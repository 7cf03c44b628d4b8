"""How connections are drawn on the page of models."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from graphs.connections import SERVICES, Connection
from memory.in_force import SEARCH


def drawn(one: Connection, given: Mapping[str, str]) -> str:
    """Draw one connection: its state, and forms to test, remove and replace it; every word is escaped.

    What was `given` to its form without success stands there again, but for the key.
    """
    typed = given if (given.get("kind"), given.get("name")) == ("connect", one.name) else {}
    badge, about = _state(one)
    actions = ""
    if one.source:
        actions += _button("test", one, "Test", "")
    if one.source == "browser":
        actions += _button("remove", one, "Remove", "quiet")
    form = "" if one.source == "environment" else _details(one, typed)
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


def _details(one: Connection, typed: Mapping[str, str]) -> str:
    summary = "Replace" if one.source else "Connect"
    return (
        f'<details{" open" if typed else ""}><summary aria-label="{summary} {escape(one.title)}">{summary}</summary>'
        f'<form method="post" action="/models"><input type="hidden" name="kind" value="connect">'
        f'<input type="hidden" name="name" value="{one.name}">{_fields_of(one, typed)}'
        f'<button type="submit" class="primary">Test and keep</button></form></details>'
    )


def _fields_of(one: Connection, typed: Mapping[str, str]) -> str:
    n = one.name
    key = (
        f'<label for="{n}-key">Key{" <span class=soft>(if it wants one)</span>" if n in ("compatible", SEARCH) else ""}</label>'
        f'<input id="{n}-key" name="key" type="password" maxlength="2000" autocomplete="off" spellcheck="false">'
    )
    needed = "" if n == "compatible" else " <span class=soft>(only if it is not the usual one)</span>"
    known = typed.get("base_url") or (one.base_url if n == "compatible" else "")
    address = (
        f'<label for="{n}-url">Address{needed}</label><input id="{n}-url" name="base_url" type="url" maxlength="500" '
        f'value={quoted(known)} placeholder={quoted(_example(one))} autocomplete="off" spellcheck="false">'
    )
    if n == SEARCH:
        chosen = {typed.get("service"): " selected"}
        options = "".join(f'<option value="{s}"{chosen.get(s, "")}>{s.capitalize()}</option>' for s in SERVICES)
        return f'<label for="{n}-service">Service</label><select id="{n}-service" name="service">{options}</select>{key}{address}'
    model = (
        f'<label for="{n}-model">Model to test with <span class="soft">(empty: we choose a small one)</span></label>'
        f'<input id="{n}-model" name="model" maxlength="200" value={quoted(typed.get("model", ""))} '
        f'autocomplete="off" spellcheck="false" autocapitalize="none">'
    )
    return (address + key if n == "compatible" else key + address) + model


def _example(one: Connection) -> str:
    if one.name == SEARCH:
        return "https://searx.example.com"
    return one.base_url or "http://127.0.0.1:11434/v1"


def quoted(text: str) -> str:
    """Write a text as the value of an attribute."""
    return f'"{escape(text)}"'
