"""Builds chat models by name; a provider's SDK is imported when a model of it is first wanted, and not before."""

from __future__ import annotations

import asyncio
import importlib
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from core.errors import Misconfigured
from core.ports import Embedder
from core.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

_CONNECT_SECONDS = 10.0
_PRODUCT = "Staffwork"
_LONGEST_ERROR = 64 * 1024  # bytes of the body that comes with an error status
_ERROR_SECONDS = 1.0


class Providers:
    """Makes models, and one client per provider that they share."""

    def __init__(self, settings: Settings, embedder: Embedder) -> None:
        self._settings = settings
        self._embedder = embedder
        self._clients: dict[str, Any] = {}

    def build(self, name: str) -> BaseChatModel:
        """Build the model `provider:name`; raises Misconfigured."""
        provider, _, model = name.partition(":")
        match provider:
            case "rehearsal":
                from agents.llm.rehearsal import RehearsalChat

                return RehearsalChat(embedder=self._embedder)
            case "import":
                return _imported(model)
            case "anthropic":
                from agents.llm.anthropic_chat import AnthropicChat

                client = self._client("anthropic")
                return AnthropicChat(
                    client=client, name_on_wire=_named(name), max_tokens=self._settings.model_max_tokens
                )
            case "openai" | "openrouter" | "compatible":
                from agents.llm.openai_chat import OpenAIChat

                return OpenAIChat(
                    client=self._client(provider),
                    name_on_wire=_named(name),
                    provider=provider,
                    max_tokens=self._settings.model_max_tokens,
                )
        raise Misconfigured(f"STAFFWORK_MODEL: there is no provider {provider!r}.")

    def _client(self, provider: str) -> Any:
        if provider not in self._clients:
            options = self._options(provider)
            self._clients[provider] = _anthropic(options) if provider == "anthropic" else _openai(options)
        return self._clients[provider]

    def _options(self, provider: str) -> dict[str, Any]:
        """Say everything explicitly: what is left out, the SDKs take from variables that are none of ours."""
        headers = {"HTTP-Referer": _PRODUCT, "X-Title": _PRODUCT} if provider == "openrouter" else {}
        return {
            "api_key": self._settings.key_for(provider) or "none",  # local servers want no key, the SDKs insist on one
            "base_url": getattr(self._settings, f"{provider}_base_url"),
            "max_retries": 0,  # the gateway retries, and nobody else
            "timeout": self._settings.model_total_seconds,
            "default_headers": headers,
        }

    async def close(self) -> None:
        """Close every client."""
        while self._clients:
            await self._clients.popitem()[1].close()


def _openai(options: dict[str, Any]) -> Any:
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

    client = AsyncOpenAI(**_connecting(options, Timeout, DefaultAsyncHttpxClient))
    client.organization = client.project = None  # from the environment, meant for other programs
    client._custom_headers = options["default_headers"]  # without those of OPENAI_CUSTOM_HEADERS
    return client


def _anthropic(options: dict[str, Any]) -> Any:
    from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient, Timeout

    client: Any = AsyncAnthropic(open_telemetry=False, **_connecting(options, Timeout, DefaultAsyncHttpxClient))
    client._custom_headers = options["default_headers"]  # without those of ANTHROPIC_CUSTOM_HEADERS
    return client


def _connecting(options: dict[str, Any], timeout_type: Any, http_client: Any) -> dict[str, Any]:
    """Add the SDK's own kind of HTTP client, which shortens error bodies, and how long it may take to connect."""
    # The gateway watches first token, silence and total itself; a timer per read would cost a tenth of the CPU.
    timeout = timeout_type(options["timeout"], connect=_CONNECT_SECONDS, read=None)
    return options | {"timeout": timeout, "http_client": http_client(event_hooks={"response": [_shorten_error]})}


async def _shorten_error(response: Any) -> None:
    """Read the beginning of the body of an error, before the SDK would wait for all of it and keep it in memory."""
    if response.status_code < 400:
        return
    head = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(_ERROR_SECONDS), aclosing(response.stream) as body:
            async for chunk in body:
                head += chunk
                if len(head) > _LONGEST_ERROR:
                    break
    response.stream = type(response)(response.status_code, content=head).stream


def _named(name: str) -> str:
    model = name.partition(":")[2]
    if not model:
        raise Misconfigured(f"STAFFWORK_MODEL: {name} names no model; write {name}<model>.")
    return model


def _imported(path: str) -> BaseChatModel:
    """Import `module.path:ClassOrFactory`, and call it with the options after a `?` (model=x&temperature=0)."""
    from langchain_core.language_models.chat_models import BaseChatModel

    target, _, query = path.partition("?")
    module, _, attribute = target.partition(":")
    options = {key: _value(text) for key, text in parse_qsl(query)}
    try:
        made = getattr(importlib.import_module(module), attribute)(**options)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise Misconfigured(f"STAFFWORK_MODEL: import:{target} cannot be used: {error}") from error
    if not isinstance(made, BaseChatModel):
        raise Misconfigured(
            f"STAFFWORK_MODEL: import:{target} makes no LangChain chat model but {type(made).__name__}."
        )
    return made


def _value(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
