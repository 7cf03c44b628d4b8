"""What a call costs, who says so, and what is never claimed."""

from __future__ import annotations

from decimal import Decimal

from langchain_core.messages import AIMessage, HumanMessage

from agents.llm.calls import ModelRequest, Tokens
from agents.llm.catalog import Catalog, Price, estimate, estimate_request
from core.ports import ToolSpec
from core.settings import Settings

USED = Tokens(1_000_000, 100_000)
PRICED = {"price_in": Decimal(1), "price_out": Decimal(10)}


def test_what_the_provider_reports_wins() -> None:
    price = Catalog(Settings.model_validate(PRICED)).price("openai", "gpt-5-mini", Tokens(1, 1, cost=Decimal("0.5")))
    assert price == Price(Decimal("0.5"), "provider")


def test_then_the_public_list_with_cached_tokens_at_their_own_price(settings: Settings) -> None:
    catalog = Catalog(settings)
    assert catalog.price("openai", "gpt-5-mini", USED) == Price(Decimal("0.45"), "genai-prices")
    cached = catalog.price("openai", "gpt-5-mini", Tokens(1_000_000, 100_000, cached=1_000_000))
    assert cached == Price(Decimal("0.225"), "genai-prices")
    assert catalog.price("anthropic", "claude-opus-4-8", Tokens(1000, 0, cache_written=1000)).cost == Decimal("0.00625")


def test_then_the_settings_then_nobody_knows(settings: Settings) -> None:
    assert Catalog(Settings.model_validate(PRICED)).price("openai", "gpt-of-tomorrow", USED) == Price(
        Decimal(2), "settings"
    )
    assert Catalog(settings).price("openai", "gpt-of-tomorrow", USED) == Price(None, "unpriced")
    half = Settings.model_validate({"price_in": Decimal(1)})
    assert Catalog(half).price("openai", "gpt-of-tomorrow", USED) == Price(None, "unpriced")


def test_a_model_at_home_does_not_get_the_price_of_its_namesake() -> None:
    at_home = Settings.model_validate({"compatible_base_url": "http://127.0.0.1:11434/v1"})
    assert Catalog(at_home).price("compatible", "gpt-5-mini", USED).by == "unpriced"
    known_host = Settings.model_validate({"compatible_base_url": "https://api.deepseek.com/v1"})
    assert Catalog(known_host).price("compatible", "deepseek-chat", USED).by == "genai-prices"
    assert Catalog(at_home).price("import", "gpt-5-mini", USED).by == "unpriced"


def test_tokens_are_estimated_at_four_characters() -> None:
    assert estimate([]) == 0
    assert estimate(["abcd", "e"]) == 2
    call = {"id": "c", "name": "add", "args": {"a": "x" * 400}}
    tool = ToolSpec(name="add", description="d" * 400, parameters={})
    request = ModelRequest([HumanMessage("q" * 400), AIMessage("", tool_calls=[call])], (tool,))
    assert 300 <= estimate_request(request) <= 310
