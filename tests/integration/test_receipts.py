"""Receipts: what was done is on record, what was only said is called so, and what should be looked at reaches people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mission_fixtures import calls, plans, says
from toolkit_fixtures import Kit, open_kit

from api.mission_views import whole
from chat.rendering import picture_of
from chat.terminal_lines import account_lines
from core.decisions import Account
from core.events import MissionEnded, ReviewGiven, TaskEnded, ToolCalled, ToolReturned
from core.missions import Mission, Status
from graphs.accounts import UNVERIFIED, Accounts

HELD = ("note", "read_page", "post", "fetch")


def script(*did: dict[str, Any], answer: str = "All done.", flag: str = "", done_when: str = "") -> Any:
    """An operator that notes something, and says what it did."""

    def play(request: Any, site: Any) -> Any:
        match site.step:
            case "plan":
                return plans({"operator": "hand", "goal": "Note it.", "done_when": done_when})
            case "t1/1":
                return calls(("note", {"text": "tea"}), ("read_page", {"name": "p"}))
            case "t1/2" if flag:
                return calls(("flag_for_review", {"reason": flag}))
            case step if step.startswith("t1/"):
                told = {"status": "completed", "summary": "Noted.", "result": "Noted.", "did": list(did)}
                return calls(("finish", told))
            case step if step.startswith("review"):
                return calls(("review", {"verdict": "accept", "shortfall": ""}))
        return says(answer)

    return play


async def ended(kit: Kit, **terms: Any) -> tuple[Mission, MissionEnded]:
    mission = await kit.submit(**terms)
    await kit.until(mission, Status.COMPLETED)
    return mission, (await kit.events(mission, MissionEnded))[-1]


async def test_what_was_done_has_a_receipt_and_a_claim_is_held_against_it(place: Path | str, tmp_path: Path) -> None:
    claims = (
        {"what": "I noted tea", "receipt": "t1/1.0"},
        {"what": "I paid the bill", "receipt": "t1/1.1"},  # that call only read
        {"what": "I sent the letter", "receipt": "t1/9.9"},
        "I told everybody",
    )
    async with open_kit(place, tmp_path, script(*claims), held=HELD) as kit:
        mission, end = await ended(kit)
        [told] = [str(m.content) for m in kit.gateway.requests["t1/2"].messages if "Receipt:" in str(m.content)]
        assert told == "noted\nReceipt: t1/1.0"
        [receipt] = end.account.receipts
        assert (receipt.step, receipt.tool, receipt.words, receipt.certain) == ("t1/1.0", "note", "Note tea", True)
        assert receipt.claims == ("I noted tea",)
        assert end.account.unverified == (
            "I paid the bill (hand)",
            "I sent the letter (hand)",
            "I told everybody (hand)",
        )
        seen = str(kit.gateway.requests["report"].messages)
        assert "Did: I noted tea [receipt t1/1.0]" in seen
        assert "Not verified: I paid the bill; I sent the letter; I told everybody" in seen
        row = await kit.reception.missions.get(mission.id)
        shown = whole(row, await kit.reception.journal.read(mission.id))
        assert shown["account"]["receipts"][0]["url"] == f"/api/missions/{mission.id}/receipts/t1/1.0"
        assert shown["account"]["unverified"] == list(end.account.unverified)
        assert shown["tasks"][0]["claims"][1] == {"what": "I paid the bill", "receipt": None}


async def test_a_deed_that_is_not_claimed_is_listed_all_the_same(place: Path | str, tmp_path: Path) -> None:
    async with open_kit(place, tmp_path, script(), held=HELD) as kit:
        mission, end = await ended(kit)
        assert [r.step for r in end.account.receipts] == ["t1/1.0"]
        [task] = await kit.events(mission, TaskEnded)
        assert task.claims == (("Note tea", "t1/1.0"),)


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("I noted it [receipt t1/1.0].", "I noted it (on record: t1/1.0)."),
        ("I paid it (receipt: t9/9.9).", f"I paid it {UNVERIFIED}."),
        ("I have sent the letter. Bye.", f"I have sent the letter. {UNVERIFIED} Bye."),
        ("The email was sent to Bob.\nFine.", f"The email was sent to Bob. {UNVERIFIED}\nFine."),
        ("I saved the file.", "I saved the file."),  # something was written
        ("Bob sent a letter in 1910.", "Bob sent a letter in 1910."),
    ],
)
async def test_what_the_chief_claims_is_held_against_the_record(tmp_path: Path, answer: str, shown: str) -> None:
    async with open_kit(tmp_path / "s.db", tmp_path, script(answer=answer), held=HELD) as kit:
        _, end = await ended(kit)
        assert end.answer == shown


async def test_a_chief_that_answers_at_once_has_done_nothing(tmp_path: Path) -> None:
    async with open_kit(tmp_path / "s.db", tmp_path, lambda *_: says("Sure. I have deleted all files.")) as kit:
        _, end = await ended(kit)
        assert end.answer == f"Sure. I have deleted all files. {UNVERIFIED}"


async def test_a_flag_reaches_the_reviewer_and_the_person(place: Path | str, tmp_path: Path) -> None:
    play = script(flag="I am not sure about the date")
    async with open_kit(place, tmp_path, play, held=HELD) as kit:
        mission, end = await ended(kit)
        assert [e.verdict for e in await kit.events(mission, ReviewGiven)] == ["accept"], "looked at without done_when"
        assert "Flagged for review: I am not sure about the date" in str(kit.gateway.requests["review.1"].messages)
        assert end.account.flags == ("I am not sure about the date (hand)",)
        picture = picture_of(mission.id, "m", await kit.reception.journal.read(mission.id))
        labels = [line.label for line in picture.lines.values()]
        assert "Flags for review: I am not sure about the date" in labels
        assert "**Please look at this**" in picture.lines[picture.answer].text
        assert "Please look at this: I am not sure about the date (hand)" in account_lines(end.account)


async def test_without_a_flag_and_a_check_nobody_reviews(tmp_path: Path) -> None:
    async with open_kit(tmp_path / "s.db", tmp_path, script(), held=HELD) as kit:
        mission, _ = await ended(kit)
        assert await kit.events(mission, ReviewGiven) == []


def events(risks: tuple[str, ...] = ("write",), status: str = "ok", undo: str = "") -> list[Any]:
    about = {"mission_id": "m", "task_id": "t1", "step": "t1/1.0", "tool": "note"}
    called = ToolCalled(**about, intent="Note <b>tea</b>")
    more = {"status": status, "output": "", "size": 0, "seconds": 0.0, "risks": risks, "undo": undo}
    return [called, ToolReturned.model_validate(about | more)]


def words(*more: Any) -> str:
    account = Accounts([*events(*more)]).account()
    end = MissionEnded(mission_id="m", status=Status.COMPLETED, answer="Hello.", account=account)
    picture = picture_of("m", "x", [end])
    return picture.lines[picture.answer].text


def test_people_read_what_was_changed_and_what_cannot_be_taken_back() -> None:
    assert "**What was changed**" in words()
    assert "Note \\<b\\>tea\\<\\/b\\>" in words() or "Note \\<b\\>tea\\</b\\>" in words()
    assert "**Cannot be undone.**" in words()
    assert "[t1/1\\.0](/api/missions/m/receipts/t1/1.0)" in words()
    assert "Forget it\\." in words(("write",), "ok", "Forget it.")
    assert "it may or may not have happened" in words(("write",), "timeout")
    assert "Asked outside this house: note 1×" in words(("network",))
    assert "What was changed" not in words(("network",))
    assert "changed" not in words(())


def test_receipts_are_bounded_and_the_rest_is_counted() -> None:
    many = [e.model_copy(update={"step": f"t1/{n}.0"}) for n in range(130) for e in events()]
    account = Accounts(many).account()
    assert (len(account.receipts), account.more) == (100, 30)
    assert Accounts([*many, *many]).account() == account, "the same event twice is one"
    assert Account() == Accounts().account()
