"""The lists of hostile archives and addresses hold what they are there for: none of the known tricks can be dropped unnoticed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from hostile_archives import HOSTILE as ARCHIVES

ROOT = Path(__file__).resolve().parents[2]

TRICKS = {
    "slip": ("up and out", 2),
    "absolute": ("absolute", 2),
    "drive letter": ("drive", 1),
    "backslash": ("backslash", 1),
    "symbolic link": ("tar link", 1),
    "symbolic link in a zip": ("zip link", 1),
    "through a link": ("through it", 1),
    "hard link": ("hard link", 2),
    "device": ("device", 3),
    "fifo": ("fifo", 2),
    "bomb": ("bomb", 6),
    "bomb in pieces": ("bomb in pieces", 1),
    "lying header": ("lying about size", 1),
    "negative size": ("negative size", 1),
    "overlapping entries": ("overlapping", 1),
    "duplicates but for case": ("same but for case", 2),
    "duplicates but for form": ("same but for form", 1),
    "names that turn": ("direction in a name", 1),
    "invisible names": ("invisible in a name", 1),
    "NUL": ("nul in a name", 1),
    "too many": ("too many", 2),
    "password": ("password", 1),
    "git hook": ("git hook", 1),
    "two names of one entry": ("other name inside", 1),
}
FORMS = {
    "another scheme": "file:///",
    "javascript": "javascript:",
    "decimal": "http://2130706433/",
    "hexadecimal": "http://0x7f000001/",
    "octal": "http://0177.0.0.1/",
    "short": "http://127.1/",
    "digits of other scripts": "http://①②⑦.⓪.⓪.①/",
    "a zone": "%25eth0",
    "who before where": "http://user:secret@",
    "an escaped @": "%40127.0.0.1",
    "a backslash": "\\@127.0.0.1",
    "a line break": "\r\nHost:",
    "an invisible character": "\u200b",
    "a turned name": "\u202e",
    "NUL": "\x00",
    "localhost": "http://localhost/",
    "metadata by name": "metadata.google.internal",
    "another port": "http://example.org:22/",
    "an escaped host": "%31%32%37",
    "a look-alike": "paypaⅼ",
}
NETWORKS = {
    "loopback": "127.0.0.1",
    "private": "10.0.0.1",
    "link-local": "169.254.169.254",
    "Azure's wire server": "168.63.129.16",
    "carrier": "100.64.0.1",
    "multicast": "224.0.0.1",
    "mapped into IPv6": "::ffff:127.0.0.1",
    "NAT64": "64:ff9b::169.254.169.254",
    "6to4": "2002:7f00:1::",
    "unique local": "fd00:ec2::254",
    "ISATAP": "2a00:1450::5efe:7f00:1",
}
WAYS = (
    "test_a_redirect_is_checked_like_any_address",
    "test_between_check_and_connection_nobody_asks_again",
    "test_a_public_name_that_turns_to_loopback_reaches_nothing_there",
    "test_what_is_too_much_is_stopped",
    "test_redirects_end",
    "test_this_machines_own_addresses_are_known_and_refused",
)


def addresses() -> Any:
    """Load the lists of the unit tests, which are no package."""
    place = ROOT / "tests" / "unit" / "test_addresses.py"
    spec = importlib.util.spec_from_file_location("hostile_addresses", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("trick", TRICKS)
def test_the_archives_know_this_trick(trick: str) -> None:
    words, least = TRICKS[trick]
    assert len([name for name in ARCHIVES if words in name]) >= least


@pytest.mark.parametrize("form", FORMS)
def test_the_addresses_know_this_form(form: str) -> None:
    assert any(FORMS[form] in url for url in addresses().HOSTILE)


def test_there_are_as_many_as_promised() -> None:
    found = addresses()
    assert len(ARCHIVES) >= 40
    assert len(set(found.HOSTILE)) >= 45
    assert len(set(found.NEVER)) >= 45
    assert set(NETWORKS.values()) <= set(found.NEVER)


@pytest.mark.parametrize("name", WAYS)
def test_the_ways_around_a_check_are_tried(name: str) -> None:
    assert f"async def {name}(" in (ROOT / "tests" / "integration" / "test_safefetch.py").read_text(encoding="utf-8")
