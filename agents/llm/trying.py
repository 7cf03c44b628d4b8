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


def likely_chat(models: Sequence[str]) -> list[str]:
    """Leave out what cannot be talked to, by its name; all of them if nothing would be left."""
    return [name for name in models if not _NO_CHAT.search(name)] or list(models)


def first_choice(models: Sequence[str]) -> str:
    """Choose a capable, inexpensive model to begin with: a known one, the newest of its kind, else the first."""
    able = likely_chat(models)
    for pattern in _PREFERRED:
        if found := [name for name in able if re.search(pattern, name)]:
            return max(found, key=_newness)
    return able[0] if able else ""


def _newness(name: str) -> tuple[list[int], int]:
    return [int(n) for n in re.findall(r"\d+", name)][:3], -len(name)


async def models_at(provider: str, settings: Settings) -> tuple[str, ...]:
    """Ask a provider for its models; raises ModelUnavailable in plain words."""
    base = str(getattr(settings, f"{provider}_base_url")).rstrip("/")
    url = f"{base}/v1/models?limit=1000" if provider == "anthropic" else f"{base}/models"
    return _names(await _asked(url, _headers(provider, settings.key_for(provider)), _SECONDS))


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
        question: list[BaseMessage] = [HumanMessage("This is a connection test. Answer with the single word: ready")]
        await gateway.ask(ModelRequest(question, max_tokens=_ANSWER), CallSite(role="connection test"))
    except ModelUnavailable as fault:
        if fault.kind != "too_long":  # it spoke, and had more to say
            raise
    finally:
        await gateway.close()
    return Tried(models or (asked,), asked, asyncio.get_running_loop().time() - started)


async def local_servers(own_port: int = 0, ports: Sequence[tuple[str, int]] = LOCAL) -> list[LocalServer]:
    """Look for model servers on this machine; only those that answer with a list of models are returned."""
    found = await asyncio.gather(*(_local(name, port) for name, port in ports if port != own_port))
    return [server for server in found if server is not None]


async def _local(name: str, port: int) -> LocalServer | None:
    base = f"http://127.0.0.1:{port}/v1"
    try:
        models = _names(await _asked(f"{base}/models", {}, _PROBE_SECONDS))
    except ModelUnavailable:
        return None
    return LocalServer(name, base, models) if models else None


def _headers(provider: str, key: str) -> dict[str, str]:
    if provider == "anthropic":
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}
    return {"authorization": f"Bearer {key}"} if key else {}


async def _asked(url: str, headers: dict[str, str], seconds: float) -> Any:
    """Get JSON within limits on time and size, following nobody elsewhere: the key is for this address."""
    timeout = httpx.Timeout(seconds, connect=min(_CONNECT, seconds))
    try:
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(timeout=timeout, trust_env=False) as client,
            client.stream("GET", url, headers=headers) as answer,
        ):
            body = await _body(answer)
    except TimeoutError:
        raise ModelUnavailable("timeout", f"{_host(url)} did not answer within {seconds:g} seconds.") from None
    except httpx.TimeoutException:
        raise ModelUnavailable("timeout", f"{_host(url)} did not answer in time.") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        raise ModelUnavailable("connection", f"Nothing was reached at {_host(url)}. Check the address.") from None
    if answer.status_code in (301, 302, 303, 307, 308):
        raise ModelUnavailable("not_found", f"{_host(url)} sends us elsewhere. Give the address it really has.")
    if answer.status_code == 404:
        raise ModelUnavailable(
            "not_found", f"There is no list of models at {url}. Check the address; it often ends in /v1."
        )
    if answer.is_error:
        raise _refusal(answer.status_code, body)
    return _json(url, body)


def _refusal(status: int, body: bytes) -> ModelUnavailable:
    if status in (401, 403):
        return ModelUnavailable(
            "auth", "The provider does not accept this key. Copy it again, whole; it may have been revoked."
        )
    try:
        found = orjson.loads(body)
        message = str((found.get("error") or {}).get("message") or "")
    except (orjson.JSONDecodeError, AttributeError):
        message = ""
    return fault_of_status(status, message or "no reason was given", {})


async def _body(answer: httpx.Response) -> bytes:
    body = b""
    async with aclosing(answer.aiter_bytes()) as chunks:  # type: ignore[type-var]
        async for chunk in chunks:
            body += chunk
            if len(body) > _LARGEST_LIST:
                raise ModelUnavailable("bad_reply", "The list of models is too large to be one.")
    return body


def _json(url: str, body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        words = (
            f"{_host(url)} answered with something that is no list of models. Check the address; it often ends in /v1."
        )
        raise ModelUnavailable("bad_reply", words) from None


def _names(found: Any) -> tuple[str, ...]:
    rows = found.get("data") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise ModelUnavailable("bad_reply", "The server answered with something that is no list of models.")
    names = (str(row.get("id") or "") for row in rows[:_MOST_MODELS] if isinstance(row, dict))
    return tuple(dict.fromkeys(n for n in names if 0 < len(n) <= _LONGEST_NAME and n.isprintable()))


def _host(url: str) -> str:
    return urlsplit(url).netloc
