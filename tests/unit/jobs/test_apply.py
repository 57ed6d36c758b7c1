"""The state machine of a job, event by event."""

from __future__ import annotations

import re

import pytest

from worker.jobs.apply import apply
from worker.jobs.events import (
    Counts,
    Deleted,
    Ended,
    JobEvent,
    Marker,
    Progressed,
    Released,
    Requests,
    Retried,
    Started,
    Submitted,
    Touched,
    WaitingFor,
    event_from_json,
)
from worker.jobs.job import Job, JobFailure, Source, State, Waiting, new_job_id

NOW = "2026-11-25T10:00:00.000Z"


def queued() -> Job:
    return Job(
        job_id="abcdefghij01",
        model="orders",
        model_version=2,
        file="orders.csv",
        source=Source.UPLOAD,
        size_bytes=1000,
        sha256="0" * 64,
        created_at=NOW,
        topic="batch_abcdefghij01",
    )


def counts(delivered: int, rejected: int = 0) -> Counts:
    return Counts(
        position={"byte": delivered * 10, "row": delivered + rejected, "line": 1, "block": 1, "row_group": 0},
        rows_delivered=delivered,
        rows_rejected=rejected,
        bytes_read=delivered * 10,
        offsets={"0": [0, delivered]},
        dlq_topic="batch_abcdefghij01_dlq" if rejected else None,
    )


def started(attempt: int = 1) -> Started:
    return Started(attempt, "worker-1", "csv", "reference", NOW)


def ended(state: State, attempt: int = 1, error: JobFailure | None = None) -> Ended:
    return Ended(attempt, state, error, counts(10, 1), NOW)


def fold(*events: JobEvent) -> Job | None:
    row: Job | None = None
    for offset, event in enumerate(events):
        row = apply(row, event, offset)
    return row


def folded(*events: JobEvent) -> Job:
    row = fold(Submitted(queued()), *events)
    assert row is not None
    return row


def test_a_whole_life() -> None:
    row = folded(started(), Progressed(1, counts(5)), ended(State.COMPLETED))
    assert (row.state, row.revision, row.rows_read, row.rows_delivered, row.rows_rejected) == (
        State.COMPLETED,
        3,
        11,
        10,
        1,
    )
    assert (row.worker, row.format, row.converter, row.finished_at) == ("worker-1", "csv", "reference", NOW)
    assert row.dlq_topic == "batch_abcdefghij01_dlq"


def test_a_replay_changes_nothing() -> None:
    row = folded(started())
    assert apply(row, ended(State.FAILED), row.revision) is row
    assert apply(row, ended(State.FAILED), row.revision - 1) is row


def test_only_a_submission_makes_a_row() -> None:
    for event in (started(), Touched(), Requests("cancel"), ended(State.FAILED), Deleted(), Retried(2)):
        assert apply(None, event, 5) is None


def test_a_second_submission_changes_nothing() -> None:
    row = folded(started())
    assert apply(row, Submitted(queued()), 9) is row


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED])
def test_nothing_of_the_owner_changes_an_ended_row(state: State) -> None:
    row = folded(started(), ended(state))
    for event in (started(), Progressed(1, counts(99)), ended(State.COMPLETED), Released(1, State.PAUSED)):
        assert apply(row, event, 9) is row


def test_reports_of_an_earlier_attempt_are_skipped() -> None:
    row = folded(started(), ended(State.FAILED), Retried(2))
    assert row.state is State.QUEUED
    assert row.attempt == 2
    for event in (started(1), Progressed(1, counts(99)), ended(State.COMPLETED, 1)):
        assert apply(row, event, 9) is row
    assert folded(started(), ended(State.FAILED), Retried(2), started(2)).state is State.RUNNING


def test_a_retry_keeps_counts_and_start_and_clears_the_end() -> None:
    failure = JobFailure("DELIVERY_FAILED", "m", "h")
    row = folded(started(), ended(State.FAILED, error=failure), Retried(2))
    assert (row.rows_read, row.started_at, row.error, row.finished_at, row.worker) == (
        11,
        NOW,
        None,
        None,
        None,
    )


@pytest.mark.parametrize("attempt", [1, 3])
def test_a_retry_counts_attempts_one_by_one(attempt: int) -> None:
    row = folded(started(), ended(State.FAILED))
    assert apply(row, Retried(attempt), 9) is row


def test_a_completed_job_is_not_retried() -> None:
    row = folded(started(), ended(State.COMPLETED))
    assert apply(row, Retried(2), 9) is row


