"""What can go wrong with a model call, sorted into the kinds of ModelUnavailable, and said in plain words."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
from langchain_core.exceptions import ModelError

from core.errors import ModelUnavailable

RETRIED = frozenset({"rate_limit", "server", "timeout", "connection", "cut_stream", "bad_reply"})
"""The kinds after which another attempt may succeed."""

_BY_STATUS = {
    401: "auth",
    402: "credit",
    403: "auth",
    404: "not_found",
    408: "timeout",
    413: "too_long",
    429: "rate_limit",
}
_BY_STATUS |= {409: "server", 425: "server"}
_BY_WORD = (  # the first that occurs in the type, code or message of an error decides
    ("credit", ("insufficient_quota", "billing", "credit balance", "insufficient credits", "payment_required")),
    ("too_long", ("context_length", "context length", "context window", "prompt is too long", "request_too_large")),
    ("rate_limit", ("rate_limit", "rate limit", "too many requests")),
    ("auth", ("authentication", "invalid_api_key", "permission_error", "incorrect api key")),
    ("not_found", ("not_found_error", "model_not_found")),
    ("refused", ("content_filter", "content_policy", "invalid_request")),
)
_BY_CLASS = {
    "ContextOverflowError": "too_long",
    "ModelAuthenticationError": "auth",
    "ModelPermissionDeniedError": "auth",
    "ModelNotFoundError": "not_found",
    "ModelRateLimitError": "rate_limit",
    "ModelInvalidRequestError": "refused",
    "ModelAPIError": "server",
    "ModelTimeoutError": "timeout",
    "APITimeoutError": "timeout",
    "TimeoutException": "timeout",
    "DecodingError": "bad_reply",
    "StreamChunkTimeoutError": "timeout",
}


def call_errors() -> tuple[type[BaseException], ...]:
    """List the error classes a model call can end with, those of the client libraries in use included.

    Looked up when an error happens: a library that was never imported cannot have raised it.
    """
    known: list[type[BaseException]] = [ModelUnavailable, ModelError, OSError]
    for module, names in (
        ("openai", ("OpenAIError",)),
        ("anthropic", ("AnthropicError",)),
        ("httpx", ("HTTPError", "StreamError")),
        ("httpx2", ("HTTPError", "StreamError")),
        ("anyio", ("EndOfStream", "BrokenResourceError", "ClosedResourceError")),
    ):
        loaded = sys.modules.get(module)
        known += [getattr(loaded, name) for name in names if hasattr(loaded, name)]
    return tuple(known)


def fault_of(error: BaseException) -> ModelUnavailable:
    """Sort an error of a model client into a kind, with a sentence that says what happened."""
    if isinstance(error, ModelUnavailable):
        return error
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        headers = getattr(getattr(error, "response", None), "headers", {})
        return fault_of_status(status, _message_of(getattr(error, "body", None)) or str(error), headers)
    body = getattr(error, "body", None)
    if isinstance(body, dict):  # an error event that the SDK met within a stream
        return fault_in_event(body)
    for ancestor in type(error).__mro__:
        if kind := _BY_CLASS.get(ancestor.__name__):
            return ModelUnavailable(kind, f"The model's server: {_short(str(error) or ancestor.__name__)}")
    cause = error.__cause__ or error
    return ModelUnavailable(
        "connection", f"The connection to the model failed ({_short(str(cause) or type(cause).__name__)})."
    )


def fault_of_status(status: int, message: str, headers: Mapping[str, str]) -> ModelUnavailable:
    """Sort an HTTP status and the message that came with it."""
    kind = _BY_STATUS.get(status) or ("server" if status >= 500 else "refused")
    word = _kind_by_word(message)
    if status in (400, 422) or (status == 429 and word == "credit"):  # where the message tells more than the status
        kind = word or kind
    words = f"The model's server answered with status {status}: {_short(message)}"
    return ModelUnavailable(kind, words, retry_after=_retry_after(headers))


def fault_in_event(error: object) -> ModelUnavailable:
    """Sort an error object found in a stream or in the body of a reply that claimed to be fine."""
    facts = error if isinstance(error, dict) else {"message": str(error)}
    message = _message_of(facts)
    code = facts.get("code")
    if isinstance(code, int) and 400 <= code < 600:  # OpenRouter passes the status of the provider behind it
        return fault_of_status(code, message, {})
    kind = _kind_by_word(f"{facts.get('type')} {code} {message}") or "server"
    return ModelUnavailable(kind, f"The model's server reported an error: {_short(message)}")


def fault_in_body(body: bytes) -> ModelUnavailable:
    """Say what a body was that should have been an event stream."""
    text = body.decode("utf-8", "replace").strip()
    if not text:
        return ModelUnavailable("cut_stream", "The model's server answered with nothing.")
    if text.startswith("{"):
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            return ModelUnavailable("bad_reply", f"The model's server sent no reply but: {_short(text)}")
        return fault_in_event(found.get("error") or found)
    if text.startswith("<"):
        return ModelUnavailable("bad_reply", "A web page came back instead of a reply; the base URL may be wrong.")
    return ModelUnavailable("bad_reply", f"The model's server sent no reply but: {_short(text)}")


def _kind_by_word(text: str) -> str | None:
    lower = text.lower()
    return next((kind for kind, words in _BY_WORD if any(word in lower for word in words)), None)


def _message_of(body: object) -> str:
    """Find the text in an error body; providers nest it once (`error.message`) or not at all."""
    if isinstance(body, dict):
        inner: Any = body.get("error")
        if isinstance(inner, dict | str):
            return _message_of(inner)
        kind = f"{body.get('type') or ''} {body.get('code') or ''}".strip()
        message = str(body.get("message") or body.get("detail") or body)
        return message if not kind or kind in message else f"{message} ({kind})"
    return "" if body is None else str(body)


def _short(text: str) -> str:
    flat = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)).strip()
    flat = flat if len(flat) <= 300 else flat[:300] + "..."
    return flat if flat.endswith((".", "!", "?")) else flat + "."


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how many seconds the server asks us to wait (Retry-After as seconds or a date, or retry-after-ms)."""
    if millis := headers.get("retry-after-ms"):
        return float(millis) / 1000 if _is_number(millis) else None
    value = headers.get("retry-after")
    if not value:
        return None
    if _is_number(value):
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*\d+(\.\d+)?\s*", text) is not None
