"""What a runner needs of its surroundings, so that it can be tried without a broker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from connectors.api import BlockEncoder, Converter, EncodedBlock, Position, Progress, Sink, SourceReader
from connectors.checking import BlockChecker
from connectors.errors import RowCode
from worker.jobs.job import Job
from worker.jobs.manifest import Manifest
from worker.state.api import JobCommands

__all__ = [
    "ChunkReport",
    "DeliveryHooks",
    "JobFiles",
    "LetterEncoder",
    "LetterReader",
    "RunnerPorts",
    "SourceOpener",
    "StoppedError",
    "StoredLetter",
    "YieldedError",
]


class StoppedError(Exception):
    """The runner was asked to stop, and the open transaction is given up."""


class YieldedError(Exception):
    """The slot is given up after a commit, for a job that waits."""


class DeliveryHooks:
    """What a delivery tells its runner, and asks it. The runner overrides what it needs."""

    def found(self, progress: Progress) -> None:
        """The progress committed by an earlier run."""

    def opened(self, format: str) -> None:
        """What the file is by its content."""

    async def started(self, progress: Progress, format: str, converter: str) -> None:
        """Before any row: the start progress is committed, or one of an earlier run was found.

        Again after commits, since the converter may be another one from a block on.
        """

    def committed(self, progress: Progress) -> None:
        """After each commit."""

    def stop_asked(self) -> bool:
        """Whether to give up what is open, at the next block."""
        return False

    def yield_asked(self) -> bool:
        """Whether to stop for now, after a commit."""
        return False


@dataclass(frozen=True, slots=True)
class ChunkReport:
    """What one transaction committed: rows, bytes of the file, and the seconds from begin to commit."""

    model: str
    delivered: int
    reject_codes: Mapping[RowCode, int]
    file_bytes: int
    seconds: float


class JobFiles(Protocol):
    """The folders of claimed files."""

    def job_file(self, manifest: Manifest) -> Path:
        """The file of a job in `processing/`. It need not exist."""

    def dispose(self, job: Job) -> None:
        """Move the folder of an ended job to `done/` or `failed/`. Idempotent."""


class SourceOpener(Protocol):
    """Opens a claimed file for reading at a position."""

    def format_of(self, path: Path) -> str:
        """Return such as `csv` or `ndjson+gzip`, by content. Raises JobError UNSUPPORTED_FILE_TYPE."""

    def open(self, path: Path, format: str, manifest: Manifest, position: Position) -> SourceReader:
        """Open the file. Raises JobError for a broken file or header."""

    def converter(self, reader: SourceReader, format: str, job: Job, manifest: Manifest) -> Converter:
        """Bind the model to the reader's columns. Raises HeaderError where they do not fit."""

    def encoder(self, converter: Converter, job: Job, manifest: Manifest, partitions: int) -> BlockEncoder:
        """Return the encoder for a topic of so many partitions. Blocking."""

    def checker(self, converter: Converter, job: Job, manifest: Manifest) -> BlockChecker:
        """Return what looks at a file's rows only. Blocking."""

    def letter_encoder(
        self, path: Path, format: str, job: Job, manifest: Manifest, partitions: int
    ) -> LetterEncoder:
        """Return the encoder of the file's dead letters. Blocking. Raises JobError as `open`."""


class LetterEncoder(Protocol):
    """Sends dead letters through the model again. Blocking; used by one thread at a time."""

    @property
    def name(self) -> str:
        """The converter's name as Job JSON shows it."""

    def encode(self, letters: Sequence[bytes], number: int) -> EncodedBlock:
        """Return what becomes of RejectedRows; rows without a key go to partition `number` mod their number.

        Raises JobError when a row has to be read from the file and the file is broken or gone.
        """

    def close(self) -> None:
        """Close the file. Idempotent."""


class StoredLetter(Protocol):
    """A record of a dead letter topic."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class LetterReader(Protocol):
    """Reads the committed records of one topic."""

    @property
    def positions(self) -> Mapping[int, int]:
        """The next offset of each partition; it also moves over transaction markers."""

    async def read(self, timeout: float, max_records: int = 500) -> Sequence[StoredLetter]:
        """Return the next records, none if nothing came within `timeout` seconds."""


@dataclass(frozen=True, slots=True)
class RunnerPorts:
    """The surroundings of every runner of one worker.

    `owns` says whether a job is this worker's in the current assignment; `broker_ok` whether Kafka answered
    when it was last asked; `now` gives RFC 3339 in UTC. An atomic job has `atomic_seconds` for all of it.
    """

    worker_id: str
    commands: JobCommands
    files: JobFiles
    sources: SourceOpener
    new_sink: Callable[[Job, Manifest], Sink]
    open_topic: Callable[[str, Mapping[int, int]], AbstractAsyncContextManager[LetterReader]]
    owns: Callable[[str], bool]
    broker_ok: Callable[[], bool]
    now: Callable[[], str]
    executor: Executor
    chunk_bytes: int
    pipeline_depth: int
    max_reject_ratio: float = 1.0
    refuse_duplicates: bool = False
    atomic_seconds: float = 885.0
    report_chunk: Callable[[ChunkReport], None] = lambda report: None