def test_requests() -> None:
    assert folded(Requests("cancel")).requested == "cancel"
    assert folded(Requests("pause")).requested == "pause"
    assert folded(Requests("pause"), Requests("resume")).requested is None
    assert folded(Requests("pause"), Requests("cancel")).requested == "cancel"
    assert folded(Requests("cancel"), Requests("pause")).requested == "cancel"
    assert folded(Requests("cancel"), Requests("resume")).requested == "cancel"
    assert folded(started(), ended(State.COMPLETED), Requests("cancel")).requested is None


def test_pause_and_resume() -> None:
    paused = folded(started(), Requests("pause"), Released(1, State.PAUSED))
    assert (paused.state, paused.requested) == (State.PAUSED, None)
    assert apply(paused, Requests("pause"), 9) is paused
    resumed = apply(paused, Requests("resume"), 9)
    assert resumed is not None
    assert resumed.state is State.QUEUED


def test_what_was_asked_since_the_owner_stopped_still_holds() -> None:
    pausing = [started(), Requests("pause")]
    cancelled = folded(*pausing, Requests("cancel"), Released(1, State.PAUSED))
    assert (cancelled.state, cancelled.requested) == (State.PAUSED, "cancel")
    assert folded(*pausing, Requests("cancel"), Released(1, State.PAUSED), Requests("resume")) == cancelled
    resumed = folded(*pausing, Requests("resume"), Released(1, State.PAUSED))
    assert (resumed.state, resumed.requested) == (State.QUEUED, None)


def test_a_release_that_arrives_twice_is_one() -> None:
    paused = folded(started(), Requests("pause"), Released(1, State.PAUSED))
    assert apply(paused, Released(1, State.PAUSED), 9) is paused


def test_waiting_is_said_while_queued_and_gone_at_the_start() -> None:
    waiting = Waiting("SLOT", "m", "h")
    assert folded(WaitingFor(1, waiting)).waiting == waiting
    assert folded(WaitingFor(1, waiting), WaitingFor(1, None)).waiting is None
    assert folded(WaitingFor(1, waiting), started()).waiting is None
    assert folded(started(), WaitingFor(1, waiting)).waiting is None


def test_a_report_that_was_overtaken_does_not_count_back() -> None:
    assert folded(started(), Progressed(1, counts(8)), Progressed(1, counts(5))).rows_read == 8


def test_touch_writes_the_row_again_with_the_new_revision() -> None:
    row = folded(started())
    touched = apply(row, Touched(), 40)
    assert touched == row.with_(revision=40)


def test_deletion_is_a_tombstone_and_later_events_are_dropped() -> None:
    assert (
        fold(Submitted(queued()), started(), ended(State.FAILED), Deleted(), Progressed(1, counts(3))) is None
    )


def test_a_job_that_was_retried_is_not_deleted() -> None:
    retried = folded(started(), ended(State.FAILED), Retried(2))
    assert apply(retried, Deleted(), 90) is retried
    assert apply(retried.with_(state=State.CANCELLED), Deleted(), 90) is None


EVENTS: list[JobEvent] = [
    Submitted(queued()),
    started(),
    Progressed(1, counts(3, 2)),
    WaitingFor(1, Waiting("SLOT", "m", "h")),
    WaitingFor(1, None),
    Requests("cancel"),
    Released(1, State.PAUSED),
    ended(State.FAILED, error=JobFailure("INTERNAL", "m", "h")),
    Ended(1, State.CANCELLED, None, None, NOW),
    Retried(2),
    Touched(),
    Deleted(),
    Marker("n"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_events_read_back_as_they_were_written(event: JobEvent) -> None:
    assert event_from_json(event.to_json()) == event


def test_an_unknown_event_is_named() -> None:
    with pytest.raises(ValueError, match="`RENAMED`"):
        event_from_json({"type": "RENAMED"})


def test_a_row_reads_back_as_it_was_written_in_the_order_of_the_contract() -> None:
    row = folded(started(), ended(State.FAILED, error=JobFailure("INTERNAL", "m", "h")))
    assert Job.from_json(row.to_json()) == row
    order = (
        "job_id revision model model_version options source file size_bytes sha256 format converter state "
        "requested waiting position rows_read rows_delivered rows_rejected bytes_read attempt topic "
        "dlq_topic offsets worker error created_at started_at finished_at "
    )
    more = "first_attempt work dead_letters duplicate_of idempotency"
    assert " ".join(row.to_json()) == order + more


def test_job_ids() -> None:
    ids = {new_job_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch("[a-z0-9]{12}", job_id) for job_id in ids)
