"""The policy of remembering: what of everything that can be found goes into the Chief's brief."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from core.memories import Origin, Recollection
from core.missions import derived_id
from core.ports import PassageIndex

LEAST_SCORE = 0.22
"""Below, a passage has nothing to do with the goal (measured with the local embedder on unrelated texts)."""
MOST, MOST_SKIPPED = 8, 24
TURN = {"goal": "you said", "answer": "answer"}
"""The two parts of a turn that are remembered, and what they are called where they are cited."""


def turn_id(mission_id: str, part: str) -> str:
    """Name the goal or the answer of a mission among the passages."""
    return derived_id(mission_id, part)


async def recall(
    index: PassageIndex,
    goal: str,
    *,
    user_id: str,
    conversation_id: str,
    token_limit: int,
    skip_origin_ids: Collection[str] = (),
    with_files: bool = True,
    with_memory: bool = True,
) -> list[Recollection]:
    """Choose passages of this conversation's files, and messages and memories of the user, within a token budget.

    `with_files` False spares the search of files where there are none; `with_memory` False leaves out messages and memories.
    """
    files: list[Recollection] = []
    if with_files:
        files = await index.search(
            goal, user_id=user_id, conversation_id=conversation_id, origins=[Origin.FILE], limit=MOST
        )
    enough = MOST + min(len(skip_origin_ids), MOST_SKIPPED)  # those in sight are the closest ones, more often than not
    said: list[Recollection] = []
    if with_memory:
        said = await index.search(goal, user_id=user_id, origins=[Origin.MESSAGE, Origin.MEMORY], limit=enough)
    found = sorted((*files, *said), key=lambda r: -r.score)
    wanted = [r for r in found if r.score >= LEAST_SCORE and r.passage.origin_id not in skip_origin_ids]
    return fitting(unlike(wanted), token_limit)


def unlike(found: Iterable[Recollection]) -> list[Recollection]:
    """Leave out passages that say the same as a better one."""
    kept: list[Recollection] = []
    for candidate in found:
        words = set(candidate.passage.text.lower().split())
        if all(_overlap(words, set(k.passage.text.lower().split())) < 0.8 for k in kept):
            kept.append(candidate)
    return kept


def _overlap(a: set[str], b: set[str]) -> float:
    return len(a & b) / max(min(len(a), len(b)), 1)


def fitting(found: Sequence[Recollection], token_limit: int) -> list[Recollection]:
    """Take the best first while they fit (4 characters count as a token)."""
    kept: list[Recollection] = []
    left = token_limit * 4
    for candidate in found[:MOST]:
        if len(candidate.passage.text) <= left:
            kept.append(candidate)
            left -= len(candidate.passage.text)
    return kept
