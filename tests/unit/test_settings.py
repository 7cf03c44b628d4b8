"""Settings: read once, frozen, and refusing nonsense with one line that names the variable."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.errors import Misconfigured
from core.settings import PREFIX, Settings, load


def read(env_file: Path | None = None, **variables: str) -> Settings:
    return load({PREFIX + name: value for name, value in variables.items()}, env_file)


def refusal(**variables: str) -> str:
    with pytest.raises(Misconfigured) as caught:
        read(**variables)
    words = str(caught.value)
    assert "\n" not in words
    return words


def test_it_starts_with_nothing_set_and_no_key():
    settings = load({}, None)
    assert settings.model == "rehearsal:"
    assert settings.host == "127.0.0.1"


def test_variables_are_read_with_their_types():
    settings = read(PORT="9000", DATA_DIR="/srv/staffwork", MISSION_COST="2.50", LOG_LEVEL="debug")
    assert (settings.port, settings.data_dir) == (9000, Path("/srv/staffwork"))
    assert (settings.mission_cost, settings.log_level) == (Decimal("2.50"), "debug")


def test_other_programs_variables_are_left_alone():
    assert load({"PATH": "/bin", "PORT": "x", "OPENAI_API_KEY": "k"}, None) == load({}, None)


def test_the_environment_wins_over_the_file(tmp_path):
    env_file = tmp_path / ".env"
    env_file.write_text('# mine\nSTAFFWORK_PORT=9000\nSTAFFWORK_HOST="0.0.0.0"\nOTHER=1\n', encoding="utf-8")
    settings = read(env_file, PORT="9001")
    assert (settings.port, settings.host) == (9001, "0.0.0.0")


def test_an_empty_value_means_the_default(tmp_path):
    env_file = tmp_path / ".env"
    env_file.write_text("STAFFWORK_PORT=\nSTAFFWORK_LOG_LEVEL\n", encoding="utf-8")
    assert read(env_file, HOST="") == load({}, None)


def test_an_unknown_name_stops_the_start():
    assert refusal(PROT="9000").startswith("STAFFWORK_PROT: there is no such setting")


def test_an_unknown_name_in_the_file_stops_the_start(tmp_path):
    env_file = tmp_path / ".env"
    env_file.write_text("STAFFWORK_MODLE=openai:x\n", encoding="utf-8")
    with pytest.raises(Misconfigured, match="STAFFWORK_MODLE"):
        load({}, env_file)


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("PORT", "http", "integer"),
        ("PORT", "65536", "65535"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("MISSION_COST", "0", "greater than 0"),
        ("MODEL", "gpt-5", "provider:name"),
        ("MODEL", "acme:x", "rehearsal, openai, anthropic, openrouter, compatible, import"),
        ("EMBEDDINGS", "best", "local, openai:<model> or compatible:<model>"),
        ("DELEGATION_DEPTH", "9", "8"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_what_is_accepted(name, value, accepted):
    words = refusal(**{name: value})
    assert words.startswith(f"STAFFWORK_{name}: ")
    assert accepted in words
    assert repr(value) in words


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("openai:gpt-5", "STAFFWORK_OPENAI_API_KEY"),
        ("anthropic:claude", "STAFFWORK_ANTHROPIC_API_KEY"),
        ("openrouter:auto", "STAFFWORK_OPENROUTER_API_KEY"),
        ("compatible:qwen3:8b", "STAFFWORK_COMPATIBLE_BASE_URL"),
    ],
)
@pytest.mark.parametrize("place", ["MODEL", "MODEL_SMALL", "MODEL_STRONG"])
def test_a_model_without_what_it_needs_is_refused(place, model, variable):
    assert refusal(**{place: model}) == f"{variable}: must be set to use {model}"


def test_a_model_with_what_it_needs_is_accepted():
    settings = read(
        MODEL="openai:gpt-5", OPENAI_API_KEY="sk-1", MODEL_SMALL="compatible:q", COMPATIBLE_BASE_URL="http://h/v1"
    )
    assert settings.key_for("openai") == "sk-1"
    assert settings.key_for("rehearsal") == ""


def test_settings_are_frozen_and_closed():
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.port = 1
    with pytest.raises(ValidationError):
        Settings(prot=1)


def test_making_settings_reads_nothing_from_outside(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("STAFFWORK_PORT=1234\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STAFFWORK_PORT", "4321")
    assert Settings().port == 8000


def test_secrets_are_never_shown():
    settings = read(MODEL="openai:x", OPENAI_API_KEY="sk-very-secret")
    shown = settings.shown()
    assert shown["STAFFWORK_OPENAI_API_KEY"] == "(set)"
    assert shown["STAFFWORK_ANTHROPIC_API_KEY"] == "(not set)"
    assert "sk-very-secret" not in repr(settings) + str(shown)
    assert settings.secrets() == ["sk-very-secret"]
    assert len(shown) == len(Settings.model_fields)


def test_a_bad_secret_is_not_repeated_in_the_complaint():
    with pytest.raises(Misconfigured) as caught:
        load({"STAFFWORK_COMPATIBLE_API_KEY": "sk-1", "STAFFWORK_PRICE_IN": "-1"}, None)
    assert "sk-1" not in str(caught.value)
