"""What of everything that can be found goes into the brief."""

from __future__ import annotations

from collections.abc import Sequence

from core.memories import Origin, Passage, Recollection
from memory.index import fuse
from memory.passages import words_of
from memory.recollection import recall


class Shelf:
    """An index that holds a few passages with fixed scores and knows nothing but the filters."""

    def __init__(self, *found: Recollection) -> None:
        self._found = found
        self.asked: list[tuple[str | None, tuple[Origin, ...]]] = []

    async def add(self, passages: Sequence[Passage]) -> None:
        raise AssertionError("recalling writes nothing")

    async def passages_of(self, origin_id: str, *, user_id: str) -> list[Passage]:
        return []

    async def search(
        self,
        query: str,
        *,
        user_id: str,
        conversation_id: str | None = None,
        origins: Sequence[Origin] = tuple(Origin),
        limit: int = 6,
    ) -> list[Recollection]:
        self.asked.append((conversation_id, tuple(origins)))
        return [
            r
            for r in self._found
            if r.passage.user_id == user_id
            and r.passage.origin in origins
            and conversation_id in (None, r.passage.conversation_id)
        ][:limit]


def found(name: str, text: str, score: float, origin: Origin = Origin.FILE, conversation: str = "c") -> Recollection:
    passage = Passage(
        id=name, user_id="ada", conversation_id=conversation, origin=origin, origin_id=name, name=name, text=text
    )
    return Recollection(passage=passage, score=score)


async def names(shelf: Shelf, token_limit: int = 1000, **more: object) -> list[str]:
    chosen = await recall(shelf, "goal", user_id="ada", conversation_id="c", token_limit=token_limit, **more)  # type: ignore[arg-type]
    return [r.passage.id for r in chosen]


async def test_files_of_this_conversation_and_memories_of_all_are_recalled_best_first():
    shelf = Shelf(
        found("here", "numbers of March", 0.5),
        found("elsewhere", "a file of another conversation", 0.9, conversation="d"),
        found("fact", "reports are due on Fridays", 0.7, Origin.MEMORY, "d"),
        found("said", "please keep it brief", 0.4, Origin.MESSAGE, "d"),
    )
    assert await names(shelf) == ["fact", "here", "said"]


async def test_files_are_not_searched_where_there_are_none():
    shelf = Shelf(found("fact", "reports are due on Fridays", 0.7, Origin.MEMORY))
    assert await names(shelf, with_files=False) == ["fact"]
    assert [origins for _, origins in shelf.asked] == [(Origin.MESSAGE, Origin.MEMORY)]


async def test_what_is_unrelated_repeated_or_already_known_is_left_out():
    shelf = Shelf(
        found("best", "the budget for travel is 4,000 euro this year", 0.8),
        found("same", "The budget for travel is 4,000 euro this year", 0.7),
        found("known", "something in the window", 0.6),
        found("noise", "recipes for soup", 0.1),
    )
    assert await names(shelf, skip_origin_ids={"known"}) == ["best"]


async def test_the_token_budget_holds_and_smaller_passages_still_fit():
    shelf = Shelf(found("a", "a" * 1000, 0.9), found("b", "b" * 3000, 0.8), found("c", "c" * 900, 0.7))
    assert await names(shelf, token_limit=500) == ["a", "c"]
    assert await names(shelf, token_limit=10) == []


def test_scores_are_fused_by_meaning_first():
    scores = fuse({"near": 0.6, "both": 0.5, "opposite": -0.4}, {"both": 8.0, "far": 4.0})
    assert scores["both"] == 0.7
    assert scores["near"] == 0.6
    assert scores["opposite"] == 0.0
    assert 0.2 < scores["far"] < 0.3  # no vector yet: its words speak for it
    assert fuse({"a": 0.95}, {"a": 1.0}) == {"a": 1.0}
    assert fuse({}, {}) == {}


def test_a_full_text_query_is_words_in_quotes_only():
    assert (
        words_of('Total AND "x" total NEAR(a*) name:b') == '"total" OR "and" OR "x" OR "near" OR "a" OR "name" OR "b"'
    )
    assert words_of("?!* \x00\ud800") == ""
    assert words_of(" ".join(f"w{n}" for n in range(500))).count("OR") == 39
