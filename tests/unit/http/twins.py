"""In-memory twins of what HTTP needs beside the state: intake and topics."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from config.settings import Settings
from connectors.errors import JobError, RetriableError
from worker.http.ports import Services
from worker.jobs.events import Deleted, JobEvent, Submitted, Touched
from worker.jobs.job import Job, Source, State
from worker.jobs.manifest import Manifest
from worker.state.api import Health, Model, StateError
from worker.state.testing import MemoryCommands, MemoryJobs, MemoryModels

__all__ = ["MemoryIntake", "MemoryTopics", "MemoryUpload", "Record", "Rig", "Waiting", "job", "rig"]

READY = Health(
    broker="127.0.0.1:9092",
    broker_ok=True,
    ready=True,
    message="Kafka at `127.0.0.1:9092` answers",
    hint="",
    since="2026-01-01T00:00:00.000Z",
    partitions=(0, 1, 2),
)
AWAY = Health(
    broker="127.0.0.1:9092",
    broker_ok=False,
    ready=False,
    message="Kafka at `127.0.0.1:9092` has not answered for 12 s",
    hint="start it, or set BATCH_BOOTSTRAP_SERVERS to the broker's address",
    since="2026-01-01T00:00:00.000Z",
)
STARTING = Health(
    broker="127.0.0.1:9092",
    broker_ok=True,
    ready=False,
    message="the table is being recovered",
    hint="wait a few seconds",
    since="2026-01-01T00:00:00.000Z",
)


def job(job_id: str = "aaaaaaaaaaaa", **changes: Any) -> Job:
    """A job that has started; `changes` over it."""
    values: dict[str, Any] = {
        "job_id": job_id,
        "model": "orders",
        "model_version": 1,
        "file": "orders.csv",
        "source": Source.UPLOAD,
        "size_bytes": 1000,
        "sha256": "0" * 64,
        "created_at": "2026-01-01T00:00:00.000Z",
        "topic": f"batch_{job_id}",
        "revision": 0,
        "state": State.RUNNING,
        "started_at": "2026-01-01T00:00:01.000Z",
    }
    return Job(**{**values, **changes})


@dataclass(frozen=True)
class Waiting:
    path: str
    code: str
    message: str
    hint: str
    size_bytes: int | None = 100
    since: str = "2026-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class MemoryReceived:
    path: Path


class MemoryUpload:
    """Counts and hashes what arrives; keeps nothing of it."""

    def __init__(self, intake: MemoryIntake, file: str) -> None:
        self._intake = intake
        self.file = file
        self.size = 0
        self.largest_piece = 0
        self.finished = False
        self.discarded = False
        self.claimed: tuple[Model, dict[str, Any]] | None = None
        self.overrides: dict[str, Any] | None = None
        self._digest = hashlib.sha256()

    async def write(self, data: bytes) -> None:
        self.size += len(data)
        self.largest_piece = max(self.largest_piece, len(data))
        self._digest.update(data)
        if self.size > self._intake.max_bytes:
            raise StateError(
                "FILE_TOO_LARGE", f"the file is larger than `{self._intake.max_bytes}` bytes", "split it"
            )

    async def finish(self) -> MemoryReceived:
        self.finished = True
        return MemoryReceived(Path("/nowhere/part"))

    async def submit(
        self,
        model: Model,
        options: dict[str, Any],
        *,
        overrides: dict[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[Job, bool]:
        self.overrides = overrides
        if (first := self._intake.keys.get(idempotency_key or "")) is not None:
            return first, False
        self.claimed = (model, options)
        number = len(self._intake.uploads)
        submitted = Job(
            job_id=f"upload{number:06d}",
            model=model.name,
            model_version=model.version,
            file=self.file,
            source=Source.UPLOAD,
            size_bytes=self.size,
            sha256=self._digest.hexdigest(),
            created_at=f"2026-01-02T00:00:00.{number:03d}Z",
            topic=f"batch_upload{number:06d}",
            options=options,
        )
        await self._intake.publish(submitted)
        if idempotency_key is not None:
            self._intake.keys[idempotency_key] = submitted
        return submitted, True

    async def discard(self) -> None:
        self.discarded = True
        self._intake.discarded.set()


class MemoryIntake:
    """An Intake without files. `fold`: whether a claimed job reaches the table at once."""

    def __init__(self, commands: MemoryCommands) -> None:
        self._commands = commands
        self.uploads: list[MemoryUpload] = []
        self.pending_jobs: dict[str, Job] = {}
        self.manifests: dict[str, Manifest] = {}
        self.keys: dict[str, Job] = {}
        self.waiting_files: list[Waiting] = []
        self.max_bytes = 2**30
        self.fold = True
        self.discarded = asyncio.Event()
        self.full = False

    async def publish(self, submitted: Job) -> None:
        self.pending_jobs[submitted.job_id] = submitted
        if self.fold:
            await self._commands.publish(submitted.job_id, Submitted(submitted))

    def open_upload(self, sent_name: str) -> MemoryUpload:
        if self.full:
            raise StateError("NO_SPACE", "the disk has `5` bytes free", "free some space")
        upload = MemoryUpload(self, sent_name)
        self.uploads.append(upload)
        return upload

    def pending(self, job_id: str) -> Job | None:
        return self.pending_jobs.get(job_id)

    def manifest(self, job_id: str) -> Manifest | None:
        return self.manifests.get(job_id)

    def keep(self, job: Job, **overrides: Any) -> None:
        """Let the file of a job, submitted with these options of its own, stand in the drop folder."""
        self.manifests[job.job_id] = Manifest(
            job_id=job.job_id,
            model=job.model,
            model_version=job.model_version,
            schema={},
            options=job.options,
            source=job.source,
            file=job.file,
            stored_name=job.file,
            size_bytes=job.size_bytes,
            mtime_ns=1,
            sha256=job.sha256,
            block_bytes=2**22,
            topic=job.topic,
            dlq_topic=f"{job.topic}_dlq",
            created_at=job.created_at,
            overrides=overrides,
        )

    def waiting(self) -> Sequence[Waiting]:
        return self.waiting_files


class MemoryExposition:
    """An Exposition of one metric, in the media type that is asked for."""

    async def render(self, accept: str) -> tuple[bytes, str]:
        kind = "application/openmetrics-text" if "openmetrics" in accept else "text/plain"
        return b"batch_ready 1\n", f"{kind}; version=1.0.0; charset=utf-8"


class MemoryChecker:
    """A Checker that answers what a test scripts, once `go` is set; `asked` keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.report: dict[str, Any] = {}
        self.inferred: dict[str, Any] = {}
        self.failure: JobError | None = None
        self.go = asyncio.Event()
        self.go.set()
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def check(
        self, path: Path, file: str, schema: dict[str, Any], options: dict[str, Any]
    ) -> dict[str, Any]:
        await self._ask(path, file, schema, options)
        return self.report

    async def infer(self, path: Path, options: Mapping[str, Any]) -> dict[str, Any]:
        await self._ask(path, options)
        if self.failure is not None:
            raise self.failure
        return self.inferred

    async def _ask(self, *asked: Any) -> None:
        self.asked.append(asked)
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


