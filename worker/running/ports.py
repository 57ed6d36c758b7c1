"""What a runner needs of its surroundings, so that it can be tried without a broker."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from connectors.api import BlockEncoder, Position, Sink, SourceReader
from worker.jobs.job import Job
from worker.jobs.manifest import Manifest
from worker.state.api import JobCommands

__all__ = ["JobFiles", "RunnerPorts", "SourceOpener"]


class JobFiles(Protocol):
    """The folders of claimed files."""

    def job_file(self, manifest: Manifest) -> Path:
        """The file of a job in `processing/`. It need not exist."""

    def dispose(self, job: Job) -> None:
        """Move the folder of an ended job to `done/` or `failed/`. Idempotent."""


class SourceOpener(Protocol):
    """Opens a claimed file for reading at a position."""

    def format_of(self, path: Path) -> str:
        """Return `csv` or `parquet` by content. Raises JobError UNSUPPORTED_FILE_TYPE."""

    def open(self, path: Path, format: str, manifest: Manifest, position: Position) -> SourceReader:
        """Open the file. Raises JobError for a broken file or header."""

    def encoder(self, reader: SourceReader, format: str, job: Job, manifest: Manifest) -> BlockEncoder:
        """Bind the model to the reader's columns. Raises HeaderError where they do not fit."""


@dataclass(frozen=True, slots=True)
class RunnerPorts:
    """The surroundings of every runner of one worker.

    `owns` says whether a job is this worker's in the current assignment; `broker_ok` whether Kafka answered
    when it was last asked; `now` gives RFC 3339 in UTC.
    """

    worker_id: str
    commands: JobCommands
    files: JobFiles
    sources: SourceOpener
    new_sink: Callable[[Job, Manifest], Sink]
    owns: Callable[[str], bool]
    broker_ok: Callable[[], bool]
    now: Callable[[], str]
    executor: Executor
    chunk_bytes: int
    pipeline_depth: int
