"""What a person can do when a model does not answer."""

from __future__ import annotations

from agents.llm.router import Candidate
from core.errors import ModelUnavailable

_ADVICE = {
    "auth": "An administrator can check {key}.",
    "credit": "An administrator can add credit to the account at {provider}.",
    "rate_limit": "Try again in a few minutes.",
    "server": "That is usually over soon: try again in a few minutes.",
    "timeout": "Try again; an administrator can allow more time (STAFFWORK_MODEL_FIRST_TOKEN_SECONDS, _SILENCE_ and _TOTAL_).",
    "connection": "Try again; an administrator can check the network and {url}.",
    "cut_stream": "Try again.",
    "bad_reply": "Try again; if it happens often, an administrator can choose another model (STAFFWORK_MODEL).",
    "too_long": "Ask for less at once; an administrator can choose a model with more room, or raise STAFFWORK_MODEL_MAX_TOKENS.",
    "refused": "Ask in another way; an administrator can choose another model (STAFFWORK_MODEL).",
    "not_found": "An administrator can check the name of the model and {url}.",
}


def full_words(fault: ModelUnavailable, candidate: Candidate) -> str:
    """Say what happened, and who can do what about it."""
    known = candidate.provider in ("openai", "anthropic", "openrouter", "compatible")
    prefix = f"STAFFWORK_{candidate.provider.upper()}"
    advice = _ADVICE.get(fault.kind, "Try again.").format(
        key=f"{prefix}_API_KEY, or the key on the page Models" if known else "the key of this model",
        url=f"{prefix}_BASE_URL" if known else "the address of this model",
        provider=candidate.provider,
    )
    return f"The model {candidate.name} gave no complete answer. {fault} {advice}"


def asks_for_less(words: str) -> bool:
    """Say whether these are the words of a failure because question or reply were too long for the model."""
    return _ADVICE["too_long"] in words
