"""JobEvents: the commands and reports, keyed by job id, that the table `jobs` folds.

All carry absolute values, so that one delivered twice changes nothing. Those of a job's owner carry its
`attempt`: a late one of an earlier attempt is skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from worker.jobs.job import Job, JobFailure, State, Waiting

__all__ = [
    "Begin",
    "Counts",
    "Deleted",
    "Ended",
    "JobEvent",
    "Marker",
    "Progressed",
    "Released",
    "Requests",
    "Retried",
    "Started",
    "Submitted",
    "Touched",
    "WaitingFor",
    "event_from_json",
]


@dataclass(frozen=True, slots=True)
class Submitted:
    """A file was claimed: the job's first row."""

    type: ClassVar[str] = "SUBMITTED"
    job: Job

    def to_json(self) -> dict[str, Any]:
        return {"type": self.type, "job": self.job.to_json()}


@dataclass(frozen=True, slots=True)
class Started:
    """The owner has fenced every earlier one and committed the start progress."""

    type: ClassVar[str] = "STARTED"
    attempt: int
    worker: str
    format: str
    converter: str
    started_at: str

    def to_json(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "attempt": self.attempt,
            "worker": self.worker,
            "format": self.format,
            "converter": self.converter,
            "started_at": self.started_at,
        }


@dataclass(frozen=True, slots=True)
class Counts:
    """What a job has committed, in the shape of Job JSON."""

    position: dict[str, int]
    rows_delivered: int
    rows_rejected: int
    bytes_read: int
    offsets: dict[str, list[int]]
    dlq_topic: str | None
    dead_letters: list[int] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "position": self.position,
            "rows_delivered": self.rows_delivered,
            "rows_rejected": self.rows_rejected,
            "bytes_read": self.bytes_read,
            "offsets": self.offsets,
            "dlq_topic": self.dlq_topic,
            "dead_letters": self.dead_letters,
        }


@dataclass(frozen=True, slots=True)
class Progressed:
    """A chunk was committed."""

    type: ClassVar[str] = "PROGRESS"
    attempt: int
    counts: Counts

    def to_json(self) -> dict[str, Any]:
        return {"type": self.type, "attempt": self.attempt, "counts": self.counts.to_json()}


@dataclass(frozen=True, slots=True)
class WaitingFor:
    """A QUEUED job cannot start, or (None) no longer waits."""

    type: ClassVar[str] = "WAITING"
    attempt: int
    waiting: Waiting | None

    def to_json(self) -> dict[str, Any]:
        waiting = self.waiting
        return {
            "type": self.type,
            "attempt": self.attempt,
            "waiting": None
            if waiting is None
            else {"code": waiting.code, "message": waiting.message, "hint": waiting.hint},
        }


@dataclass(frozen=True, slots=True)
class Requests:
    """A user asks for `cancel` or `pause`, or takes it back and resumes (`resume`)."""

    type: ClassVar[str] = "REQUESTED"
    what: str

    def to_json(self) -> dict[str, Any]:
        return {"type": self.type, "what": self.what}


@dataclass(frozen=True, slots=True)
class Released:
    """The owner has stopped after a commit: PAUSED, or QUEUED to give up its slot."""

    type: ClassVar[str] = "RELEASED"
    attempt: int
    state: State

    def to_json(self) -> dict[str, Any]:
        return {"type": self.type, "attempt": self.attempt, "state": self.state.value}


@dataclass(frozen=True, slots=True)
class Ended:
    """The job's end, written by its owner after the last commit or abort; no commit: no `counts`."""

    type: ClassVar[str] = "ENDED"
    attempt: int
    state: State
    error: JobFailure | None
    counts: Counts | None
    finished_at: str
    format: str | None = None

    def to_json(self) -> dict[str, Any]:
        error = self.error
        return {
            "type": self.type,
            "attempt": self.attempt,
            "state": self.state.value,
            "error": None
            if error is None
            else {"code": error.code, "message": error.message, "hint": error.hint},
            "counts": None if self.counts is None else self.counts.to_json(),
            "finished_at": self.finished_at,
            "format": self.format,
        }


class Begin(StrEnum):
    """Where a retry begins."""

    COMMITTED = "committed"  # at the committed position
    START = "start"  # at the file's start; in an own topic of its own
    REJECTS = "rejects"  # at the first unresolved reject: the file was read to its end


@dataclass(frozen=True, slots=True)
class Retried:
    """A user sends an ended job back; `attempt` is the new one.

    None: model version, options and topic stay as they are.
    """

    type: ClassVar[str] = "RETRIED"
    attempt: int
    begin: Begin = Begin.COMMITTED
    model_version: int | None = None
    options: dict[str, Any] | None = None
    topic: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "attempt": self.attempt,
            "begin": self.begin.value,
            "model_version": self.model_version,
            "options": self.options,
            "topic": self.topic,
        }


@dataclass(frozen=True, slots=True)
class Touched:
    """A read model saw a row older than one it had: the fold writes the row again with a new revision."""

    type: ClassVar[str] = "TOUCHED"

    def to_json(self) -> dict[str, Any]:
        return {"type": self.type}


@dataclass(frozen=True, slots=True)
class Deleted:
    """The job is gone: a tombstone takes the row's place."""

    type: ClassVar[str] = "DELETED"

    def to_json(self) -> dict[str, Any]:
        return {"type": self.type}


@dataclass(frozen=True, slots=True)
class Marker:
    """Sent to each own partition after a rebalance; once folded, all that came before is in the table."""

    type: ClassVar[str] = "MARKER"
    nonce: str

    def to_json(self) -> dict[str, Any]:
        return {"type": self.type, "nonce": self.nonce}


JobEvent = (
    Submitted
    | Started
    | Progressed
    | WaitingFor
    | Requests
    | Released
    | Ended
    | Retried
    | Touched
    | Deleted
    | Marker
)


def _failure(raw: dict[str, Any] | None) -> JobFailure | None:
    return None if raw is None else JobFailure(**raw)


def _counts(raw: dict[str, Any] | None) -> Counts | None:
    return None if raw is None else Counts(**raw)


def event_from_json(raw: dict[str, Any]) -> JobEvent:
    """Read an event as it stands in the topic. Raises ValueError for one that this version does not know."""
    values = {name: value for name, value in raw.items() if name != "type"}
    match raw.get("type"):
        case "SUBMITTED":
            return Submitted(job=Job.from_json(values["job"]))
        case "STARTED":
            return Started(**values)
        case "PROGRESS":
            return Progressed(attempt=values["attempt"], counts=Counts(**values["counts"]))
        case "WAITING":
            waiting = values["waiting"]
            return WaitingFor(values["attempt"], None if waiting is None else Waiting(**waiting))
        case "REQUESTED":
            return Requests(values["what"])
        case "RELEASED":
            return Released(values["attempt"], State(values["state"]))
        case "ENDED":
            return Ended(
                attempt=values["attempt"],
                state=State(values["state"]),
                error=_failure(values["error"]),
                counts=_counts(values["counts"]),
                finished_at=values["finished_at"],
                format=values["format"],
            )
        case "RETRIED":
            return Retried(**{**values, "begin": Begin(values.get("begin", Begin.COMMITTED))})
        case "TOUCHED":
            return Touched()
        case "DELETED":
            return Deleted()
        case "MARKER":
            return Marker(values["nonce"])
        case other:
            raise ValueError(f"unknown job event type `{other}`")
