"""Which models a server offers: asked within limits on time and size, sorted into those that can be talked to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from agents.llm.faults import fault_of_status
from core.errors import ModelUnavailable
from core.settings import Settings

_SECONDS, _CONNECT = 20.0, 5.0
_LARGEST_LIST = 8 * 1024 * 1024  # bytes; OpenRouter's has about one million
_MOST_MODELS = 2000
_LONGEST_NAME = 200
_PROBE_SECONDS = 1.5
_NO_CHAT = re.compile(
    r"embed|whisper|tts|audio|realtime|transcri|image|dall-e|sora|moderation|rerank|guard|instruct$|davinci|babbage",
    re.I,
)
_PREFERRED = (
    r"^gpt-[\d.]+-mini$", r"^gpt-[\d.]+-nano$", r"^gpt-[\d.]+$", r"^gpt-4o-mini$", r"^claude-haiku", r"^claude-sonnet",
    r"^openai/gpt-[\d.]+-mini$", r"^anthropic/claude-haiku",
)  # fmt: skip
LOCAL = (("Ollama", 11434), ("LM Studio", 1234), ("llama.cpp", 8080), ("vLLM", 8000))
"""Servers of models that run on one's own machine, and the ports they take unless told otherwise."""


@dataclass(frozen=True)
class LocalServer:
    """A model server found on this machine."""

    name: str
    base_url: str
    models: tuple[str, ...]


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
