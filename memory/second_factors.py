"""Second factors: a code from an authenticator app after the password. No code works twice; recovery codes work once each."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime
from typing import NoReturn

import pyotp
from sqlalchemy import Connection, delete, func, insert, select, update

from core.errors import BadInput, Conflict, NotFound, Refused
from core.missions import Value, now
from memory import audit, tables
from memory.database import Database
from memory.link_key import digest
from memory.sealing import Sealer, place
from memory.throttle import Throttle

RECOVERY_CODES = 10
ISSUER = "Staffwork"
STEP_SECONDS = 30
SLACK = 1
"""Steps before and after the present one whose codes are taken: clocks differ."""
_F, _R = tables.second_factors.c, tables.recovery_codes.c


class CodeRefused(Refused):
    """The code was wrong, old, or used before."""

    def __init__(self) -> None:
        super().__init__("This code is not right, or was used already. Take the next one your app shows.")


class Standing(Value):
    """What a person has: since when (None: nothing is asked), and how many recovery codes are left."""

    since: datetime | None = None
    codes_left: int = 0

    @property
    def on(self) -> bool:
        return self.since is not None


class SecondFactors:
    """Keeps the secrets behind the codes, sealed, and says whether a code is right."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database, self._sealer = database, sealer
        self._throttle = Throttle(database)

    async def standing(self, user_id: str) -> Standing:
        """Say what a person has set up."""
        rows = await self._database.rows(select(_F.confirmed_at).where(_F.user_id == user_id))
        if not rows or rows[0].confirmed_at is None:
            return Standing()
        left = select(func.count()).where(_R.user_id == user_id, _R.used_at.is_(None))
        return Standing(since=rows[0].confirmed_at, codes_left=(await self._database.rows(left))[0][0])

    async def begin(self, user_id: str) -> str:
        """Begin a set-up and return the secret for the app (base32); begun twice, it is the same one.

        Nothing is asked at login until `confirm`. Raises Conflict if it is set up already.
        """
        fresh = pyotp.random_base32()
        row = {"user_id": user_id, "secret": self._sealer.seal(fresh, _where(user_id)), "created_at": now()}

        def work(connection: Connection) -> str:
            found = connection.execute(select(tables.second_factors).where(_F.user_id == user_id)).one_or_none()
            if found is None:
                connection.execute(insert(tables.second_factors), row)
                return str(row["secret"])
            if found.confirmed_at is not None:
                raise Conflict("The second factor is set up already. Remove it first, to set up another device.")
            return str(found.secret)

        return self._sealer.open(await self._database.apply(work, durable=True), _where(user_id))

    async def confirm(self, user_id: str, code: str, address: str) -> list[str]:
        """End the set-up with a first code; returns the recovery codes, which are shown this once.

        Raises CodeRefused, TooManyAttempts, or NotFound if nothing was begun.
        """
        await self._spend(user_id, code, address, confirmed=False)
        return await self.new_codes(user_id)

    async def check(self, user_id: str, code: str, address: str) -> str:
        """Take a code of the app, or a recovery code; returns which it was: app or recovery.

        Raises CodeRefused; TooManyAttempts when one has to wait first; NotFound if nothing is set up.
        """
        written = "".join(code.split()).replace("-", "")
        if len(written) == 6 and written.isdecimal():
            await self._spend(user_id, written, address, confirmed=True)
            return "app"
        await self._spend_recovery(user_id, written, address)
        return "recovery"

    async def new_codes(self, user_id: str) -> list[str]:
        """Make new recovery codes; the old ones are void."""
        codes = [_spelt(secrets.token_bytes(10)) for _ in range(RECOVERY_CODES)]
        rows = [{"user_id": user_id, "code_hash": _hashed(user_id, code)} for code in codes]
        where = audit.came_from.get()

        def work(connection: Connection) -> None:
            connection.execute(delete(tables.recovery_codes).where(_R.user_id == user_id))
            connection.execute(insert(tables.recovery_codes), rows)
            audit.put(connection, "recovery_codes_made", user_id, _name(connection, user_id), where=where)

        await self._database.apply(work, durable=True)
        return codes

    async def remove(self, user_id: str, *, by: str = "") -> bool:
        """Take it away with its recovery codes (`by`: whoever does, if not the person); says whether there was one."""
        where = audit.came_from.get()

        def work(connection: Connection) -> bool:
            connection.execute(delete(tables.recovery_codes).where(_R.user_id == user_id))
            found = connection.execute(delete(tables.second_factors).where(_F.user_id == user_id)).rowcount > 0
            if found:
                audit.put(connection, "second_factor_off", by or user_id, _name(connection, user_id), where=where)
            return found

        return await self._database.apply(work, durable=True)

    async def _spend(self, user_id: str, code: str, address: str, *, confirmed: bool) -> None:
        subjects = await self._throttle.admit(f"code {user_id}", f"{address} with a code")
        which = (_F.user_id == user_id) & (_F.confirmed_at.is_not(None) if confirmed else _F.confirmed_at.is_(None))
        rows = await self._database.rows(select(_F.secret).where(which))
        if not rows:
            raise NotFound("No second factor is set up here.")
        where = audit.came_from.get()
        step = _step_of(self._sealer.open(rows[0].secret, _where(user_id)), "".join(code.split()))

        def work(connection: Connection) -> bool:
            values = {"last_step": step} if confirmed else {"last_step": step, "confirmed_at": now()}
            once = update(tables.second_factors).where(which, _F.last_step < step)
            if connection.execute(once.values(**values)).rowcount == 0:
                return False
            if not confirmed:
                audit.put(connection, "second_factor_on", user_id, _name(connection, user_id), where=where)
            return True

        if step is None or not await self._database.apply(work, durable=True):
            await self._refuse(user_id)
        await self._throttle.clear(subjects)

    async def _spend_recovery(self, user_id: str, code: str, address: str) -> None:
        subjects = await self._throttle.admit(f"code {user_id}", f"{address} with a code")
        which = (_R.user_id == user_id) & (_R.code_hash == _hashed(user_id, code)) & _R.used_at.is_(None)

        def work(connection: Connection) -> bool:
            return connection.execute(update(tables.recovery_codes).where(which).values(used_at=now())).rowcount == 1

        if not await self._database.apply(work, durable=True):
            await self._refuse(user_id)
        await self._throttle.clear(subjects)

    async def _refuse(self, user_id: str) -> NoReturn:
        where = audit.came_from.get()
        await self._database.apply(
            lambda c: audit.put(c, "second_factor_failed", user_id, _name(c, user_id), where=where), durable=True
        )
        raise CodeRefused


