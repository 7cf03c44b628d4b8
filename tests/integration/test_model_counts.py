"""What a model server says of its own consumption: impossible counts neither stop the ledger nor pay anything back."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from llm_fixtures import MODELS, desk_at
from store_fixtures import store
from wire_replies import WireReply
from wire_servers import WireServer

from memory.ledger import Ledger

IMPOSSIBLE: dict[str, dict[str, Any]] = {
    "more than a database holds": {"tokens_in": 2**40},
    "more than any integer": {"tokens_in": 2**70, "tokens_cached": 2**70},
    "less than nothing": {"tokens_in": -1_000_000, "tokens_out": -1_000_000},
    "half a token": {"tokens_out": 20.5},
    "money back": {"cost": -3.5},
    "not a price": {"cost": "NaN"},
}


@pytest.mark.parametrize("said", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
async def test_impossible_counts_are_estimated_and_the_next_call_is_on_record_too(
    place: Path | str, said: dict[str, Any]
) -> None:
    replies = [WireReply(text="First.", **said), WireReply(text="Second.")]
    async with store(place) as database:
        ledger = Ledger(database)
        with WireServer(replies, check=False) as server:
            async with desk_at(server, MODELS["openai"]) as desk:
                desk.record = ledger.record  # type: ignore[method-assign]
                first, second = await desk.ask(), await desk.ask()
        await ledger.flush()
        assert (first.text, second.text) == ("First.", "Second.")
        rows = await ledger.of_mission("m1")
        assert len(rows) == 2
        assert all(0 < row.tokens_in < 100_000 and 0 <= row.tokens_out < 100_000 for row in rows)
        assert all(row.tokens_cached >= 0 and (row.cost or Decimal(0)) >= 0 for row in rows)
