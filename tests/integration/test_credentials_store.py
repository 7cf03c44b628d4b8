"""Credentials in the database: sealed, shown by their ending only, in force by a clear rule, noticed by other processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from credential_fixtures import KEY, SECRET, Safe, open_safe
from sqlalchemy import select, update

from core.errors import Conflict, NotFound
from core.logs import MASK, Masker
from memory import tables
from memory.credentials import Secret


@pytest.fixture
async def safe(place: Path | str, tmp_path: Path) -> AsyncIterator[Safe]:
    async with open_safe(place, tmp_path / "data") as opened:
        yield opened


async def test_a_key_is_kept_sealed_and_shown_by_its_last_letters_only(safe: Safe) -> None:
    await safe.credentials.put("openai", SECRET, "ada", tested=True)
    [row] = await safe.database.rows(select(tables.credentials))
    assert KEY not in str(row)
    assert row.secret.startswith("sw1.")
    [shown] = await safe.credentials.all()
    assert (shown.name, shown.ending, shown.has_key, shown.changed_by) == ("openai", "wxyz", True, "ada")
    assert shown.tested_at is not None
    assert KEY not in shown.model_dump_json()
    stored = await safe.again().credentials.stored()
    assert stored.secrets["openai"].key == KEY
    assert Masker()(f"key={KEY}") == f"key={MASK}"


async def test_of_a_short_key_nothing_is_shown(safe: Safe) -> None:
    await safe.credentials.put(
        "compatible", Secret(key="abc123def", base_url="http://127.0.0.1:1/v1"), "ada", tested=True
    )
    [shown] = await safe.credentials.all()
    assert (shown.ending, shown.has_key, shown.base_url) == ("", True, "http://127.0.0.1:1/v1")


async def test_a_key_is_replaced_and_removed(safe: Safe) -> None:
    await safe.credentials.put("openai", SECRET, "ada", tested=True)
    await safe.credentials.put("openai", Secret(key=KEY[::-1]), "bob", tested=False)
    [shown] = await safe.credentials.all()
    assert (shown.ending, shown.changed_by, shown.tested_at) == (KEY[::-1][-4:], "bob", None)
    await safe.credentials.remove("openai")
    assert await safe.credentials.all() == []
    with pytest.raises(NotFound):
        await safe.credentials.remove("openai")


async def test_a_key_that_a_chosen_model_needs_is_not_removed(safe: Safe) -> None:
    await safe.credentials.put("openai", SECRET, "ada", tested=True)
    await safe.credentials.choose({"standard": "openai:gpt-5-mini"}, "ada")
    with pytest.raises(Conflict, match="openai:gpt-5-mini is chosen"):
        await safe.credentials.remove("openai")
    await safe.credentials.choose({"standard": ""}, "ada")
    await safe.credentials.remove("openai")


async def test_another_process_notices_at_its_next_question(safe: Safe) -> None:
    theirs = safe.again().in_force()
    assert (await theirs()).settings.model == "rehearsal:"
    first = await theirs()
    assert await theirs() is first  # nothing changed: nothing is opened again
    await safe.credentials.put("openai", SECRET, "ada", tested=True)
    await safe.credentials.choose({"standard": "openai:gpt-5-mini", "strong": "openai:gpt-5"}, "ada")
    now = (await theirs()).settings
    assert (now.model, now.model_strong, now.model_small, now.key_for("openai")) == (
        "openai:gpt-5-mini",
        "openai:gpt-5",
        "",
        KEY,
    )
    await safe.credentials.put("openai", Secret(key=KEY + "2"), "ada", tested=True)
    assert (await theirs()).settings.key_for("openai") == KEY + "2"


async def test_what_the_environment_gives_wins_for_the_whole_connection(safe: Safe) -> None:
    elsewhere = Secret(key=KEY, base_url="https://elsewhere.example/v1")
    for name in ("openai", "anthropic", "openrouter"):
        await safe.credentials.put(name, elsewhere, "ada", tested=True)
    await safe.credentials.choose({"standard": "openai:gpt-5-mini", "small": "openai:gpt-5-nano"}, "ada")
    given = {
        "model": "rehearsal:",
        "openai_api_key": "sk-of-the-environment-1",
        "anthropic_base_url": "https://a.example",
    }
    now = (await safe.in_force(**given)()).settings
    # A key never meets an address from the other source: it would be sent to somebody it was not meant for.
    assert (now.key_for("openai"), now.openai_base_url) == ("sk-of-the-environment-1", "https://api.openai.com/v1")
    assert (now.key_for("anthropic"), now.anthropic_base_url) == ("", "https://a.example")
    assert (now.key_for("openrouter"), now.openrouter_base_url) == (KEY, "https://elsewhere.example/v1")
    assert (now.model, now.model_small) == ("rehearsal:", "openai:gpt-5-nano")


async def test_a_row_that_was_moved_or_changed_is_a_problem_of_that_connection_only(safe: Safe) -> None:
    for name in ("openai", "anthropic"):
        await safe.credentials.put(name, Secret(key=f"{KEY}-{name}"), "ada", tested=True)
    rows = {row.name: row.secret for row in await safe.database.rows(select(tables.credentials))}
    moved = update(tables.credentials).where(tables.credentials.c.name == "openai").values(secret=rows["anthropic"])
    await safe.database.write((moved, None))
    stored = await safe.credentials.stored()
    assert set(stored.secrets) == {"anthropic"}
    assert "changed or moved" in stored.problems["openai"]
    shown = {c.name: c for c in await safe.credentials.all()}
    assert "changed or moved" in shown["openai"].problem
    assert shown["anthropic"].problem == ""
    assert (await safe.in_force()()).problems == {"openai": stored.problems["openai"]}


async def test_a_lost_key_is_said_and_a_new_secret_can_be_entered(safe: Safe) -> None:
    await safe.credentials.put("openai", SECRET, "ada", tested=True)
    (safe.folder / "secrets" / "secrets.key").unlink()
    fresh = safe.again()
    assert "which is not in" in (await fresh.credentials.stored()).problems["openai"]
    assert (await fresh.rotation.status()).unreadable == ("credentials/secret/openai",)
    await fresh.credentials.put("openai", SECRET, "ada", tested=True)
    assert (await fresh.credentials.stored()).secrets["openai"].key == KEY
