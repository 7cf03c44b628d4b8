"""Sealing: secrets are kept encrypted (AES-256-GCM), each bound to its place, so that no row can stand in for another.

A sealed text is `sw1.<key id>.<nonce and ciphertext>`. The place is authenticated with it: opened elsewhere, or changed by one
bit, it does not open. Several keys can open; the first one seals. Columns of this kind carry `info=SEALED`, which is how a
rotation finds them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import Misconfigured, StaffworkError
from core.logs import learn
from memory.key_files import check_private, kept

SEALED = {"sealed": True}
"""Marks a column whose texts are sealed for `place(table, column, primary key)`."""
FILE = Path("secrets") / "secrets.key"
"""Where the keys are in the data folder, one in a line, the newest first; STAFFWORK_SECRETS_KEY takes its place."""
_FORM = "sw1"
_KEY_BYTES, _NONCE_BYTES = 32, 12


class CannotOpen(StaffworkError):
    """A sealed secret does not open: its key is missing, or it was changed or moved. Everything else goes on."""


def place(table: str, column: str, *key: object) -> str:
    """Name the place of a sealed text: its table, column and primary key."""
    return "/".join([table, column, *map(str, key)])


def new_key() -> str:
    """Make a key, as it is written down: 32 random bytes in base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def key_id(key: bytes) -> str:
    """Name a key by a hash of it, which tells nothing about it."""
    return hashlib.sha256(b"staffwork key id\n" + key).hexdigest()[:12]


def read_keys(text: str, source: str) -> list[bytes]:
    """Read keys, one in a line or with commas between; raises Misconfigured, without a word of what was given."""
    words = text.replace(",", "\n").split()
    learn(*words)
    keys = [_decoded(word, source) for word in words]
    if not keys:
        raise Misconfigured(f"{source}: there is no key. {_HOW}")
    return keys


class Sealer:
    """Seals and opens; where the keys are in a file, a change of it by another process is noticed at the next use."""

    def __init__(self, keys: Sequence[bytes], source: str = "the given keys", file: Path | None = None) -> None:
        self.source, self._file = source, file
        self._stamp: Any = None
        self._take(keys)

    @classmethod
    def of(cls, data_dir: Path, given: str = "") -> Sealer:
        """Take the keys of STAFFWORK_SECRETS_KEY (`given`), else those of the file, made at the first start (blocking).

        Raises Misconfigured for keys that are none, or that others can read.
        """
        if given.strip():
            name = "STAFFWORK_SECRETS_KEY"
            return cls(read_keys(given, name), name)
        path = data_dir / FILE
        text = kept(path, new_key)
        check_private(path)
        return cls(read_keys(text, str(path)), str(path), path)

    @property
    def file(self) -> Path | None:
        """The file the keys are in; None if they come from the settings."""
        return self._file

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        self._refresh()
        return self._first

    @property
    def ids(self) -> list[str]:
        """The ids of all keys that open, the one that seals first."""
        self._refresh()
        return list(self._keys)

    def seal(self, secret: str | bytes, where: str) -> str:
        """Encrypt a secret for one place."""
        self._refresh()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = secret.encode() if isinstance(secret, str) else secret
        hidden = AESGCM(self._keys[self._first]).encrypt(nonce, plain, _bound(self._first, where))
        return f"{_FORM}.{self._first}.{base64.urlsafe_b64encode(nonce + hidden).decode().rstrip('=')}"

    def open_bytes(self, sealed: str, where: str) -> bytes:
        """Decrypt what was sealed for this place; raises CannotOpen."""
        self._refresh()
        form, _, rest = sealed.partition(".")
        name, _, body = rest.partition(".")
        if form != _FORM or not body:
            raise CannotOpen(f"The secret kept at {where} is in no form this version knows. Please enter it again.")
        key = self._keys.get(name)
        if key is None:
            raise CannotOpen(
                f"The secret kept at {where} was sealed with the key {name[:12]}, which is not in {self.source}. "
                "Put that key back, or enter the secret again."
            )
        try:
            raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
            return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound(name, where))
        except (InvalidTag, ValueError):
            raise CannotOpen(
                f"The secret kept at {where} was changed or moved since it was sealed, and is not used. Please enter it again."
            ) from None

    def open(self, sealed: str, where: str) -> str:
        """Decrypt a text that was sealed for this place; raises CannotOpen."""
        return self.open_bytes(sealed, where).decode()

    def _take(self, keys: Sequence[bytes]) -> None:
        self._keys = {key_id(key): key for key in keys}
        self._first = key_id(keys[0])

    def _refresh(self) -> None:
        if self._file is None:
            return
        try:
            found = self._file.stat()
            stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
            if stamp != self._stamp:
                self._take(read_keys(self._file.read_text(), str(self._file)))
                self._stamp = stamp
        except OSError as error:
            raise CannotOpen(f"The keys in {self._file} cannot be read: {error.strerror}.") from error


def key_of(sealed: str) -> str:
    """Say which key a text was sealed with ("" if it is not sealed)."""
    form, _, rest = sealed.partition(".")
    return rest.partition(".")[0] if form == _FORM else ""


_HOW = "A key is 32 random bytes in base64 or hexadecimal; `staffwork secrets new` prints one."


def _decoded(word: str, source: str) -> bytes:
    try:
        if len(word) == 2 * _KEY_BYTES:
            return bytes.fromhex(word)
        key = base64.b64decode(word.replace("-", "+").replace("_", "/") + "=" * (-len(word) % 4), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != _KEY_BYTES:
        raise Misconfigured(f"{source}: this is no key. {_HOW}")
    return key


def _bound(name: str, where: str) -> bytes:
    return f"{_FORM}\n{name}\n{where}".encode()
