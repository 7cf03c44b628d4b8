"""Errors of model clients are sorted into kinds that code can branch on and people can read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from langchain_core.exceptions import ContextOverflowError, ModelError, ModelRateLimitError

from agents.llm.faults import RETRIED, call_errors, fault_in_event, fault_of, fault_of_status
from core.errors import ModelUnavailable


class _StatusError(Exception):
    """Has what the SDKs' status errors have."""

    def __init__(self, status: int, body: object, headers: dict[str, str]) -> None:
        super().__init__(f"Error code: {status}")
        self.status_code, self.body = status, body
        self.response = httpx.Response(status, headers=headers)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "refused"),
        (401, "auth"),
        (402, "credit"),
        (403, "auth"),
        (404, "not_found"),
        (408, "timeout"),
        (409, "server"),
        (413, "too_long"),
        (418, "refused"),
        (429, "rate_limit"),
        (500, "server"),
        (529, "server"),
    ],
)
def test_statuses(status: int, kind: str) -> None:
    assert fault_of_status(status, "what", {}).kind == kind


def test_only_what_may_pass_is_tried_again() -> None:
    assert sorted(RETRIED) == ["bad_reply", "connection", "cut_stream", "rate_limit", "server", "timeout"]


def test_the_message_of_a_body_is_found_and_kept_short() -> None:
    error = _StatusError(401, {"error": {"message": "Bad   key\n" + "x" * 1000, "type": "auth"}}, {})
    words = str(fault_of(error))
    assert "status 401: Bad key xxx" in words
    assert len(words) < 400
    assert "Bad gateway" in str(fault_of(_StatusError(502, "<html><h1>Bad gateway</h1></html>", {})))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"retry-after": "12"}, 12), ({"retry-after-ms": "1500"}, 1.5), ({}, None), ({"retry-after": "soon"}, None)],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert fault_of(_StatusError(429, None, headers)).retry_after == seconds


def test_retry_after_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    wait = fault_of(_StatusError(429, None, {"retry-after": later})).retry_after
    assert wait is not None
    assert 55 < wait <= 60


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, "server"),
        ({"type": "rate_limit_error", "message": "slow"}, "rate_limit"),
        ({"type": "authentication_error", "message": "who?"}, "auth"),
        ({"code": 402, "message": "Insufficient credits"}, "credit"),
        ({"code": 502, "message": "Provider returned error"}, "server"),
        ({"code": "context_length_exceeded", "message": "too many tokens"}, "too_long"),
        ("something broke", "server"),
    ],
)
def test_error_events(event: object, kind: str) -> None:
    assert fault_in_event(event).kind == kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError("refused"), "connection"),
        (httpx.RemoteProtocolError("peer closed connection"), "connection"),
        (httpx.ReadTimeout("slow"), "timeout"),
        (ModelRateLimitError("slow down"), "rate_limit"),
        (ContextOverflowError("too much"), "too_long"),
        (ModelError("?"), "connection"),
        (ModelUnavailable("refused", "no"), "refused"),
    ],
)
def test_errors_of_other_clients(error: Exception, kind: str) -> None:
    assert isinstance(error, call_errors())
    assert fault_of(error).kind == kind


def test_bugs_of_ours_are_no_faults_of_a_model() -> None:
    for bug in (KeyError("x"), ValueError("x"), TypeError("x"), AssertionError("x")):
        assert not isinstance(bug, call_errors())
