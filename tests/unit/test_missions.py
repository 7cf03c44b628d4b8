"""The pure rules over missions, tasks and reports."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from core.missions import (
    ENDED,
    RESTING,
    TRANSITIONS,
    Priority,
    Report,
    Status,
    Task,
    derived_id,
    fingerprint,
    may_become,
    new_id,
    now,
    outcome,
)


def report(status: Status, task_id: str = "t1") -> Report:
    return Report(task_id=task_id, operator="analyst", status=status, summary="")


def test_every_status_has_its_transitions():
    assert set(TRANSITIONS) == set(Status)


@pytest.mark.parametrize("status", sorted(ENDED))
def test_an_end_is_final(status):
    assert not any(may_become(status, other) for other in Status)


@pytest.mark.parametrize("status", sorted(set(Status) - ENDED))
def test_everything_else_can_still_be_cancelled(status):
    assert may_become(status, Status.CANCELLED)


@pytest.mark.parametrize("status", sorted(RESTING - ENDED))
def test_what_rests_can_be_taken_up_again(status):
    assert may_become(status, Status.IN_PROGRESS)


def test_a_lost_attempt_may_start_again():
    assert may_become(Status.IN_PROGRESS, Status.IN_PROGRESS)


def test_nothing_is_completed_without_having_started():
    assert not may_become(Status.PENDING, Status.COMPLETED)
    assert not may_become(Status.WAITING_ANSWER, Status.COMPLETED)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], Status.FAILED),
        ([Status.COMPLETED], Status.COMPLETED),
        ([Status.COMPLETED, Status.FAILED], Status.COMPLETED),
        ([Status.FAILED, Status.CANCELLED], Status.FAILED),
    ],
)
def test_completed_is_derived_from_what_ran(statuses, expected):
    assert outcome(report(status, f"t{n}") for n, status in enumerate(statuses)) is expected


def test_the_same_delegation_is_recognised_whatever_its_spacing():
    assert fingerprint("analyst", "Sum  the\nrevenue ") == fingerprint("analyst", "sum the revenue")
    assert fingerprint("analyst", "sum") != fingerprint("writer", "sum")


def test_derived_ids_are_stable_and_their_parts_do_not_run_together():
    assert derived_id("m1", "answer", "3") == derived_id("m1", "answer", "3")
    assert derived_id("ab", "c") != derived_id("a", "bc")
    assert new_id() != new_id()


def test_values_are_frozen_and_closed():
    task = Task(id="t1", operator="analyst", goal="sum")
    with pytest.raises(ValidationError):
        task.goal = "other"
    with pytest.raises(ValidationError):
        Task(id="t1", operator="analyst", goal="sum", colour="red")
    assert task.priority is Priority.MEDIUM


def test_a_value_survives_a_round_trip_as_json():
    task = Task(id="t1", operator="analyst", goal="sum", needs=("t0",), priority=Priority.URGENT)
    assert Task.model_validate_json(task.model_dump_json()) == task


def test_time_is_told_in_utc():
    offset = now().utcoffset()
    assert offset is not None
    assert offset.total_seconds() == 0
