"""Ports of the state: what HTTP, intake and the runners need of Faust, SQLite and the model topic.

Only `worker/state` imports faust; everything else sees these. `testing.py` has in-memory twins.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from worker.jobs import exact_json
from worker.jobs.events import JobEvent
from worker.jobs.job import Job, State

__all__ = [
    "Change",
    "Health",
    "JobCommands",
    "JobPage",
    "JobQuery",
    "JobReader",
    "Lag",
    "Model",
    "ModelStore",
    "Ownership",
    "OwnershipListener",
    "StateError",
    "Totals",
    "UnavailableError",
]


class StateError(Exception):
    """A request that the state cannot grant: `code` is one of the contract's, `hint` says what to do."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class UnavailableError(StateError):
    """Kafka is away or the worker is not ready: `KAFKA_UNAVAILABLE` or `NOT_READY`."""


@dataclass(frozen=True, slots=True)
class Health:
    """What /healthz, /readyz and the pages say of broker and table.

    `since` is when `broker_ok` last changed (RFC 3339). `message` is a sentence for people: the address that
    was tried and what happened; `hint` what to do. `ready`: the gate is open, the own partitions are
    assigned and recovered, and the read model has caught up.
    """

    broker: str
    broker_ok: bool
    ready: bool
    message: str
    hint: str
    since: str
    partitions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Lag:
    """How far this worker is behind the broker's topics (records), as of the last look; NaN: not known."""

    table_events: float
    read_model_records: float


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which jobs, newest first. `states` empty: all. `q`: part of the file name or start of the id."""

    states: frozenset[State] = frozenset()
    model: str | None = None
    q: str | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class JobPage:
    items: Sequence[Job]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Totals:
    """What jobs have committed together. `bytes_read` are bytes of their files."""

    jobs: int
    rows_delivered: int
    rows_rejected: int
    bytes_read: int


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the read model changed; `job` is None when it was deleted."""

    job_id: str
    job: Job | None


class JobReader(Protocol):
    """The read model: every job of every worker, eventually; without Kafka it answers with what it has."""

    async def get(self, job_id: str) -> Job | None: ...

    async def list(self, query: JobQuery) -> JobPage:
        """Raises StateError `INVALID_REQUEST` for a cursor that is not one of ours."""

    async def counts(self) -> dict[State, int]: ...

    async def last_ended(self, limit: int) -> Sequence[Job]:
        """The jobs that ended last, the latest end first."""

    async def ended_before(
        self, moment: str, *, after: tuple[str, str] = ("", ""), limit: int
    ) -> Sequence[Job]:
        """The jobs that ended before `moment` (RFC 3339, UTC), the earliest end first.

        `after` is `finished_at` and id of the last job seen: those that follow it.
        """

    async def totals(self, since: str) -> Totals:
        """Sums over the jobs created at `since` (RFC 3339, UTC) or later."""

    async def active(self) -> Sequence[Job]:
        """All jobs that have not ended."""

    async def submitted_with(self, key: str) -> Job | None:
        """The oldest job that was submitted with this `Idempotency-Key`."""

    async def same_file(self, model: str, sha256: str, folder: str | None = None) -> Job | None:
        """The oldest job of the model with these bytes, but for those that FAILED or were CANCELLED.

        With `folder` (relative, such as `year=2024/month=05`) only a file that came in that one.
        """

    async def unknown(self, job_ids: Collection[str]) -> set[str]:
        """Those of the ids that have no row."""

    async def barrier(self, timeout: float = 5.0) -> None:
        """Return when all acknowledged before this call can be read; UnavailableError after `timeout` s."""

    def changes(self) -> AsyncIterator[Change]:
        """Follow the changes from now on; may coalesce several of one job."""


