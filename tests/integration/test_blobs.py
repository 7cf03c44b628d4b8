"""The store of file contents, on a real disk."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from core.errors import BadInput, NotFound, StoreUnavailable
from memory.blobs import Blobs


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def everything(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]


async def test_content_comes_back_under_its_hash(blobs, tmp_path):
    content_hash = await blobs.put(b"hello")
    assert content_hash == sha(b"hello")
    assert blobs.path(content_hash).read_bytes() == b"hello"
    assert blobs.path(content_hash) == tmp_path / "blobs" / content_hash[:2] / content_hash[2:4] / content_hash


async def test_the_same_content_is_kept_once(blobs, tmp_path):
    await asyncio.gather(*(blobs.put(b"same") for _ in range(10)))
    (tmp_path / "f").write_bytes(b"same")
    assert await blobs.put_file(tmp_path / "f", 100) == (sha(b"same"), 4)
    assert len(everything(tmp_path)) == 1


async def test_a_large_file_is_copied_whole(blobs, tmp_path):
    content = os.urandom(3_500_000)
    (tmp_path / "f").write_bytes(content)
    content_hash, size = await blobs.put_file(tmp_path / "f", len(content))
    assert (content_hash, size) == (sha(content), len(content))
    assert blobs.path(content_hash).read_bytes() == content


async def test_a_file_over_the_limit_leaves_nothing(blobs, tmp_path):
    (tmp_path / "f").write_bytes(b"x" * 5_000_001)
    with pytest.raises(BadInput, match="too large: at most 5 MB"):
        await blobs.put_file(tmp_path / "f", 5_000_000)
    assert everything(tmp_path) == []


@pytest.mark.parametrize("bad", ["", "..", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 65, "a" * 64, "a" * 64 + "\n"])
async def test_anything_but_a_known_hash_is_not_found(blobs, bad):
    with pytest.raises(NotFound):
        blobs.path(bad)
    await blobs.delete(bad)


async def test_deleted_content_is_gone(blobs, tmp_path):
    content_hash = await blobs.put(b"secret")
    await blobs.delete(content_hash)
    await blobs.delete(content_hash)
    with pytest.raises(NotFound):
        blobs.path(content_hash)
    assert everything(tmp_path) == []


async def test_whoever_keeps_its_turn_for_good_does_not_hold_others_up_for_good(blobs, tmp_path):
    other = Blobs(tmp_path / "blobs", patience=0.05)
    async with blobs.turn():
        with pytest.raises(StoreUnavailable, match="for long"):
            async with other.turn():
                pass
    async with other.turn():
        pass
