"""Which models can see pictures: as an administrator says, else as is known of the model; what nobody knows is not tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.decisions import looks_like
from core.settings import Settings

_BLIND = {
    "openai": ("gpt-3.5*", "gpt-4", "gpt-4-0*", "o1-mini*", "o1-preview*", "o3-mini*", "*audio*", "*realtime*"),
    "anthropic": ("claude-2*", "claude-instant*"),
}
_SEEING = {
    "openai": (
        *("gpt-4o*", "gpt-4.1*", "gpt-4.5*", "gpt-4-turbo*", "gpt-5*", "gpt-6*", "chatgpt-4o*"),
        *("o1", "o1-2*", "o1-pro*", "o3", "o3-2*", "o3-pro*", "o4-mini*"),
    ),
    "anthropic": ("claude-3*", "claude-opus-*", "claude-sonnet-*", "claude-haiku-*"),
    "google": ("gemini*",),
    "meta-llama": ("llama-4*", "llama-3.2-*-vision*"),
    "mistralai": ("pixtral*",),
    "qwen": ("*-vl*",),
    "x-ai": ("grok-4*",),
}


def can_see(name: str, settings: Settings, profile: Mapping[str, Any] | None = None) -> bool | None:
    """Say whether a model (`provider:name`) can see pictures; None if nobody knows.

    `profile` is what a LangChain model says of itself.
    """
    told = [entry.strip() for entry in settings.models_that_see.split(",") if entry.strip()]
    if any(looks_like(entry.lstrip("- "), name) for entry in told):
        return not any(looks_like(entry[1:].strip(), name) for entry in told if entry.startswith("-"))
    provider, _, model = name.partition(":")
    return _as_known(provider, model, profile or {})


def _as_known(provider: str, model: str, profile: Mapping[str, Any]) -> bool | None:
    match provider:
        case "rehearsal":
            return False
        case "openrouter":
            vendor, _, model = model.partition("/")
            return _known(vendor, model.partition(":")[0])
        case "openai" | "anthropic":
            return _known(provider, model)
        case "import":
            seen = profile.get("image_inputs")
            return seen if isinstance(seen, bool) else None
    return None


def _known(vendor: str, model: str) -> bool | None:
    for answer, patterns in ((False, _BLIND), (True, _SEEING)):
        if any(looks_like(pattern, model) for pattern in patterns.get(vendor, ())):
            return answer
    return None


def seeing(models: Sequence[str], settings: Settings) -> list[str]:
    """List those of some models that can see pictures."""
    return [name for name in models if can_see(name, settings)]


def why_blind(name: str, models: Sequence[str], settings: Settings, profile: Mapping[str, Any] | None = None) -> str:
    """Say why a model is not shown pictures, and what a person can do; "" if it can see. `models` can be chosen here."""
    if settings.pictures_per_call == 0:
        return "showing pictures to models is switched off here (STAFFWORK_PICTURES_PER_CALL)."
    sees = can_see(name, settings, profile)
    if sees:
        return ""
    if others := seeing(models, settings):
        instead = f"{' and '.join(others[:3])} can: choose it for this conversation."
    else:
        instead = "No model that is set up here can; an administrator can add one on the page Models."
    if sees is None:
        return (
            f"nobody knows whether {name} can see pictures. {instead} "
            "If it can, an administrator can say so (STAFFWORK_MODELS_THAT_SEE)."
        )
    return f"{'the rehearsal model' if name.startswith('rehearsal') else name} cannot see pictures. {instead}"
