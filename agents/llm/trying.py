"""Tries a connection before it is kept: the provider's list of models, then one small real call."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from langchain_core.messages import BaseMessage, HumanMessage

from agents.llm.calls import CallSite, ModelRequest
from agents.llm.gateway import Gateway
from agents.llm.model_lists import first_choice, models_at
from agents.llm.router import Router
from core.errors import BadInput, ModelUnavailable
from core.logs import Masker
from core.ports import Embedder, Ledger
from core.settings import Settings

_ANSWER = 300  # tokens: some models think before they say one word


@dataclass(frozen=True)
class Tried:
    """What a connection that works answered: its models, the one that was asked, and how long that took."""

    models: tuple[str, ...]
    model: str
    seconds: float


def checked_url(text: str) -> str:
    """Return an address without its last slash; raises BadInput for one that is none, or that holds a password."""
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f]", url) or len(url) > 500:
        raise BadInput("The address must look like https://models.example.com/v1 or http://127.0.0.1:11434/v1.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadInput(
            "The address must not hold a name, a password or anything after ? or #. The key has its own field."
        )
    return url


async def unanswered(gateway: Gateway) -> str:
    """Ask the model for most work for one word; returns "" if it answers, else what is wrong, in words for a person."""
    try:
        await gateway.ask(ModelRequest(_question(), max_tokens=_ANSWER), CallSite(role="connection test"))
    except ModelUnavailable as fault:
        return "" if fault.kind == "too_long" else str(fault)  # it spoke, and had more to say
    return ""


def _question() -> list[BaseMessage]:
    return [HumanMessage("This is a connection test. Answer with the single word: ready")]


async def try_connection(
    provider: str, settings: Settings, ledger: Ledger, embedder: Embedder, *, model: str = ""
) -> Tried:
    """List the models, then ask one of them (`model`, or one that is inexpensive) for a word.

    Raises ModelUnavailable in plain words, BadInput if there is no model to ask.
    """
    mask = Masker(settings.secrets())
    try:
        models = await models_at(provider, settings)
    except ModelUnavailable as fault:
        if not model or fault.kind not in ("not_found", "bad_reply", "refused"):
            raise ModelUnavailable(fault.kind, mask(str(fault))) from None
        models = ()  # a server without a list, but with a model we are told of
    asked = model or first_choice(models)
    if not asked:
        raise BadInput("The server answered, but offers no model. Load one there, or name the model to try.")
    started = asyncio.get_running_loop().time()
    trial = settings.model_copy(
        update={"model": f"{provider}:{asked}", "model_small": "", "model_strong": "", "model_attempts": 1}
        | {"model_first_token_seconds": 45.0, "model_silence_seconds": 20.0, "model_total_seconds": 60.0}
    )
    gateway = Gateway(Router(trial, embedder), ledger, trial, mask)
    try:
        await gateway.ask(ModelRequest(_question(), max_tokens=_ANSWER), CallSite(role="connection test"))
    except ModelUnavailable as fault:
        if fault.kind != "too_long":  # it spoke, and had more to say
            raise
    finally:
        await gateway.close()
    return Tried(models or (asked,), asked, asyncio.get_running_loop().time() - started)
