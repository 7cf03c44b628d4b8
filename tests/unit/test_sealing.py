"""Secrets at rest: only the right key opens them, in the right place, unchanged."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from core.errors import Misconfigured
from memory.key_files import replace
from memory.sealing import FILE, CannotOpen, Sealer, key_id, key_of, new_key, place, read_keys

SECRET = "sk-canary-0123456789"
HERE = place("credentials", "secret", "openai")


def sealer(*keys: str) -> Sealer:
    return Sealer(read_keys("\n".join(keys or (new_key(),)), "test"))


def test_what_is_sealed_opens_again_and_nowhere_reads_as_it_was():
    house = sealer()
    sealed = house.seal(SECRET, HERE)
    assert house.open(sealed, HERE) == SECRET
    assert SECRET not in sealed
    assert SECRET.encode() not in base64.urlsafe_b64decode(sealed.split(".")[2] + "==")
    assert key_of(sealed) == house.current
    assert house.seal(SECRET, HERE) != sealed  # the same secret twice does not look the same
    assert house.open_bytes(house.seal(b"\x00\xff", HERE), HERE) == b"\x00\xff"


@pytest.mark.parametrize("elsewhere", [place("credentials", "secret", "anthropic"), place("totp", "secret", "openai")])
def test_a_row_that_was_moved_does_not_open(elsewhere):
    house = sealer()
    with pytest.raises(CannotOpen, match="changed or moved"):
        house.open(house.seal(SECRET, HERE), elsewhere)


def test_a_changed_letter_does_not_open():
    house = sealer()
    sealed = house.seal(SECRET, HERE)
    head, _, body = sealed.rpartition(".")
    for at in (0, 20, len(body) // 2, len(body) - 2):
        other = "A" if body[at] != "A" else "B"
        with pytest.raises(CannotOpen, match="changed or moved"):
            house.open(f"{head}.{body[:at]}{other}{body[at + 1 :]}", HERE)
    for broken in (head + ".", head + ".A", head + ".äöü", "", "sw1", "plain text", SECRET):
        with pytest.raises(CannotOpen) as problem:
            house.open(broken, HERE)
        assert SECRET not in str(problem.value)


def test_another_houses_key_does_not_open_and_the_words_name_the_key_that_is_missing():
    ours, theirs = sealer(), sealer()
    sealed = ours.seal(SECRET, HERE)
    with pytest.raises(CannotOpen, match=f"sealed with the key {ours.current}"):
        theirs.open(sealed, HERE)


def test_several_keys_open_and_the_first_seals():
    old, new = new_key(), new_key()
    before = sealer(old).seal(SECRET, HERE)
    both = sealer(new, old)
    assert both.open(before, HERE) == SECRET
    assert key_of(both.seal(SECRET, HERE)) == sealer(new).current
    assert both.ids == [sealer(new).current, sealer(old).current]


GOOD = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY="


@pytest.mark.parametrize("text", ["", "  ", "short", "é" * 44, "z" * 64, GOOD[:40], f"{GOOD},nonsense"])
def test_what_is_no_key_is_refused_without_being_repeated(text):
    with pytest.raises(Misconfigured, match="STAFFWORK_SECRETS_KEY") as problem:
        read_keys(text, "STAFFWORK_SECRETS_KEY")
    assert not text.strip() or text.split(",")[-1] not in str(problem.value)


def test_a_key_is_read_in_each_of_its_spellings():
    key = bytes(range(224, 256))
    spellings = [key.hex(), base64.b64encode(key).decode(), base64.urlsafe_b64encode(key).decode().rstrip("=")]
    assert {key_id(read_keys(word, "test")[0]) for word in spellings} == {key_id(key)}


async def test_the_key_file_is_made_once_and_private(tmp_path: Path):
    sealers = await asyncio.gather(*(asyncio.to_thread(Sealer.of, tmp_path) for _ in range(12)))
    path = tmp_path / FILE
    assert len({s.current for s in sealers}) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_key_that_others_can_read_is_made_private(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    Sealer.of(tmp_path)
    (tmp_path / FILE).chmod(0o644)
    Sealer.of(tmp_path)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert "could be read by others" in caplog.text


def test_the_environments_key_wins_over_the_file(tmp_path: Path):
    given = new_key()
    assert Sealer.of(tmp_path, given).current == sealer(given).current
    assert not (tmp_path / FILE).exists()


def test_a_running_house_notices_a_new_key_in_the_file(tmp_path: Path):
    house = Sealer.of(tmp_path)
    before, path = house.seal(SECRET, HERE), tmp_path / FILE
    old = path.read_text()
    replace(path, new_key() + "\n" + old)
    assert house.open(before, HERE) == SECRET
    assert key_of(house.seal(SECRET, HERE)) == house.ids[0] != key_of(before)
    replace(path, path.read_text().splitlines()[0])
    with pytest.raises(CannotOpen, match="which is not in"):
        house.open(before, HERE)
    path.unlink()
    with pytest.raises(CannotOpen, match="cannot be read"):
        house.seal(SECRET, HERE)
