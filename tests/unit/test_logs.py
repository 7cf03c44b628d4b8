"""Logs: one JSON object a line, the mission on it, no secret in it."""

from __future__ import annotations

import io
import json
import logging

import pytest

from core.logs import MASK, Masker, mission_in_log, start_logging


@pytest.fixture
def written():
    """Send the log to a text buffer, and put the root logger back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    start_logging("info", Masker(["hunter2-hunter2"]), stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object(written):
    logging.getLogger("staff").warning("two\nlines and %s", "an argument")
    [line] = lines(written)
    assert line["message"] == "two\nlines and an argument"
    assert (line["level"], line["logger"]) == ("warning", "staff")
    assert line["at"].endswith("+00:00")
    assert "mission_id" not in line


def test_the_mission_is_named(written):
    token = mission_in_log.set("m1")
    logging.getLogger("staff").info("at work")
    mission_in_log.reset(token)
    logging.getLogger("staff").info("done")
    assert [line.get("mission_id") for line in lines(written)] == ["m1", None]


def test_less_than_the_level_is_left_out(written):
    logging.getLogger("staff").debug("detail")
    assert written.getvalue() == ""


def test_secrets_are_masked_in_text_arguments_and_tracebacks(written):
    try:
        raise ValueError("refused hunter2-hunter2")
    except ValueError:
        logging.getLogger("staff").exception("with %s", "hunter2-hunter2")
    [line] = lines(written)
    assert "hunter2" not in written.getvalue()
    assert line["message"] == f"with {MASK}"
    assert "ValueError" in line["traceback"]


@pytest.mark.parametrize(
    "text",
    [
        "sk-" + "proj-abcdefghijkl1234",
        "Authorization: Bearer " + "abcdefghijklmnop.qrs",
        "ghp_" + "a" * 36,
        "sw_" + "a" * 43,
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "eyJ" + "hbGciOiJIUzI1.eyJzdWIiOiIx.c2lnbmF0dXJl",
    ],
)
def test_what_looks_like_a_secret_is_masked(text):
    secret = text.split()[-1]
    masked = Masker()(f"before {text} after")
    assert secret not in masked
    assert MASK in masked
    assert masked.startswith("before")
    assert masked.endswith("after")


@pytest.mark.parametrize(
    "quoted", ["sk-own-****************9xyz", "****9xyz", "sk-own-abc...9xyz", "sk-own-abc…", "sk***yz"]
)
def test_the_ends_of_a_known_secret_are_masked(quoted):
    masker = Masker(["sk-own-abcdef-123456-9xyz", "hunter2-hunter2"])
    assert masker(f"Incorrect API key provided: {quoted}. See the docs...") == (
        f"Incorrect API key provided: {MASK}. See the docs..."
    )


@pytest.mark.parametrize(
    "text", ["***important***", "and so on...", "sk-...", "wait...what", "****8xyz", "sk-own-zzz…"]
)
def test_other_words_with_gaps_are_left_alone(text):
    assert Masker(["sk-own-abcdef-123456-9xyz"])(text) == text


def test_a_password_in_an_address_is_masked():
    assert Masker()("postgres://ada:lovelace@db/x") == f"postgres://{MASK}@db/x"


def test_ordinary_text_is_left_alone():
    text = "Revenue rose 12 % in https://example.org/report?page=3: risk-assessment-of-2025.pdf, task_based_planning."
    assert Masker(["abc"])(text) == text


def test_the_longer_of_two_known_secrets_is_masked_whole():
    assert Masker(["hunter2", "hunter2-longer"])("a hunter2-longer b") == f"a {MASK} b"
