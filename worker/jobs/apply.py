"""The fold: what one event does to one row. Pure, and the only place that changes a job's state."""

from __future__ import annotations

from dataclasses import replace

from worker.jobs.events import (
    Begin,
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
)
from worker.jobs.job import ENDED, Job, Requested, State, Work

__all__ = ["apply", "can_retry"]

_ACTIVE = frozenset({State.QUEUED, State.RUNNING, State.PAUSED})


def apply(row: Job | None, event: JobEvent, revision: int) -> Job | None:
    """Return the row after `event`, the very same object if it changes nothing, None for a tombstone.

    `revision` is the event's offset; one not above the row's is a replay and changes nothing.
    """
    if row is None:
        return replace(event.job, revision=revision) if isinstance(event, Submitted) else None
    if revision <= row.revision:
        return row
    if isinstance(event, Deleted):
        return None if row.ended else row  # retried while the deletion was on its way
    changed = _changed(row, event)
    return row if changed is row else replace(changed, revision=revision)


def _changed(row: Job, event: JobEvent) -> Job:
    match event:
        case Touched():
            return replace(row)
        case Requests(what=what):
            return _request(row, what)
        case Retried():
            return _retry(row, event)
        case Submitted() | Marker() | Deleted():
            return row
    if event.attempt != row.attempt or row.state in ENDED:
        return row
    return _report(row, event)


def _report(row: Job, event: Started | Progressed | WaitingFor | Released | Ended) -> Job:
    """A report of the owner about the running attempt."""
    match event:
        case Started():
            return replace(
                row,
                state=State.RUNNING,
                waiting=None,
                worker=event.worker,
                format=event.format,
                converter=event.converter,
                started_at=row.started_at or event.started_at,
            )
        case Progressed(counts=counts):
            return _with_counts(row, counts)
        case WaitingFor(waiting=waiting):
            return replace(row, waiting=waiting) if row.state is State.QUEUED else row
        case Released(state=state):
            return _release(row, state)
        case Ended():
            counted = row if event.counts is None else _with_counts(row, event.counts)
            return replace(
                counted,
                state=event.state,
                error=event.error,
                format=event.format or row.format,
                finished_at=event.finished_at,
                requested=None,
                waiting=None,
            )


def _release(row: Job, state: State) -> Job:
    """What was asked since the owner stopped still holds: a pause that was taken back does not come about."""
    if state is not State.PAUSED:
        return replace(row, state=state)
    if row.state is State.PAUSED:
        return row
    if row.requested is None:
        return replace(row, state=State.QUEUED)
    requested = Requested.CANCEL if row.requested is Requested.CANCEL else None
    return replace(row, state=State.PAUSED, requested=requested)


def _request(row: Job, what: str) -> Job:
    if row.state not in _ACTIVE or row.requested is Requested.CANCEL:
        return row  # a cancel is never taken back, by a pause nor by a resume
    if what == "resume":
        if row.state is State.PAUSED:
            return replace(row, state=State.QUEUED, requested=None)
        return replace(row, requested=None) if row.requested is Requested.PAUSE else row
    if what == "pause" and row.state is State.PAUSED:
        return row
    return replace(row, requested=Requested(what))


_RETRIABLE = {
    Begin.COMMITTED: frozenset({State.FAILED, State.CANCELLED}),
    Begin.START: ENDED,
    Begin.REJECTS: frozenset({State.COMPLETED}),
}


def can_retry(row: Job, begin: Begin) -> bool:
    """Whether a job in this state can be sent back in this way."""
    return row.state in _RETRIABLE[begin]


def _retry(row: Job, event: Retried) -> Job:
    if not can_retry(row, event.begin) or event.attempt != row.attempt + 1:
        return row
    row = replace(
        row,
        state=State.QUEUED,
        attempt=event.attempt,
        error=None,
        finished_at=None,
        requested=None,
        waiting=None,
        worker=None,
        model_version=event.model_version or row.model_version,
        options=row.options if event.options is None else event.options,
        topic=event.topic or row.topic,
    )
    if event.begin is Begin.REJECTS:
        return replace(row, work=Work.REJECTS)
    return _from_start(row) if event.begin is Begin.START else row


def _from_start(row: Job) -> Job:
    """Nothing of the earlier attempts counts any more."""
    fresh = Job(
        job_id=row.job_id,
        model=row.model,
        model_version=row.model_version,
        file=row.file,
        source=row.source,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        created_at=row.created_at,
        topic=row.topic,
    )
    return replace(
        fresh,
        options=row.options,
        revision=row.revision,
        format=row.format,
        attempt=row.attempt,
        first_attempt=row.attempt,
        duplicate_of=row.duplicate_of,
        idempotency=row.idempotency,
    )


def _with_counts(row: Job, counts: Counts) -> Job:
    rows_read = counts.rows_delivered + counts.rows_rejected
    if rows_read < row.rows_read:
        return row  # a report that was overtaken
    return replace(
        row,
        position=counts.position,
        rows_read=rows_read,
        rows_delivered=counts.rows_delivered,
        rows_rejected=counts.rows_rejected,
        bytes_read=counts.bytes_read,
        offsets=counts.offsets,
        dlq_topic=counts.dlq_topic or row.dlq_topic,
        dead_letters=counts.dead_letters or row.dead_letters,
    )