class MemoryRemover:
    """A JobRemover for a job without topics: its row goes."""

    def __init__(self, commands: MemoryCommands) -> None:
        self._commands = commands
        self.removed: list[str] = []

    async def remove(self, job: Job) -> None:
        await self._commands.publish(job.job_id, Deleted())
        self.removed.append(job.job_id)


@dataclass(frozen=True)
class Record:
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class MemoryTopics:
    """Topics whose partitions are lists of records; None stands for a transaction marker.

    `stale` hides that many committed entries of each partition from `committed_end`. `open_at` is where an
    open transaction of another producer begins, by topic and partition: it hides all that stands behind it.
    """

    def __init__(self) -> None:
        self.topics: dict[str, dict[int, list[Record | None]]] = {}
        self.readers: list[_Reader] = []
        self.stale = 0
        self.open_at: dict[tuple[str, int], int] = {}
        self.unreadable = False
        self.broken_reads = False
        self.changed = asyncio.Event()
        self.opened = asyncio.Event()
        self.asked_written = asyncio.Event()
        self.closed = asyncio.Event()

    def append(
        self,
        topic: str,
        *values: bytes | None,
        partition: int = 0,
        key: bytes | None = None,
        job_id: str | None = None,
    ) -> None:
        """Append records (of a job, in a shared topic), and the marker of their transaction."""
        entries = self.topics.setdefault(topic, {}).setdefault(partition, [])
        headers = () if job_id is None else (("batch.job_id", job_id.encode()),)
        for value in values:
            entries.append(Record(partition, len(entries), 1767225600123, key, value, headers))
        entries.append(None)
        self.changed.set()

    def end_transactions(self) -> None:
        """Let what open transactions hid be read."""
        self.open_at.clear()
        self.changed.set()

    def open(self, topic: str, start: Mapping[int, int]) -> _Reader:
        reader = _Reader(self, topic, dict(start))
        self.readers.append(reader)
        return reader


