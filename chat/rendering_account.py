"""What a mission did, as people read it below its answer: what was changed, what cannot be taken back, what was only said."""

from __future__ import annotations

from chat.wording import counted, literal
from core.decisions import Account, Receipt
from graphs.accounts import changes

SHOWN = 20
"""Deeds that are listed; the rest is counted."""


def account_words(mission_id: str, account: Account) -> str:
    """Write the account in Markdown; "" if there is nothing to say."""
    changed = [r for r in account.receipts if changes(r)]
    looked = [r for r in account.receipts if not changes(r)]
    parts = [_changed(mission_id, changed, account.more), _looked(looked), _unverified(account), _flags(account)]
    if account.contexts:
        titles = ", ".join(f"[{literal(c.file)}](/contexts/{c.origin_id.partition('@')[0]})" for c in account.contexts)
        parts.append(f"*Context documents used: {titles}*")
    return "\n\n".join(part for part in parts if part)


def _changed(mission_id: str, receipts: list[Receipt], more: int) -> str:
    if not receipts:
        return ""
    lines = [_line(mission_id, receipt) for receipt in receipts[:SHOWN]]
    left = len(receipts) - SHOWN + more if len(receipts) > SHOWN else more
    lines += [f"- … and {counted(left, 'more call')}"] if left else []
    return "**What was changed**\n\n" + "\n".join(lines)


def _line(mission_id: str, receipt: Receipt) -> str:
    link = f"[{literal(receipt.step)}](/api/missions/{mission_id}/receipts/{receipt.step})"
    said = "".join(f" The operator says: “{literal(claim)}”." for claim in receipt.claims)
    if not receipt.certain:
        return f"- {literal(receipt.words)} ({link}) — **it may or may not have happened**"
    back = literal(receipt.undo) if receipt.undo else "**Cannot be undone.**"
    return f"- {literal(receipt.words)} ({link}). {back}{said}"


def _looked(receipts: list[Receipt]) -> str:
    if not receipts:
        return ""
    tools = ", ".join(f"{tool} {n}×" for tool, n in _counts(receipts).items())
    return f"*Asked outside this house: {literal(tools)}*"


def _counts(receipts: list[Receipt]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for receipt in receipts:
        counts[receipt.tool] = counts.get(receipt.tool, 0) + 1
    return counts


def _unverified(account: Account) -> str:
    if not account.unverified:
        return ""
    lines = [f"- {literal(claim)}" for claim in account.unverified[:SHOWN]]
    return "**Not verified** — an operator says so, and nothing on record shows it\n\n" + "\n".join(lines)


def _flags(account: Account) -> str:
    if not account.flags:
        return ""
    return "**Please look at this**\n\n" + "\n".join(f"- {literal(flag)}" for flag in account.flags[:SHOWN])
