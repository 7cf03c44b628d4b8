"""The gateway: the only code that calls a model. It retries, limits, checks, prices and records every attempt."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace
from decimal import Decimal

from agents.llm.advice import full_words
from agents.llm.attempt import Attempt, Limits
from agents.llm.calls import CallSite, ModelRequest, Tokens
from agents.llm.catalog import FREE, Catalog
from agents.llm.faults import RETRIED
from agents.llm.masking import masked_reply, masked_site
from agents.llm.pictures import PictureRoom, Prepared, has_pictures, prepare, speaks_of_pictures
from agents.llm.router import Candidate, CurrentRouter, Router
from agents.llm.streams import source_of
from core.budget import Usage
from core.decisions import Reply
from core.errors import Misconfigured, ModelUnavailable
from core.logs import Masker
from core.missions import new_id
from core.ports import Ledger, LedgerRow
from core.settings import Settings

_LONGEST_BACKOFF = 20.0
_MOST_REFUSED = 1_000
_REFUSALS = ("refused", "not_found", "too_long", "server")  # how servers say that they do not take a picture


class GaveUp(ModelUnavailable):
    """No attempt gave a complete reply; `usage` sums what they used all the same."""

    def __init__(self, fault: ModelUnavailable, words: str, usage: Usage) -> None:
        super().__init__(fault.kind, words, retry_after=fault.retry_after)
        self.usage = usage


@dataclass
class _Call:
    """What is known of one call while its attempts go on; `deadline` is loop time, 0 until the first attempt may start."""

    candidate: Candidate
    catalog: Catalog
    request: ModelRequest
    site: CallSite
    limits: Limits
    deadline: float = 0.0
    attempts: int = 0
    used: Usage = field(default_factory=Usage)
    pictures: frozenset[str] = frozenset()  # hashes of those it is shown
    named: ModelRequest | None = None  # the question as it was asked, with pictures only named


class Gateway:
    """Asks models; `backoff` is the wait in seconds before the second attempt, doubled before each further one."""

    def __init__(
        self,
        router: Router | CurrentRouter,
        ledger: Ledger,
        settings: Settings,
        mask: Masker,
        *,
        backoff: float = 0.5,
        room: PictureRoom | None = None,
    ) -> None:
        self._router, self._ledger, self._settings, self._mask = router, ledger, settings, mask
        self._backoff, self._room = backoff, room
        self._refused: dict[tuple[str, str], None] = {}  # models, and hashes of pictures their servers did not take
        self._slots = asyncio.Semaphore(settings.model_calls_at_once)
        self._building = asyncio.Lock()

    async def ask(self, request: ModelRequest, site: CallSite) -> Reply:
        """Return one complete reply; raises ModelUnavailable in words for a person (and Misconfigured).

        Its usage sums all attempts. If an attempt fails after it said something, the text starts over at offset 0.
        """
        async with self._router.lent() as router:
            candidate = await self._choose(router, request.tier, request.model)
            asked = replace(request, max_tokens=request.max_tokens or self._settings.model_max_tokens)
            ready = await self._shown(router, candidate, asked)
            site.on_pictures(ready.shown, self._mask(ready.unseen))
            site.on_model(candidate.name, candidate.why)
            site, text = masked_site(site, self._mask)
            call = _Call(candidate, router.catalog, ready.request, site, Limits.of(self._settings, asked))
            call.pictures, call.named = ready.hashes, asked
            try:
                reply = await self._answer(router, call)
                text.flush()
                return masked_reply(reply, self._mask)
            except asyncio.CancelledError:
                if call.used.model_calls:
                    site.on_stopped(call.used)
                raise

    async def _shown(self, router: Router, candidate: Candidate, request: ModelRequest) -> Prepared:
        """Put the pictures a question names into it, where the model can see."""
        if not has_pictures(request):
            return Prepared(request)
        refused = frozenset(content for model, content in self._refused if model == candidate.name)
        return await prepare(
            request,
            self._room,
            blind=router.why_blind(candidate),
            most=self._settings.pictures_per_call,
            megabytes=self._settings.pictures_mb_per_call,
            refused=refused,
        )

    async def _without_pictures(self, router: Router, call: _Call, fault: ModelUnavailable) -> bool:
        """Take the pictures out of a question whose server did not take them, and say so; False if that is not why it failed."""
        if not call.pictures or call.named is None or fault.kind not in _REFUSALS or not speaks_of_pictures(str(fault)):
            return False
        self._refused |= {(call.candidate.name, content): None for content in call.pictures}
        while len(self._refused) > _MOST_REFUSED:  # the oldest may be tried again
            self._refused.pop(next(iter(self._refused)))
        ready = await self._shown(router, call.candidate, call.named)
        call.request, call.pictures = ready.request, ready.hashes
        words = (
            f"The server of {call.candidate.name} did not take the pictures ({str(fault).rstrip('.')}). It is asked without "
            "them; another model may be able to see them."
        )
        call.site.on_retry(self._mask(words), 0.0)
        return True

    async def _answer(self, router: Router, call: _Call) -> Reply:
        while True:
            attempt = await self._try(call)
            if attempt.result is not None:
                text, calls, finish = attempt.result
                return Reply(text=text, tool_calls=calls, finish=finish, model=call.candidate.name, usage=call.used)
            fault = attempt.fault or ModelUnavailable("bad_reply", "The model gave no reply.")
            if not await self._without_pictures(router, call, fault):
                await self._pause(call, fault)
            if attempt.said_something:
                call.site.on_text("", 0)

    async def check(self) -> str:
        """Return "" if the standard model can be built, else one plain sentence on what is missing."""
        try:
            async with self._router.lent() as router:
                await self._choose(router, "standard")
        except Misconfigured as error:
            return self._mask(str(error))
        return ""

    async def close(self) -> None:
        """Close the connections to all providers."""
        await self._router.close()

    async def _choose(self, router: Router, tier: str, wanted: str = "") -> Candidate:
        if not router.is_ready(tier, wanted):
            async with self._building:
                await asyncio.to_thread(self._build, router, tier, wanted)
        return router.choose(tier, wanted)

    def _build(self, router: Router, tier: str, wanted: str) -> None:
        """Import SDK and price list away from the event loop: together they take a second or two."""
        candidate = router.choose(tier, wanted)
        if candidate.provider not in ("rehearsal", "import"):
            router.catalog.load()

    async def _try(self, call: _Call) -> Attempt:
        """Make one attempt and record it, whatever becomes of it."""
        call.attempts += 1
        async with self._slots:
            # Waiting for a slot is our doing, not the model's: the clock starts with the first attempt.
            call.deadline = call.deadline or asyncio.get_running_loop().time() + call.limits.total
            attempt = Attempt(source_of(call.candidate.model), call.request, call.site, call.limits, call.deadline)
            outcome = "error"
            try:
                await attempt.run()
                outcome = attempt.fault.kind if attempt.fault else "ok"
            except asyncio.CancelledError:
                outcome = "cancelled"
                raise
            finally:
                row = self._row(attempt, call, outcome)
                call.used += _usage_of(row)
                await self._ledger.record(row)
        return attempt

    def _row(self, attempt: Attempt, call: _Call, outcome: str) -> LedgerRow:
        candidate, site = call.candidate, call.site
        counted = attempt.tokens()
        free = counted is None or candidate.provider == "rehearsal" or getattr(candidate.model, "free", False)
        tokens = counted or Tokens()
        price = FREE if free else call.catalog.price(candidate.provider, candidate.model_name, tokens)
        return LedgerRow(
            id=new_id(),
            mission_id=site.mission_id,
            task_id=site.task_id,
            step=site.step,
            role=site.role,
            operator=site.operator,
            provider=candidate.provider,
            model=candidate.name,
            tokens_in=tokens.tokens_in,
            tokens_out=tokens.tokens_out,
            tokens_cached=tokens.cached,
            seconds=attempt.seconds,
            first_token_seconds=attempt.first_token_seconds,
            outcome=outcome,
            cost=price.cost,
            priced_by=price.by,
        )

    async def _pause(self, call: _Call, fault: ModelUnavailable) -> None:
        """Wait before the next attempt; raises GaveUp if there is none."""
        wait = fault.retry_after
        if wait is None:
            wait = min(self._backoff * 2 ** (call.attempts - 1), _LONGEST_BACKOFF) * random.uniform(0.75, 1.25)
        late = asyncio.get_running_loop().time() + wait >= call.deadline
        if fault.kind not in RETRIED or call.attempts >= self._settings.model_attempts or late:
            words = full_words(fault, call.candidate)
            if late and fault.retry_after is not None and fault.kind in RETRIED:
                words += (
                    f" The server asks to wait {wait:.0f} seconds, longer than the "
                    f"{call.limits.total:g} seconds one call may take (STAFFWORK_MODEL_TOTAL_SECONDS)."
                )
            raise GaveUp(fault, self._mask(words), call.used)
        call.site.on_retry(self._mask(str(fault)), wait)
        await asyncio.sleep(wait)


def _usage_of(row: LedgerRow) -> Usage:
    return Usage(
        model_calls=1,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        tokens_cached=row.tokens_cached,
        cost=row.cost or Decimal(0),
        unpriced_calls=int(row.cost is None),
        seconds=row.seconds,
    )
