"""Every kind of the audit log is written by something that happens here; one that nothing writes is named, for it is a lie."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from doors_fixtures import PASSWORD, House, open_house
from egress_fixtures import CONTEXT, Internet, sent
from people_fixtures import GOOD, add
from share_fixtures import shared, worked
from store_fixtures import store
from test_second_factor_login import browser, clock, password, set_up  # noqa: F401 (clock is a fixture)

from core.errors import StoreUnavailable
from core.settings import Settings
from graphs.noticing import notice_changes, reach_noted
from memory.audit import KINDS, Audit, Entry
from memory.database import Database

TESTS, PROJECT = Path(__file__).parent, Path(__file__).parents[2]
PROOF = {
    "signed_in": "test_sessions.py::test_a_token_leads_to_its_person_as_they_are_now_and_is_kept_nowhere",
    "sign_in_failed": "test_login_throttle.py::test_a_name_that_does_not_exist_is_not_written_down",
    "sign_in_throttled": "test_login_throttle.py::test_a_name_that_does_not_exist_is_not_written_down",
    "signed_out": "test_sessions.py::test_one_session_or_all_others_are_ended_by_their_person_only",
    "session_ended": "test_sessions.py::test_one_session_or_all_others_are_ended_by_their_person_only",
    "owner_set_up": "test_people.py::test_the_owner_is_set_up_once_with_a_token",
    "person_invited": "test_people_terminal.py::test_from_invitation_to_deletion",
    "invitation_revoked": "test_invitations.py::test_an_invitation_is_revoked_once_and_by_who_may",
    "person_joined": "test_invitations.py::test_an_invitation_makes_one_account",
    "role_changed": "test_people_terminal.py::test_from_invitation_to_deletion",
    "person_deactivated": "test_people_terminal.py::test_from_invitation_to_deletion",
    "person_activated": "test_people_terminal.py::test_from_invitation_to_deletion",
    "person_deleted": "test_people_terminal.py::test_from_invitation_to_deletion",
    "password_changed": "test_audit_kinds.py::test_what_people_do_with_their_own_is_on_record",
    "password_reset": "test_invitations.py::test_a_reset_link_sets_one_new_password_and_ends_every_session",
    "reset_link_made": "test_people_terminal.py::test_from_invitation_to_deletion",
    "profile_changed": "test_audit_kinds.py::test_changed_profiles_rules_and_settings_are_on_record_from_the_next_start_on",
    "share_made": "test_audit_kinds.py::test_what_people_do_with_their_own_is_on_record",
    "share_changed": "test_audit_kinds.py::test_what_people_do_with_their_own_is_on_record",
    "share_revoked": "test_audit_kinds.py::test_what_people_do_with_their_own_is_on_record",
    "approval_decided": "test_approval_doors.py::test_rules_are_listed_and_revoked_over_http",
    "approval_rule_revoked": "test_approval_doors.py::test_rules_are_listed_and_revoked_over_http",
    "conversation_deleted": "test_audit_kinds.py::test_what_people_do_with_their_own_is_on_record",
    "memory_changed": "test_remembered.py::test_deletions_are_on_record_without_a_word_of_what_was_deleted",
    "memories_deleted": "test_remembered.py::test_deletions_are_on_record_without_a_word_of_what_was_deleted",
    "exported": "test_exports.py::test_taking_out_and_in_is_on_the_audit_log",
    "imported": "test_exports.py::test_taking_out_and_in_is_on_the_audit_log",
    "key_made": "test_keys_api.py::test_every_event_of_a_key_is_on_record",
    "key_revoked": "test_keys_api.py::test_every_event_of_a_key_is_on_record",
    "service_account_made": "test_audit_kinds.py::test_who_answers_for_a_program_is_on_record",
    "service_account_taken_over": "test_audit_kinds.py::test_who_answers_for_a_program_is_on_record",
    "identity_linked": "test_oidc_people.py::test_only_who_has_an_account_comes_in_unless_newcomers_are_welcome",
    "identity_unlinked": "test_oidc_people.py::test_only_who_has_an_account_comes_in_unless_newcomers_are_welcome",
    "second_factor_on": "test_audit_kinds.py::test_a_second_factor_and_its_codes_are_on_record",
    "second_factor_off": "test_second_factor_login.py::test_it_is_taken_away_with_a_code_only_and_by_an_administrator",
    "second_factor_failed": "test_second_factor_login.py::test_guessing_is_held_back_and_noted",
    "recovery_codes_made": "test_audit_kinds.py::test_a_second_factor_and_its_codes_are_on_record",
    "secret_changed": "test_connections.py::test_a_key_is_tried_kept_and_answers_without_a_restart",
    "secrets_rotated": "test_rotation.py::test_the_terminal_rotates_and_says_where_things_stand",
    "settings_changed": "test_audit_kinds.py::test_changed_profiles_rules_and_settings_are_on_record_from_the_next_start_on",
    "code_connected": "test_audit_kinds.py::test_where_code_goes_is_on_record_before_it_goes_there",
    "code_refused": "test_audit_kinds.py::test_where_code_goes_is_on_record_before_it_goes_there",
}
"""Kind -> the test in which it happens and is read from the log."""


def test_each_kind_has_a_test_that_makes_it_happen_and_reads_it() -> None:
    assert sorted(KINDS) == sorted(PROOF), "say in PROOF which test makes the new kind happen; take out what is gone"
    said_in = {proof: _words(proof) for proof in set(PROOF.values())}
    assert [kind for kind, proof in PROOF.items() if kind not in said_in[proof]] == [], "these tests do not read it"


def test_each_kind_is_written_by_the_product_and_nothing_else_is() -> None:
    folders = ("agents", "api", "chat", "core", "graphs", "memory", "tools")
    files = [file for folder in folders for file in (PROJECT / folder).rglob("*.py")]
    written = {word for file in files if file.name != "audit.py" for word in _constants(ast.parse(file.read_text()))}
    assert KINDS.keys() - written == set(), "nothing writes these"


def _words(proof: str) -> set[str]:
    """List the texts in the body of a test; raises if there is no such test."""
    file, _, name = proof.partition("::")
    tree = ast.parse((TESTS / file).read_text())
    [test] = [node for node in tree.body if getattr(node, "name", "") == name]
    return _constants(test)


def _constants(tree: ast.AST) -> set[str]:
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


async def found(house: House, *kinds: str) -> dict[str, Entry]:
    """Read one row of each kind, all with who did it and from where."""
    rows = {kind: await house.office.audit.read(kind=kind) for kind in kinds}
    assert {kind: len(entries) for kind, entries in rows.items()} == dict.fromkeys(kinds, 1)
    assert {entry.address for entries in rows.values() for entry in entries} == {"127.0.0.1"}
    return {kind: entries[0] for kind, entries in rows.items()}


async def test_what_people_do_with_their_own_is_on_record(house: House) -> None:
    conversation = await worked(house)
    async with house.visitor("ada") as ada:
        share = await shared(ada, conversation)
        assert (await ada.patch(f"/api/shares/{share['id']}", json={"days": 3})).status_code == 200
        assert (await ada.delete(f"/api/shares/{share['id']}")).status_code == 204
        assert (await ada.post("/api/me/password", json={"old": PASSWORD, "new": GOOD})).status_code == 204
    await house.office.conversations.delete(conversation, "user-ada")
    shares = await found(house, "share_made", "share_changed", "share_revoked", "password_changed")
    assert {entry.actor for entry in shares.values()} == {"ada"}
    [deleted] = await house.office.audit.read(kind="conversation_deleted")
    assert (deleted.actor, "6 * 7" in str(deleted)) == ("ada", False)


async def test_who_answers_for_a_program_is_on_record(house: House) -> None:
    await add(house, "eve", "admin")
    await add(house, "zoe", "admin")
    async with house.visitor("eve") as eve, house.visitor("zoe") as zoe:
        robot = (await eve.post("/api/service-accounts", json={"name": "robot", "role": "member"})).json()["id"]
        for _ in range(2):  # the second time nothing changes
            answer = await zoe.patch(f"/api/service-accounts/{robot}", json={"take_over": True})
            assert (answer.status_code, answer.json()["owner"]) == (200, "user-zoe")
        assert (await zoe.patch("/api/service-accounts/nobody", json={"take_over": True})).status_code == 404
    rows = await found(house, "service_account_made", "service_account_taken_over")
    assert (rows["service_account_made"].actor, rows["service_account_made"].subject) == ("eve", "robot")
    taken = rows["service_account_taken_over"]
    assert (taken.actor, taken.subject, taken.details) == ("zoe", "robot", {"before": "user-eve"})


async def test_a_second_factor_and_its_codes_are_on_record(house: House, clock: Any) -> None:  # noqa: F811
    await set_up(house, clock)
    rows = await found(house, "second_factor_on", "recovery_codes_made")
    assert {(entry.actor, entry.subject) for entry in rows.values()} == {("ada", "ada")}
    async with browser(house) as client:
        assert (await password(client)).status_code == 401


class Started:
    """What a start reads: settings, roster and database."""

    def __init__(self, database: Database, settings: Settings, **versions: str) -> None:
        self.settings, self.database, self.roster = settings, database, self
        self._profiles = [SimpleNamespace(name=name, version=version) for name, version in versions.items()]

    def enabled(self) -> list[Any]:
        return self._profiles


async def test_changed_profiles_rules_and_settings_are_on_record_from_the_next_start_on(
    place: Path | str, tmp_path: Path
) -> None:
    first = Settings(data_dir=tmp_path, web="on", port=1, openai_api_key="sk-one-0123456789")  # type: ignore[arg-type]
    second = Settings(data_dir=tmp_path, web="off", approval_seconds=90)
    async with store(place) as database:
        read = Audit(database).read
        await notice_changes(Started(database, first, analyst="1", writer="1"))
        await notice_changes(Started(database, first.model_copy(update={"port": 2}), analyst="1", writer="1"))
        assert await read() == []  # the first time there is nothing to compare with; then nothing that matters changed
        (tmp_path / "policy.toml").write_text("# rules")
        await notice_changes(Started(database, second, analyst="2", scout="1"))
        profiles = {row.subject: row.details["what"] for row in await read(kind="profile_changed")}
        assert profiles == {"analyst": "changed", "scout": "new", "writer": "gone"}
        rows = await read(kind="settings_changed")
        assert {row.subject: row.details for row in rows} == {
            "policy.toml": {"what": "new"},
            "STAFFWORK_APPROVAL_SECONDS": {"what": "new", "now": "90.0"},
            "STAFFWORK_OPENAI_API_KEY": {"what": "gone"},
            "STAFFWORK_WEB": {"what": "changed", "now": "off"},
        }
        assert ({row.address for row in rows}, "sk-one" in str(rows)) == ({"start"}, False)


async def test_where_code_goes_is_on_record_before_it_goes_there(place: Path | str, tmp_path: Path) -> None:
    request = b"CONNECT %s:443 HTTP/1.1\r\nHost: x\r\n\r\n"
    async with store(place) as database, Internet().up() as internet:
        egress = internet.egress(tmp_path)
        egress.note = reach_noted(database)
        async with egress.way_out(CONTEXT, "run_python", None) as way:
            for _ in range(2):
                assert b"200 Connection established" in await sent(way, request % b"open.example.org", then=b"x")
            for n in range(40):
                assert b"403" in await sent(way, request % f"no{n}.example.com".encode())
        rows = await Audit(database).read(person="ada", limit=100)
    [reached] = [row for row in rows if row.kind == "code_connected"]
    assert (reached.actor, reached.subject) == ("ada", "open.example.org:443")
    assert reached.details == {"operator": "analyst", "tool": "run_python", "mission": "m1"}
    refused = [row for row in rows if row.kind == "code_refused"]
    assert (len(refused), "is not open for code" in refused[-1].details["why"]) == (30, True)
    assert refused[-1].subject == "no0.example.com:443"


async def test_what_cannot_be_put_on_record_is_not_reached(tmp_path: Path) -> None:
    async def broken(*_: object) -> None:
        raise StoreUnavailable("The database is away.")

    async with Internet().up() as internet:
        egress = internet.egress(tmp_path)
        egress.note = broken
        async with egress.way_out(CONTEXT, "run_python", None) as way:
            answer = await sent(way, b"CONNECT open.example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (b"403" in answer, b"database is away" in answer, internet.connected) == (True, True, [])
