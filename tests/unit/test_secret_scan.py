"""What looks like a secret is found, named and masked; ordinary words are left alone."""

from __future__ import annotations

import pytest

from graphs.secret_scan import SecretScan

SCAN = SecretScan(["the-house-key", "short"])

SECRETS = [
    ("key", "sk-proj-abcdefghijklmnop1234"),
    ("key", "sk-ant-api03-abcdefghijklmnop"),
    ("key", "ghp_abcdefghijklmnopqrstuvwxyz0123"),
    ("key", "github_pat_11ABCDEFG0abcdefghijkl"),
    ("key", "glpat-abcdefghijklmnop1234"),
    ("key", "xoxb-123456789012-abcdefghijkl"),
    ("key", "AKIAIOSFODNN7EXAMPLE"),
    ("key", "AIzaSyA1234567890abcdefghijklmnopqrstuv"),
    ("key", "hf_abcdefghijklmnopqrstuv"),
    ("signed token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijk"),
    ("token", "Bearer abcdefghijklmnop"),
    ("private key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\n-----END OPENSSH PRIVATE KEY-----"),
    ("private key", "-----BEGIN PRIVATE KEY-----\ncut off in the middle"),
    ("secret of this house", "the-house-key"),
]
VALUES = [
    ("password", "password: {}", "Tr0ub4dor&3"),
    ("password", "**API key:** `{}`", "abc123def456"),
    ("password", "SECRET={}", "n0t-telling"),
    ("password", '{{"access_token": "{}"}}', "0123456789abc"),
    ("password in an address", "postgres://{}@db/x", "ada:hunter2x"),
    ("token", "https://staff.example.org/setup?token={}", "abcdefghijklmnopqrs"),
]
WORDS = [
    "The password: nothing special about it.",
    "risk_assessment_of_2025_final",
    "Bearer of bad news",
    "secret: yes",
    "task-1234567890",
    "https://example.org/a?b=c",
    "mailto:a@b.example",
    "AKIA",
    "eyJ.a.b",
    "sk-short",
    "a short word",
    "the token was lost",
    "password: ???",
]


@pytest.mark.parametrize(("kind", "secret"), SECRETS)
def test_a_secret_is_found_and_masked(kind: str, secret: str) -> None:
    text = f"before {secret} after"
    [finding] = SCAN.findings(text, "here")
    assert (finding.kind, finding.where, secret[5:] in finding.shown) == (kind, "here", False)
    masked = SCAN.masked(text)
    assert (secret[-12:] in masked, masked.startswith("before [secret]")) == (False, True)


@pytest.mark.parametrize(("kind", "form", "value"), VALUES)
def test_of_what_is_named_only_the_value_is_masked(kind: str, form: str, value: str) -> None:
    [finding] = SCAN.findings(form.format(value), "here")
    assert finding.kind == kind
    assert SCAN.masked(form.format(value)) == form.format("[secret]")


@pytest.mark.parametrize("words", WORDS)
def test_ordinary_words_are_left_alone(words: str) -> None:
    assert (SCAN.findings(words, "here"), SCAN.masked(words)) == ([], words)


def test_the_secrets_of_the_house_are_masked_by_themselves() -> None:
    assert SCAN.house("the-house-key and sk-proj-abcdefghijklmnop1234") == "[secret] and sk-proj-abcdefghijklmnop1234"


def test_the_same_twice_is_one_finding_and_masking_leaves_nothing_to_find() -> None:
    text = "\n".join(secret for _, secret in SECRETS) * 2
    assert len(SCAN.findings("sk-proj-abcdefghijklmnop1234 " * 3, "here")) == 1
    assert SCAN.findings(SCAN.masked(text), "here") == []


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["eyJaaaaaaaa.", "://a:", "-----BEGIN A", "password:", "password ", "bearer  ", "sk-", "?token=", "-"]
)
def test_words_made_to_keep_it_busy_come_to_an_end(piece: str) -> None:
    SCAN.findings(piece * 20_000, "here")
    assert SCAN.masked(piece * 20_000)
