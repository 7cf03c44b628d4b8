"""Finds what looks like a secret in a text before it leaves the house: keys, tokens, private keys, passwords."""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.logs import MASK, Masker
from core.missions import Value

_LETTER = r"[A-Za-z0-9_\-]"
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("private key", r"-----BEGIN [A-Z ]{0,60}PRIVATE KEY(?: BLOCK)?--.*?(?:-----END [A-Z ]{0,60}PRIVATE KEY(?: BLOCK)?-----|\Z)"),
    ("password in an address", r"(?<=://)[^/\s:@]{0,100}:[^/\s@]{1,200}(?=@)"),
    ("signed token", r"eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{4,}"),
    ("key", rf"(?<![A-Za-z0-9])(?:sk|rk|pk|whsec|gh[opusr]|glpat|gsk|hf|npm|pypi|shpat|xai|r8)[-_]{_LETTER}{{12,}}"),
    ("key", rf"(?<![A-Za-z0-9])(?:github_pat_|xox[abeoprs]-|xapp-|SG\.|ya29\.){_LETTER}[A-Za-z0-9_.\-]{{11,}}"),
    ("key", r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![A-Za-z0-9])"),
    ("key", rf"(?<![A-Za-z0-9])AIza{_LETTER}{{30,}}"),
    ("token", r"(?i:\bbearer\s+)[A-Za-z0-9._~+/=\-]{12,}"),
    ("token", r"(?<=[?&]token=)[A-Za-z0-9._~\-]{12,}"),
    (
        "password",
        r"(?i:(?:password|passwort|passwd|passphrase|secret|api[ _-]?key|access[ _-]?key|auth[ _-]?token|access[ _-]?token)"
        r"[\"'`*\s]{0,4}[:=][\"'`*\s]{0,5})(?P<value>(?=[^\s\"'`*,;]{0,200}[0-9!@#$%^&+/=])[^\s\"'`*,;]{6,200})",
    ),
)  # fmt: skip
_ALL = [(kind, re.compile(pattern, re.DOTALL)) for kind, pattern in _PATTERNS]


class Finding(Value):
    """Something that looks like a secret: what, where, and enough of it to recognise it by."""

    kind: str
    where: str
    shown: str


class SecretScan:
    """Looks through texts; `known` are the secrets of this house, which are always masked."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._mask = Masker(known)

    def findings(self, text: str, where: str) -> list[Finding]:
        """List what a text holds, in order of kind; the same thing twice is one finding."""
        found = [("secret of this house", s) for s in self._mask.secrets if s in text]
        rest = self.house(text)
        for kind, pattern in _ALL:
            found += [(kind, m.group(m.lastgroup or 0)) for m in pattern.finditer(rest)]
            rest = pattern.sub(_mask, rest)
        return [Finding(kind=kind, where=where, shown=_hinted(secret)) for kind, secret in dict.fromkeys(found)]

    def house(self, text: str) -> str:
        """Mask the secrets of this house."""
        return self._mask.known(text)

    def masked(self, text: str) -> str:
        """Mask everything that would be found."""
        text = self.house(text)
        for _, pattern in _ALL:
            text = pattern.sub(_mask, text)
        return text


def _mask(match: re.Match[str]) -> str:
    """Mask a match, or only its value: what it is the password of may be read."""
    name = match.lastgroup or 0
    return match.string[match.start() : match.start(name)] + MASK + match.string[match.end(name) : match.end()]


def _hinted(secret: str) -> str:
    """Show the first letters of a secret and how long it is."""
    start = " ".join(secret[: min(4, len(secret) // 3)].split())
    return f"{start}… ({len(secret)} characters)"
