"""What a model call costs, and how many tokens it had where the provider does not say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import orjson

from agents.llm.calls import ModelRequest, Tokens
from agents.llm.pictures import picture_tokens
from core.settings import Settings

_CHARACTERS_PER_TOKEN = 4
_LISTED = ("openai", "anthropic", "openrouter")


@dataclass(frozen=True)
class Price:
    """US dollars for one call and who says so; cost None means that nobody knows."""

    cost: Decimal | None
    by: str  # provider | genai-prices | settings | free | unpriced


FREE = Price(Decimal(0), "free")


class Catalog:
    """Prices calls: what the provider reports, else the public price list, else the settings, else unpriced."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def load(self) -> None:
        """Read the price list now (a fifth of a second), in a thread where that matters."""
        import genai_prices.data_snapshot

        genai_prices.data_snapshot.get_snapshot()

    def price(self, provider: str, model: str, tokens: Tokens) -> Price:
        """Price one call of `provider`'s `model`."""
        if tokens.cost is not None:
            return Price(tokens.cost, "provider")
        listed = self._listed(provider, model, tokens)
        if listed is not None:
            return Price(listed, "genai-prices")
        into, out = self._settings.price_in, self._settings.price_out
        if into is None or out is None:
            return Price(None, "unpriced")
        return Price((into * tokens.tokens_in + out * tokens.tokens_out) / 1_000_000, "settings")

    def per_million(self, provider: str, model: str) -> tuple[Decimal, Decimal] | None:
        """Say what a million tokens cost, in and out, where that is known before a call."""
        if provider == "rehearsal":
            return Decimal(0), Decimal(0)
        into = self.price(provider, model, Tokens(tokens_in=1_000_000)).cost
        out = self.price(provider, model, Tokens(tokens_out=1_000_000)).cost
        return None if into is None or out is None else (into, out)

    def _listed(self, provider: str, model: str, tokens: Tokens) -> Decimal | None:
        from genai_prices import Usage, calc_price

        usage = Usage(
            input_tokens=tokens.tokens_in,
            output_tokens=tokens.tokens_out,
            cache_read_tokens=tokens.cached,
            cache_write_tokens=tokens.cache_written,
        )
        try:
            if provider in _LISTED:
                found = calc_price(usage, model, provider_id=provider)
            elif provider == "compatible":  # known hosts only: a model of the same name elsewhere has another price
                found = calc_price(usage, model, provider_api_url=self._settings.compatible_base_url)
            else:
                return None
        except (LookupError, ValueError):
            return None
        return Decimal(found.total_price)


def estimate(texts: Iterable[str]) -> int:
    """Estimate tokens roughly, at four characters each."""
    return -(-sum(map(len, texts)) // _CHARACTERS_PER_TOKEN)


def estimate_request(request: ModelRequest) -> int:
    """Estimate the tokens of a whole request: messages, tool calls and pictures in them, and tool descriptions."""
    texts = [str(message.text) for message in request.messages]
    texts += [str(call["args"]) for m in request.messages for call in getattr(m, "tool_calls", ())]
    texts += [tool.name + tool.description + orjson.dumps(tool.parameters).decode() for tool in request.tools]
    return estimate(texts) + picture_tokens(request.messages)
