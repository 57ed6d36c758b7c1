"""What HTTP and the status page need of the rest of the worker, and `Services`, which bundles it.

The daemon fills `Services` with the real parts, tests with in-memory ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from config.settings import Settings
from worker.jobs.job import Job
from worker.jobs.manifest import Manifest
from worker.state.api import Health, JobCommands, JobReader, Model, ModelStore

__all__ = [
    "Checker",
    "Exposition",
    "Intake",
    "JobRemover",
    "OpenTopic",
    "ReceivedFile",
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
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class RecordReader(Protocol):
    """Reads the committed records of those partitions that it was opened with, from these offsets on."""

    @property
    def positions(self) -> Mapping[int, int]:
        """The next offset of each partition; it also moves over transaction markers."""

    async def committed_end(self) -> Mapping[int, int]:
        """Ask the broker where the committed records of each partition end now."""

    async def written_end(self) -> Mapping[int, int]:
        """The same with what open transactions have written: they hide all records behind theirs."""

    async def read(self, timeout: float, max_records: int = 500) -> Sequence[StoredRecord]:
        """Return the next records, none if nothing came within `timeout` seconds."""


OpenTopic = Callable[[str, Mapping[int, int]], AbstractAsyncContextManager[RecordReader]]
"""Opens partitions of a topic at their first offsets. Entering raises ConnectorError when it cannot."""


class ReceivedFile(Protocol):
    """A file that has arrived whole; it is there until its upload is discarded."""

    @property
    def path(self) -> Path: ...


class Upload(Protocol):
    """One file on its way in, kept in a hidden part file. Errors are StateError.

    `file` is its name as a job would have it.
    """

    @property
    def file(self) -> str: ...

    async def write(self, data: bytes) -> None:
        """Append. Raises `FILE_TOO_LARGE` and `NO_SPACE`."""

    async def submit(
        self,
        model: Model,
        options: dict[str, Any],
        *,
        overrides: dict[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[Job, bool]:
        """Claim the file as a job. From its return on the job exists, even if Kafka has gone away.

        `options` are those of the model with the request's `overrides` over them. (job, False) is the job
        that the same request with the same key has made before. Raises `IDEMPOTENCY_MISMATCH`,
        `DUPLICATE_FILE`, and UnavailableError.
        """

    async def finish(self) -> ReceivedFile:
        """Write what is left, and return the file. Raises `NO_SPACE`."""

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
        """Begin a part file for a file that the client calls `sent_name`.

        Raises StateError `INVALID_REQUEST` for a name with too many folders, and `NO_SPACE`.
        """

    def pending(self, job_id: str) -> Job | None:
        """Return a job claimed here that the read model may not know yet."""

    def manifest(self, job_id: str) -> Manifest | None:
        """Return the manifest of a job whose file stands in the drop folder, None if it is gone. Blocking."""

    def waiting(self) -> Sequence[WaitingFile]:
        """Return what lies in `incoming/` and why."""


class Checker(Protocol):
    """Looks at a file for as long as its caller waits: a call that is cancelled stops. Others queue up."""

    async def check(
        self, path: Path, file: str, schema: dict[str, Any], options: dict[str, Any]
    ) -> dict[str, Any]:
        """Return what would become of the rows of the file called `file`, in the shape of CheckAnswer."""

    async def infer(self, path: Path, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return a `schema` that the file passes, and its `format`; `options` are known. Raises JobError."""


class JobRemover(Protocol):
    """Removes what is left of an ended job."""

    async def remove(self, job: Job) -> None:
        """Remove the job's own topics, its progress and its row; return once readers no longer see the row.

        What is gone already is no error, so that a removal that broke off can be repeated. Raises StateError.
        """


class Exposition(Protocol):
    """Writes the worker's metrics down."""

    async def render(self, accept: str) -> tuple[bytes, str]:
        """Return the text and its media type, in a form that the header `Accept` asks for."""


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
    checker: Checker
    exposition: Exposition