class OwnershipListener(Protocol):
    """What is told of the own partitions, always on the event loop's thread.

    `partitions_ready` and `partitions_lost` come one after the other in the order of the rebalances, never
    two at once; neither holds a rebalance up. An exception is logged and goes no further.
    """

    async def partitions_ready(self, partitions: frozenset[int]) -> None:
        """These are assigned, recovered, and folded up to a marker sent after that: start their jobs."""

    async def partitions_lost(self, partitions: frozenset[int]) -> None:
        """These went to another worker: stop their jobs. Partitions that are kept run on meanwhile."""

    def row_changed(self, job_id: str, job: Job | None, previous: Job | None) -> None:
        """A row of a ready partition was folded; None stands for no row."""


class Ownership(Protocol):
    """Which jobs are this worker's: those of the partitions that Kafka's group gave it."""

    def assigned(self) -> frozenset[int]:
        """The partitions of the assignment that stands until the next one: a rebalance does not empty it."""

    def owned(self) -> frozenset[int]:
        """Those of them whose table is recovered and folded; none while a rebalance is under way."""

    def owns(self, job_id: str) -> bool:
        """Whether the job's partition is in the current assignment."""

    def row(self, job_id: str) -> Job | None:
        """The table's row of a job of an own partition; None for any other job."""

    def active_jobs(self) -> list[Job]:
        """The rows of the owned partitions that have not ended."""

    def follow(self, listener: OwnershipListener) -> None:
        """Tell `listener` from now on; before the worker starts, so that it misses nothing."""


class JobCommands(Protocol):
    """Publishes JobEvents."""

    async def publish(self, job_id: str, event: JobEvent, timeout: float = 10.0) -> int:
        """Send the event and return its offset once acknowledged.

        Raises UnavailableError when Kafka does not take it in time: the outcome is then unknown, the event
        may still arrive. Events are idempotent.
        """

    def partition_of(self, job_id: str) -> int:
        """The internal partition that the job belongs to; its consumer owns the job."""


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a schema. `text` is its JSON, compact, with every number as its author wrote it."""

    name: str
    version: int
    schema: dict[str, Any] = field(repr=False)
    created_at: str
    text: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.text:
            object.__setattr__(self, "text", exact_json.dumps(self.schema))

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "version": self.version,
            "schema": self.schema,
            "created_at": self.created_at,
        }


class ModelStore(Protocol):
    """The models in `batch.models`. Reads are from memory; writes are a compare-and-set across workers."""

    def get(self, name: str, version: int | None = None) -> Model | None:
        """The version asked for, or the newest."""

    def list(self) -> Sequence[Model]:
        """The newest version of each model, by name."""

    def versions(self, name: str) -> Sequence[int]: ...

    async def create(self, name: str, schema: dict[str, Any], text: str | None = None) -> tuple[Model, bool]:
        """Create the first version; (model, False) when the newest one is the same.

        It is version 1, or the one after the last of a model of that name that was deleted.

        `text` is the schema's JSON as it was sent: numbers are compared and kept as they stand in it (`1.0`
        is not `1`, `1.10` not `1.1`). Without it they are compared as Python writes those of `schema`.

        Raises StateError `MODEL_EXISTS` when it is another one, UnavailableError when Kafka is away.
        """

    async def update(
        self, name: str, schema: dict[str, Any], text: str | None = None, *, expected: int | None = None
    ) -> tuple[Model, bool]:
        """Make the next version; (newest, False) when the newest one is the same. `text` as in `create`.

        `expected` is the version that the caller knows as the newest; None: whatever it is.

        Raises StateError `MODEL_NOT_FOUND` when there is none of that name, `VERSION_CONFLICT` when the
        newest is not the `expected` one, UnavailableError when Kafka is away.
        """

    async def delete(self, name: str, *, expected: int | None = None) -> None:
        """Delete all versions. Their numbers are not used again. `expected` and errors as in `update`.

        Jobs keep the schema that they were submitted with. Whether one still runs is for the caller to ask.
        """

    async def barrier(self, timeout: float = 5.0) -> None:
        """Return when all models acknowledged before can be read; UnavailableError after `timeout` s."""