def address_for(secret: str, name: str) -> str:
    """Spell a secret as authenticator apps read it from a picture (otpauth://...)."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def _step_of(secret: str, code: str) -> int | None:
    """Name the 30-second step whose code this is; None if it is none of those that are taken."""
    if len(code) != 6 or not code.isascii() or not code.isdecimal():
        return None
    totp, present = pyotp.TOTP(secret), int(now().timestamp()) // STEP_SECONDS
    steps = range(present - SLACK, present + SLACK + 1)
    return next((s for s in steps if secrets.compare_digest(totp.generate_otp(s), code)), None)


def _where(user_id: str) -> str:
    return place("second_factors", "secret", user_id)


def _name(connection: Connection, user_id: str) -> str:
    return connection.execute(select(tables.users.c.name).where(tables.users.c.id == user_id)).scalar() or ""


def _spelt(raw: bytes) -> str:
    """Write 80 bits so that people can copy them: four groups of four small letters and digits."""
    letters = base64.b32encode(raw).decode().lower()
    return "-".join(letters[n : n + 4] for n in range(0, 16, 4))


def _hashed(user_id: str, code: str) -> str:
    if len(code) > 100:
        raise BadInput("That is too long for a code.")
    return digest(f"{user_id}\n{code.lower().replace('-', '')}")