class _Reader:
    def __init__(self, topics: MemoryTopics, topic: str, start: dict[int, int]) -> None:
        self._topics = topics
        self._topic = topic
        self.start = dict(start)
        self.positions = start

    async def __aenter__(self) -> Self:
        if self._topics.unreadable:
            raise RetriableError(f"topic `{self._topic}` cannot be read now")
        self._topics.opened.set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._topics.closed.set()

    async def committed_end(self) -> dict[int, int]:
        return {p: max(0, self._stable(p) - self._topics.stale) for p in self._entries()}

    async def written_end(self) -> dict[int, int]:
        self._topics.asked_written.set()
        return {p: len(found) for p, found in self._entries().items()}

    async def read(self, timeout: float, max_records: int = 500) -> list[Record]:
        if self._topics.broken_reads:
            raise RetriableError(f"topic `{self._topic}` cannot be read now")
        found = self._next(max_records)
        if not found:
            self._topics.changed.clear()
            try:
                await asyncio.wait_for(self._topics.changed.wait(), timeout)
            except TimeoutError:
                return []
            found = self._next(max_records)
        return found

    def _next(self, most: int) -> list[Record]:
        found: list[Record] = []
        for partition, entries in self._entries().items():
            if partition not in self.positions:
                continue
            while self.positions[partition] < self._stable(partition) and len(found) < most:
                entry = entries[self.positions[partition]]
                self.positions[partition] += 1
                if entry is not None:
                    found.append(entry)
        return found

    def _entries(self) -> dict[int, list[Record | None]]:
        return self._topics.topics.get(self._topic, {})

    def _stable(self, partition: int) -> int:
        written = len(self._entries()[partition])
        return min(written, self._topics.open_at.get((self._topic, partition), written))


@dataclass
class Rig:
    """Everything that a test turns; `services` is what the code under test gets."""

    settings: Settings
    jobs: MemoryJobs
    commands: MemoryCommands
    models: MemoryModels
    intake: MemoryIntake
    topics: MemoryTopics
    remover: MemoryRemover
    checker: MemoryChecker = field(default_factory=MemoryChecker)
    health: Health = READY
    services: Services = field(init=False)

    def __post_init__(self) -> None:
        self.services = Services(
            settings=self.settings,
            jobs=self.jobs,
            commands=self.commands,
            models=self.models,
            health=lambda: self.health,
            intake=self.intake,
            open_topic=self.topics.open,
            remover=self.remover,
            checker=self.checker,
            exposition=MemoryExposition(),
        )

    @property
    def published(self) -> list[tuple[str, JobEvent]]:
        return self.commands.published[1:]

    def lose_kafka(self) -> None:
        self.health = AWAY
        self.jobs.available = self.commands.available = self.models.available = False


def rig(**settings: Any) -> Rig:
    jobs = MemoryJobs()
    commands = MemoryCommands(jobs)
    commands.published.append(("", Touched()))  # so that the next offset is above the revision of `job()`
    return Rig(
        settings=Settings(**settings),
        jobs=jobs,
        commands=commands,
        models=MemoryModels(),
        intake=MemoryIntake(commands),
        topics=MemoryTopics(),
        remover=MemoryRemover(commands),
    )
