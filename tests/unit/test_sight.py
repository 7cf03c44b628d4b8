"""Which models can see pictures, and what is said of those that cannot."""

from __future__ import annotations

import pytest

from agents.llm.pictures import speaks_of_pictures
from agents.llm.sight import can_see, seeing, why_blind
from core.settings import Settings


@pytest.mark.parametrize(
    ("name", "sees"),
    [
        ("openai:gpt-4o", True),
        ("openai:gpt-5-mini", True),
        ("openai:gpt-6-luna", True),
        ("openai:o3", True),
        ("openai:o3-mini", False),
        ("openai:gpt-4", False),
        ("openai:gpt-3.5-turbo", False),
        ("openai:gpt-4o-audio-preview", False),
        ("openai:davinci-002", None),
        ("anthropic:claude-opus-4-8", True),
        ("anthropic:claude-3-5-haiku-latest", True),
        ("anthropic:claude-2.1", False),
        ("openrouter:anthropic/claude-sonnet-4.5", True),
        ("openrouter:google/gemini-2.5-pro:free", True),
        ("openrouter:qwen/qwen2.5-vl-72b-instruct", True),
        ("openrouter:somebody/something", None),
        ("openrouter:auto", None),
        ("compatible:gpt-4o", None),
        ("compatible:llava", None),
        ("rehearsal:", False),
        ("import:some.module:Chat", None),
        ("nonsense", None),
    ],
)
def test_what_is_known_of_models(name: str, sees: bool | None) -> None:
    assert can_see(name, Settings()) is sees


def test_an_administrator_knows_better() -> None:
    told = Settings(models_that_see="compatible:llava*, openai:davinci-002, - openai:gpt-5*")
    assert can_see("compatible:llava:13b", told) is True
    assert can_see("openai:davinci-002", told) is True
    assert can_see("openai:gpt-5-mini", told) is False
    assert can_see("openai:gpt-4o", told) is True
    assert seeing(["openai:gpt-5", "openai:gpt-4o", "compatible:phi"], told) == ["openai:gpt-4o"]


def test_an_imported_model_says_it_itself() -> None:
    for said, sees in (({"image_inputs": True}, True), ({"image_inputs": False}, False), ({}, None), (None, None)):
        assert can_see("import:some.module:Chat", Settings(), said) is sees


def test_why_a_model_is_shown_none_and_what_can_be_done() -> None:
    house = Settings()
    assert why_blind("openai:gpt-4o", [], house) == ""
    words = why_blind("rehearsal:", ["rehearsal:"], house)
    assert words == (
        "the rehearsal model cannot see pictures. No model that is set up here can; an administrator can add one on the "
        "page Models."
    )
    words = why_blind("compatible:phi", ["compatible:phi", "openai:gpt-4o"], house)
    assert words.startswith("nobody knows whether compatible:phi can see pictures. openai:gpt-4o can: choose it")
    assert "STAFFWORK_MODELS_THAT_SEE" in words
    assert "switched off" in why_blind("openai:gpt-4o", [], Settings(pictures_per_call=0))


@pytest.mark.parametrize(
    ("words", "about"),
    [
        ("Invalid content type. image_url is only supported by certain models.", True),
        ("No endpoints found that support image input", True),
        ("messages.0.content.1.image.source.base64: image exceeds 5 MB maximum", True),
        ("This model does not support multimodal requests", True),
        ("context_length exceeded", False),
        ("The server is overloaded", False),
    ],
)
def test_refusals_of_pictures_are_told_from_others(words: str, about: bool) -> None:
    assert speaks_of_pictures(words) is about
