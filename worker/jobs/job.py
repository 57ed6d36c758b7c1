"""The job: one file on its way to a topic, as the table keeps it and HTTP shows it."""

from __future__ import annotations

import secrets
import string
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

__all__ = [
    "ENDED",
    "Idempotency",
    "Job",
    "JobFailure",
    "Requested",
    "Source",
    "State",
    "Waiting",
    "Work",
    "new_job_id",
]

_ALPHABET = string.ascii_lowercase + string.digits


class State(StrEnum):
    """Where a job stands. A crash leaves it as it was."""

    QUEUED = "QUEUED"  # submitted, or sent back by a retry; `waiting` says why it does not start
    RUNNING = "RUNNING"  # its owner reads and delivers
    PAUSED = "PAUSED"  # stopped after a commit on request; resume goes on there
    COMPLETED = "COMPLETED"  # every row is delivered or in the dead letter topic
    FAILED = "FAILED"  # ended by `error`; what was committed stays
    CANCELLED = "CANCELLED"  # ended on request; what was committed stays


ENDED = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})


class Requested(StrEnum):
    """What a user asked of a job and its owner has not done yet."""

    CANCEL = "cancel"
    PAUSE = "pause"


class Source(StrEnum):
    DROPZONE = "dropzone"
    UPLOAD = "upload"


class Work(StrEnum):
    """What a job's attempt delivers."""

    FILE = "file"  # the rows of the file, from the committed position on
    REJECTS = "rejects"  # the unresolved rows of the dead letter topic


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a QUEUED job cannot start."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The `Idempotency-Key` of a submission, and a SHA-256 (hex) of what was submitted with it."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job FAILED."""

    code: str
    message: str
    hint: str


def _position() -> dict[str, int]:
    return {"byte": 0, "row": 0, "line": 0, "block": 0, "row_group": 0}


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the table `jobs`: the Job JSON of the contract, §7.

    `revision` is the offset of the event applied last in `job-events`. Sizes are bytes, times RFC 3339 in
    UTC. Counts are as of the last commit that the owner reported, and may lag behind the topic.
    `first_attempt` is the attempt that began at the file's start. `dead_letters` are the dead letter offsets
    of the first unresolved reject and the one after the last. `duplicate_of` names a job with the same bytes.
    """

    job_id: str
    model: str
    model_version: int
    file: str
    source: Source
    size_bytes: int
    sha256: str
    created_at: str
    topic: str
    options: dict[str, Any] = field(default_factory=dict)
    revision: int = -1
    format: str | None = None
    converter: str | None = None
    state: State = State.QUEUED
    requested: Requested | None = None
    waiting: Waiting | None = None
    position: dict[str, int] = field(default_factory=_position)
    rows_read: int = 0
    rows_delivered: int = 0
    rows_rejected: int = 0
    bytes_read: int = 0
    attempt: int = 1
    first_attempt: int = 1
    work: Work = Work.FILE
    dead_letters: list[int] | None = None
    duplicate_of: str | None = None
    idempotency: Idempotency | None = None
    dlq_topic: str | None = None
    offsets: dict[str, list[int]] = field(default_factory=dict)
    worker: str | None = None
    error: JobFailure | None = None
    started_at: str | None = None
    finished_at: str | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def with_(self, **changes: Any) -> Job:
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        return {name: asdict_value(getattr(self, name)) for name in _ORDER}

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Job:
        values = {name: value for name, value in raw.items() if name in _KNOWN}
        values["source"] = Source(values["source"])
        values["state"] = State(values["state"])
        if values.get("requested"):
            values["requested"] = Requested(values["requested"])
        if values.get("waiting"):
            values["waiting"] = Waiting(**values["waiting"])
        values["work"] = Work(values.get("work", Work.FILE))
        if values.get("idempotency"):
            values["idempotency"] = Idempotency(**values["idempotency"])
        if values.get("error"):
            values["error"] = JobFailure(**values["error"])
        return cls(**values)


_KNOWN = frozenset(f.name for f in fields(Job))


def asdict_value(value: Any) -> Any:
    if isinstance(value, Waiting | JobFailure | Idempotency):
        return asdict(value)
    if isinstance(value, StrEnum):
        return value.value
    return value


# the order of contract §7: people read it
_ORDER = (
    "job_id", "revision", "model", "model_version", "options", "source", "file", "size_bytes", "sha256",
    "format", "converter", "state", "requested", "waiting", "position", "rows_read", "rows_delivered",
    "rows_rejected", "bytes_read", "attempt", "topic", "dlq_topic", "offsets", "worker", "error",
    "created_at", "started_at", "finished_at",
    # beyond the contract
    "first_attempt", "work", "dead_letters", "duplicate_of", "idempotency",
)  # fmt: skip


def new_job_id() -> str:
    """Return 12 characters of `[a-z0-9]` from a secure random source (62 bits)."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))
