"""What HTTP and the status page need of the rest of the worker, and `Services`, which bundles it.

The daemon fills `Services` with the real parts, tests with in-memory ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from config.settings import Settings
from worker.jobs.job import Job
from worker.state.api import Health, JobCommands, JobReader, Model, ModelStore

__all__ = [
    "Intake",
    "JobRemover",
    "OpenTopic",
    "RecordReader",
    "Services",
    "StoredRecord",
    "Upload",
    "WaitingFile",
]


class StoredRecord(Protocol):
    """A record as it stands in its topic; `timestamp_ms` is Unix time in milliseconds."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp_ms(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class RecordReader(Protocol):
    """Reads the committed records of one topic, from the offsets that it was opened with."""

    @property
    def positions(self) -> Mapping[int, int]:
        """The next offset of each partition; it also moves over transaction markers."""

    async def committed_end(self) -> Mapping[int, int]:
        """Ask the broker where the committed records of each partition end now."""

    async def read(self, timeout: float, max_records: int = 500) -> Sequence[StoredRecord]:
        """Return the next records, none if nothing came within `timeout` seconds."""


OpenTopic = Callable[[str, Mapping[int, int]], AbstractAsyncContextManager[RecordReader]]
"""Opens a topic at the first offset of each partition. Entering raises ConnectorError when it cannot."""


class Upload(Protocol):
    """One file on its way in, kept in a hidden part file. Errors are StateError."""

    async def write(self, data: bytes) -> None:
        """Append. Raises `FILE_TOO_LARGE` and `NO_SPACE`."""

    async def submit(self, model: Model, options: dict[str, Any]) -> Job:
        """Claim the file as a job. From its return on the job exists, even if Kafka has gone away."""

    async def discard(self) -> None:
        """Remove the part file, if it was not claimed. Idempotent."""


class WaitingFile(Protocol):
    """A file in `incoming/` that is not taken yet; `path` is relative to `incoming/`.

    `size_bytes` is None for what has no size, `since` (RFC 3339) is when this code was first given.
    """

    @property
    def path(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def hint(self) -> str: ...
    @property
    def size_bytes(self) -> int | None: ...
    @property
    def since(self) -> str: ...


class Intake(Protocol):
    """The way of files into jobs, as far as HTTP takes part in it."""

    def open_upload(self, sent_name: str) -> Upload:
        """Begin a part file for a file that the client calls `sent_name`. Raises StateError `NO_SPACE`."""

    def pending(self, job_id: str) -> Job | None:
        """Return a job claimed here that the read model may not know yet."""

    def can_retry(self, job_id: str) -> bool:
        """Whether the job's file stands in `processing/` or `failed/`. Blocking."""

    def waiting(self) -> Sequence[WaitingFile]:
        """Return what lies in `incoming/` and why."""


class JobRemover(Protocol):
    """Removes what is left of an ended job."""

    async def remove(self, job: Job) -> None:
        """Remove the job's own topics, its progress and its row; return once readers no longer see the row.

        What is gone already is no error, so that a removal that broke off can be repeated. Raises StateError.
        """


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the worker that requests are answered with."""

    settings: Settings
    jobs: JobReader
    commands: JobCommands
    models: ModelStore
    health: Callable[[], Health]
    intake: Intake
    open_topic: OpenTopic
    remover: JobRemover
