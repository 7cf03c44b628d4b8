"""Which model answers, and why."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agents.llm.router import Router
from agents.llm.scripted import ScriptedChat
from core.errors import Misconfigured
from core.settings import Settings

SCRIPTED = "import:agents.llm.scripted:ScriptedChat"


class NoEmbedder:
    name, dimensions = "none", 0

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return []


def router(**settings: str) -> Router:
    return Router(Settings.model_validate(settings), NoEmbedder())


def test_each_tier_has_its_setting_and_falls_back_to_the_standard_model() -> None:
    chosen = router(model=SCRIPTED, model_strong=SCRIPTED + "?name=strong")
    standard, small, strong = (chosen.choose(tier) for tier in ("standard", "small", "strong"))
    assert (standard.name, standard.provider) == (SCRIPTED, "import")
    assert small.name == SCRIPTED
    assert small.model is standard.model, "one model object per name"
    assert strong.name != SCRIPTED
    assert "STAFFWORK_MODEL_STRONG" in strong.why
    assert "STAFFWORK_MODEL_SMALL" in small.why
    assert "simple steps" in small.why


def test_it_knows_whether_a_model_is_built() -> None:
    chosen = router(model=SCRIPTED)
    assert not chosen.is_ready("standard")
    chosen.choose("standard")
    assert chosen.is_ready("standard")


def test_options_of_an_imported_model_are_handed_to_it() -> None:
    made = router(model=SCRIPTED + "?name=Ann&replies=[]").choose("standard").model
    assert isinstance(made, ScriptedChat)
    assert (made.name, made.replies) == ("Ann", [])


@pytest.mark.parametrize(
    "name",
    [
        "import:no.such.module:Chat",
        "import:agents.llm.scripted:NoSuchChat",
        "import:agents.llm.scripted",
        "import:",
        "import:agents.llm.scripted:ScriptedReply",
        "compatible:",
    ],
)
def test_what_cannot_be_built_names_the_setting(name: str) -> None:
    with pytest.raises(Misconfigured, match="STAFFWORK_MODEL"):
        router(model=name, compatible_base_url="http://127.0.0.1:1/v1").choose("standard")
