"""What the interface answers, as models: answers are made with them, and `/openapi.json` shows them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from worker.jobs.job import Job, Requested, Source, State, Work

__all__ = [
    "CheckAnswer",
    "DropzoneAnswer",
    "DropzoneItem",
    "HealthAnswer",
    "InferredModel",
    "JobAnswer",
    "JobListAnswer",
    "ModelAnswer",
    "ModelListAnswer",
    "ProblemAnswer",
    "ReadyAnswer",
    "RecordEnvelope",
    "job_answer",
]


class Output(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True, extra="forbid")


class ProblemAnswer(Output):
    """Every error: RFC 9457 with a `code` and a `hint`. Some carry further members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:batch:error:` and the code.")
    title: str = Field(description="What the code means, the same for every answer with it.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong with this request.")
    code: str = Field(description="The error code: what programs look at.")
    hint: str = Field(description="What to do.")


class Reason(Output):
    """Why something waits or failed."""

    code: str
    message: str
    hint: str = Field(description="What to do.")


class SubmissionKey(Output):
    """An `Idempotency-Key`, and a SHA-256 of what was submitted with it."""

    key: str
    fingerprint: str


class JobPosition(Output):
    """Where the next read starts."""

    byte: int
    row: int = Field(description="Data rows read.")
    line: int = Field(description="Physical lines read.")
    block: int
    row_group: int = Field(description="Of a Parquet file.")


class JobAnswer(Output):
    """One file on its way to a topic. Counts are as of the last commit that its owner reported."""

    job_id: str = Field(pattern="^[a-z0-9]{12}$")
    revision: int = Field(description="Grows with every change; -1 until the job is in the table.")
    model: str
    model_version: int
    options: dict[str, Any] = Field(description="The model's options with the request's over them.")
    source: Source
    file: str = Field(description="The file's name as it was submitted.")
    size_bytes: int
    sha256: str
    format: str | None = Field(
        description="Such as `csv`, `parquet` or `ndjson+gzip`, once the file was opened."
    )
    converter: str | None
    state: State
    requested: Requested | None = Field(description="What a user asked for and the owner has not done yet.")
    waiting: Reason | None = Field(description="Why a QUEUED job cannot start.")
    position: JobPosition
    rows_read: int = Field(description="Delivered and rejected rows, without header and blank lines.")
    rows_delivered: int
    rows_rejected: int
    bytes_read: int
    attempt: int = Field(description="From 1, one more at each retry.")
    topic: str
    dlq_topic: str | None = Field(description="The dead letter topic; null until there is one.")
    offsets: dict[str, list[int]] = Field(
        description="By partition: the job's first offset and the one after its last record."
    )
    worker: str | None = Field(description="The id of the worker that started it last.")
    error: Reason | None = Field(description="Why it FAILED.")
    created_at: str
    started_at: str | None
    finished_at: str | None
    first_attempt: int = Field(description="The attempt that began at the file's start.")
    work: Work = Field(description="What the attempt delivers: the file's rows, or the unresolved rejects.")
    dead_letters: list[int] | None = Field(
        description="Offsets in `dlq_topic`: the first unresolved reject and the one after the last."
    )
    duplicate_of: str | None = Field(
        description="A job of the model with the same bytes, if it was looked for."
    )
    idempotency: SubmissionKey | None = Field(description="The `Idempotency-Key` that it was submitted with.")


class JobListAnswer(Output):
    """A page of jobs."""

    items: list[JobAnswer]
    next_cursor: str | None


class ModelAnswer(Output):
    """One version of a named JSON Schema. The numbers in it are as its author wrote them."""

    name: str
    version: int
    schema_: dict[str, Any] = Field(alias="schema")
    created_at: str


class ModelListAnswer(Output):
    """A page of models, each in its newest version."""

    items: list[ModelAnswer]
    next_cursor: str | None


class DropzoneItem(Output):
    """Something in `incoming/` that is not taken."""

    path: str = Field(description="Relative to `incoming/`.")
    code: str
    message: str
    hint: str = Field(description="What to do.")
    size_bytes: int | None = Field(description="Null for what has no size, such as a folder.")
    since: str = Field(description="When this code was first given.")


class DropzoneAnswer(Output):
    """A page of what waits in `incoming/`."""

    items: list[DropzoneItem]
    next_cursor: str | None


class CheckExample(Output):
    """A row that an error is about."""

    row: int = Field(description="Data rows from 1.")
    line: int | None = Field(description="Physical lines from 1; null for Parquet.")
    message: str


class CheckedError(Output):
    """What is wrong with `count` rows in one column."""

    column: str | None = Field(description="Null where the row as a whole is wrong.")
    code: str
    count: int
    examples: list[CheckExample] = Field(description="The first of them.")


class CheckAnswer(Output):
    """What would become of a file's rows."""

    format: str | None = Field(description="Such as `csv`; null if the file could not be opened.")
    columns: list[str] = Field(description="The file's columns; none for NDJSON.")
    rows: int
    valid: int = Field(description="Rows that would be delivered.")
    rejected: int = Field(description="Rows that would go to the dead letter topic.")
    errors: list[CheckedError] = Field(description="By column and code, in the order in which they came.")
    unlisted: int = Field(description="Errors of further columns and codes, beyond those listed.")
    error: Reason | None = Field(description="Why the job would fail; the counts go as far as it was read.")


class InferredModel(Output):
    """A schema that a file passes, ready for `POST /models`."""

    schema_: dict[str, Any] = Field(alias="schema")
    format: str


class HealthAnswer(Output):
    """The process answers."""

    status: Literal["alive"]


class ReadyAnswer(Output):
    """Broker, table and partitions are there."""

    status: Literal["ready"]
    message: str
    broker: str
    broker_ok: bool
    ready: bool
    since: str = Field(description="When the broker came or went last.")
    partitions: list[int] = Field(description="The internal partitions that are this worker's.")


class RecordEnvelope(Output):
    """A record with `format=envelope`."""

    partition: int
    offset: int
    timestamp: int = Field(description="Unix time in milliseconds.")
    key: str | None
    value: Any = Field(description="The row: one JSON object.")


def job_answer(job: Job) -> dict[str, Any]:
    """Return Job JSON, in the order of its members that people read."""
    return JobAnswer.model_validate(job).model_dump(mode="json")
