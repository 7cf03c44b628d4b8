"""Every limit that can be set is read by the code, reached by a test, and explained to those who operate the house."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import get_args

import pytest
from house import ROOT, document, house

from core.settings import Settings

NO_LIMITS = {
    "port": "an address",
    "price_in": "a price",
    "price_out": "a price",
    "ageing_seconds": "moves missions up in the queue, and stops nothing",
    "lease_seconds": "tells a lost worker from a slow one, and stops nothing",
    "drain_seconds": "how long a stop waits",
}
TESTS = {
    "session_idle_hours": "tests/integration/test_sessions.py::test_a_session_ends_twelve_hours_after_it_was_last_used",
    "session_days": "tests/integration/test_sessions.py::test_a_session_ends_after_seven_days_however_much_it_is_used",
    "mission_model_calls": "tests/integration/test_limits.py::test_a_mission_that_spends_what_it_may_stops_with_what_there_is",
    "mission_tool_calls": "tests/integration/test_limits.py::test_a_mission_that_spends_what_it_may_stops_with_what_there_is",
    "mission_tokens": "tests/integration/test_limits.py::test_a_mission_that_spends_what_it_may_stops_with_what_there_is",
    "mission_cost": "tests/integration/test_limits.py::test_a_missions_own_cost_limit_can_only_tighten_that_of_the_settings",
    "mission_seconds": "tests/integration/test_limits.py::test_a_mission_that_is_at_work_too_long_begins_nothing_more",
    "mission_tasks": "tests/integration/test_limits.py::test_a_mission_has_only_so_many_tasks_subtasks_included",
    "mission_attempts": "tests/integration/test_queue.py::test_a_mission_that_takes_its_process_down_is_given_up_with_the_reason",
    "missions_at_once": "tests/integration/test_queue.py::test_one_place_is_given_by_priority",
    "missions_per_user": "tests/unit/test_queue_order.py::test_a_user_has_no_more_at_work_than_there_are_places_for_one",
    "task_steps": "tests/integration/test_mission_limits.py::test_an_operator_that_never_finishes_is_stopped_at_its_step_limit",
    "task_seconds": "tests/integration/test_limits.py::test_a_task_that_is_at_work_too_long_is_ended_in_the_middle_of_its_call",
    "task_progress_seconds": "tests/unit/test_watchdog_time.py::test_a_task_that_hangs_is_told_then_ended_and_then_the_mission",
    "task_subtasks": "tests/integration/test_limits.py::test_a_task_hands_down_only_so_many_subtasks",
    "delegation_depth": "tests/integration/test_mission_limits.py::test_delegation_stops_at_its_depth_and_never_goes_in_a_circle",
    "review_rounds": "tests/integration/test_limits.py::test_work_is_sent_back_only_so_often",
    "recovery_tries": "tests/integration/test_limits.py::test_a_failed_task_is_tried_again_only_so_often",
    "approval_seconds": "tests/integration/test_approvals.py::test_nobody_decides_in_time_is_unanswered_not_refused",
    "question_seconds": "tests/integration/test_waiting.py::test_a_question_nobody_answers_ends_as_unanswered",
    "model_max_tokens": "tests/integration/test_model_faults.py::test_a_fault_ends_in_a_definite_state",
    "model_attempts": "tests/unit/test_gateway.py::test_attempts_are_bounded_and_words_are_masked",
    "model_first_token_seconds": "tests/integration/test_model_faults.py::test_a_fault_ends_in_a_definite_state",
    "model_silence_seconds": "tests/integration/test_model_faults.py::test_a_fault_ends_in_a_definite_state",
    "model_total_seconds": "tests/integration/test_model_faults.py::test_the_total_deadline_ends_a_reply_that_goes_on_and_on",
    "model_calls_at_once": "tests/integration/test_model_faults.py::test_model_calls_at_once_are_limited",
    "context_tokens": "tests/unit/test_briefing.py::test_a_long_conversation_stays_within_the_limit_and_keeps_the_newest",
    "files_per_user": "tests/integration/test_uploads.py::test_a_person_keeps_only_so_much",
    "files_mb_per_user": "tests/integration/test_uploads.py::test_a_person_keeps_only_so_much",
    "tool_seconds": "tests/unit/test_toolbox.py::test_time_is_up",
    "tool_output_bytes": "tests/integration/test_limits_office.py::test_an_operator_reads_only_so_much_of_an_output",
    "tool_calls_at_once": "tests/unit/test_toolbox.py::test_only_so_many_at_once",
    "sandbox_seconds": "tests/integration/test_sandbox.py::test_time_is_up",
    "sandbox_memory_mb": "tests/integration/test_sandbox.py::test_memory_is_counted_over_all_processes",
    "sandbox_pids": "tests/integration/test_sandbox.py::test_only_so_many_processes",
    "sandbox_disk_mb": "tests/integration/test_sandbox.py::test_the_workspace_holds_only_so_much",
    "sandbox_files": "tests/integration/test_sandbox.py::test_the_workspace_holds_only_so_many_files",
    "sandbox_runs_at_once": "tests/integration/test_sandbox.py::test_only_so_many_runs_at_once",
    "sandbox_sessions": "tests/integration/test_sandbox_sessions.py::test_only_so_many_sessions",
    "sandbox_sessions_per_mission": "tests/integration/test_sandbox_sessions.py::test_only_so_many_sessions",
    "sandbox_session_seconds": "tests/integration/test_sandbox_sessions.py::test_one_that_nobody_uses_is_ended_and_said_so",
    "sandbox_network_mb": "tests/integration/test_egress.py::test_one_run_moves_only_so_many_bytes",
    "web_seconds": "tests/integration/test_web_tools.py::test_a_page_that_drips_is_given_up_at_the_setting",
    "web_max_mb": "tests/integration/test_web_tools.py::test_a_page_that_drips_is_given_up_at_the_setting",
    "temporary_minutes": "tests/integration/test_temporary.py::test_one_that_nobody_has_open_ends_by_itself",
    "upload_max_mb": "tests/integration/test_guard.py::test_a_body_over_the_limit_is_cut_off",
    "upload_max_files": "tests/integration/test_limits_office.py::test_a_message_brings_only_so_many_files",
    "pictures_per_call": "tests/integration/test_model_pictures.py::test_one_call_is_shown_only_so_many_pictures_the_newest_ones",
    "pictures_mb_per_call": "tests/integration/test_model_pictures.py::test_one_call_is_shown_only_so_many_bytes_of_pictures",
    "picture_side": "tests/integration/test_picture_tool.py::test_the_longer_side_is_as_long_as_the_setting_says",
    "parse_seconds": "tests/integration/test_documents.py::test_a_parser_that_takes_too_long_is_killed",
    "parse_memory_mb": "tests/integration/test_documents.py::test_a_document_that_eats_memory_is_stopped",
}  # fmt: skip


def limits() -> list[str]:
    """Name every setting that is an amount and not said to be something else."""
    amounts = (int, float, Decimal)
    fields = Settings.model_fields.items()
    kinds = {name: get_args(field.annotation) or (field.annotation,) for name, field in fields}
    return [n for n, kind in kinds.items() if any(k in amounts for k in kind) and n not in NO_LIMITS]


def section(page: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, flags=re.MULTILINE | re.DOTALL)
    assert found is not None, f"there is no section {title!r}"
    return found[1]


def test_every_limit_has_a_test_and_nothing_else_is_in_the_table():
    assert sorted(limits()) == sorted(TESTS)
    assert set(NO_LIMITS) <= set(Settings.model_fields)


@pytest.mark.parametrize("name", sorted(TESTS))
def test_the_test_of_a_limit_exists(name):
    path, _, function = TESTS[name].partition("::")
    assert f"def {function}" in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(TESTS))
def test_the_code_reads_every_limit(name):
    readers = [s.path for s in house() if s.path != "core/settings.py" and re.search(rf"\.{name}\b", s.text)]
    assert readers, f"nobody reads {name}: it limits nothing"


@pytest.mark.parametrize("name", sorted(TESTS))
def test_every_limit_is_explained_to_operators(name):
    assert f"`STAFFWORK_{name.upper()}`" in section(document("operating"), "Limits and the watchdog")
