"""The surroundings of one runner, in memory: files of lines, a cluster, what is told and moved."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.api import Block, Converted, EncodedBlock, Position, SourceReader
from connectors.checking import BlockChecker, ReferenceChecker
from connectors.errors import ConnectorError, HeaderError, JobCode, JobError, RowCode
from connectors.kafka.framing import Codec, frame
from connectors.testing import MemoryCluster, MemorySink
from worker.jobs.events import Ended, JobEvent
from worker.jobs.job import Job, Source
from worker.jobs.manifest import Manifest
from worker.running.ports import ChunkReport, RunnerPorts
from worker.running.runner import JobRunner
from worker.state.api import UnavailableError

JOB_ID = "abcdefghij01"
TOPIC = f"batch_{JOB_ID}"
NOW = "2026-11-25T10:00:00.000Z"


@dataclass(frozen=True)
class LineBlock:
    start: Position
    end: Position
    lines: tuple[bytes, ...]


class LineReader:
    """Two lines a block; a line `BROKEN` is where the file ends in an error."""

    columns = ("line",)

    def __init__(self, path: Path, position: Position, opened: list[int]) -> None:
        self.lines = path.read_bytes().splitlines()
        self.at = position
        opened.append(position.row)

    def read_block(self) -> Block | None:
        lines = tuple(self.lines[self.at.row : self.at.row + 2])
        if not lines:
            return None
        if b"BROKEN" in lines:
            raise JobError(JobCode.PARQUET_INVALID, "`BROKEN`", "h")
        start = self.at
        size = sum(len(line) + 1 for line in lines)
        self.at = Position(start.byte + size, start.row + len(lines), 0, start.block + 1)
        return LineBlock(start, self.at, lines)

    def snapshot(self) -> Position:
        return self.at

    def close(self) -> None:
        pass


def letter(line: bytes, attempt: int, job_id: str = JOB_ID) -> tuple[None, bytes, list[tuple[str, bytes]]]:
    """A dead letter as these tests write them."""
    value = json.dumps({"job_id": job_id, "attempt": attempt, "raw": line.decode()}).encode()
    return None, value, [("batch.job_id", job_id.encode())]


@dataclass
class LineEncoder:
    """A line that starts with `!` is a reject; after a mend only one with `!!` is."""

    attempt: int
    on_block: Callable[[int], None]
    rejected: bytes = b"!"
    name: str = "reference"

    def encode(self, block: Block) -> EncodedBlock:
        assert isinstance(block, LineBlock)
        self.on_block(block.start.block)
        return self.of_lines(block.lines, block.end)

    def of_lines(self, lines: Sequence[bytes], end: Position) -> EncodedBlock:
        good = [line for line in lines if not line.startswith(self.rejected)]
        bad = [line for line in lines if line.startswith(self.rejected)]
        return EncodedBlock(
            end,
            len(good),
            len(bad),
            tuple(frame([(None, line, []) for line in good], 0, Codec.NONE)),
            tuple(frame([letter(line, self.attempt) for line in bad], 0, Codec.NONE)),
            file_bytes=end.byte,
            reject_codes=Counter({RowCode.TYPE: len(bad)}) if bad else {},
        )


@dataclass
class LineLetters:
    """The LetterEncoder of these lines."""

    encoder: LineEncoder
    numbers: list[int]
    name: str = "reference"
    closed: bool = False

    def encode(self, letters: Sequence[bytes], number: int) -> EncodedBlock:
        self.numbers.append(number)
        self.encoder.on_block(number)
        return self.encoder.of_lines([json.loads(value)["raw"].encode() for value in letters], Position())

    def close(self) -> None:
        self.closed = True


@dataclass
class MemoryReader:
    """A LetterReader on a MemoryCluster, two records at a time."""

    cluster: MemoryCluster
    topic: str
    positions: dict[int, int]

    async def read(self, timeout: float, max_records: int = 500) -> Sequence[StoredLetter]:
        stored = self.cluster.records[self.topic][0]
        end = self.cluster.ends[self.topic][0]
        found = [(o, record) for o, record in stored.items() if o >= self.positions[0]][:2]
        self.positions[0] = found[-1][0] + 1 if found else end
        return [StoredLetter(0, o, r.value, r.headers) for o, r in found]


@dataclass(frozen=True)
class StoredLetter:
    partition: int
    offset: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class NoConverter:
    """The LineEncoder converts by itself."""

    def convert(self, block: Block) -> Converted:
        raise AssertionError("not used")


@dataclass
class World:
    """The surroundings of one runner."""

    folder: Path
    executor: ThreadPoolExecutor
    cluster: MemoryCluster = field(default_factory=MemoryCluster)
    events: list[JobEvent] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    failures: list[dict[str, ConnectorError]] = field(default_factory=list)
    opened: list[int] = field(default_factory=list)
    on_block: Callable[[int], None] = lambda number: None
    revision: int = 0
    owned: bool = True
    header_error: HeaderError | None = None
    unavailable: int = 0
    broker_ok: bool = True
    immovable: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    duplicate_of: str | None = None
    refuse_duplicates: bool = False
    max_reject_ratio: float = 1.0
    atomic_seconds: float = 1000.0
    rejected: bytes = b"!"
    chunks: list[ChunkReport] = field(default_factory=list)
    letter_numbers: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.path = self.folder / "lines.txt"

    def write(self, *lines: bytes) -> None:
        self.path.write_bytes(b"".join(line + b"\n" for line in lines))

    def manifest(self) -> Manifest:
        stat = self.path.stat()
        return Manifest(
            job_id=JOB_ID,
            model="lines",
            model_version=1,
            schema={},
            options=self.options,
            duplicate_of=self.duplicate_of,
            source=Source.DROPZONE,
            file="lines.txt",
            stored_name="lines.txt",
            size_bytes=stat.st_size,
            mtime_ns=stat.st_mtime_ns,
            sha256="",
            block_bytes=10,
            topic=TOPIC,
            dlq_topic=f"{TOPIC}_dlq",
            created_at=NOW,
        )

    def runner(
        self, job: Job | None = None, chunk_blocks: int = 1, manifest: Manifest | None = None
    ) -> JobRunner:
        manifest = manifest or self.manifest()
        ports = RunnerPorts(
            worker_id="worker-1",
            commands=self,
            files=self,
            sources=self,
            new_sink=self.new_sink,
            open_topic=self.open_topic,
            max_reject_ratio=self.max_reject_ratio,
            refuse_duplicates=self.refuse_duplicates,
            atomic_seconds=self.atomic_seconds,
            report_chunk=self.chunks.append,
            owns=lambda job_id: self.owned,
            broker_ok=lambda: self.broker_ok,
            now=lambda: NOW,
            executor=self.executor,
            chunk_bytes=10 * chunk_blocks,
            pipeline_depth=1,
        )
        return JobRunner(job or manifest.job(), manifest, ports)

    def new_sink(self, job: Job, manifest: Manifest) -> MemorySink:
        failures = self.failures.pop(0) if self.failures else {}
        return MemorySink(
            self.cluster, job_id=JOB_ID, topic=TOPIC, dlq_topic=f"{TOPIC}_dlq", failures=failures
        )

    @asynccontextmanager
    async def open_topic(self, topic: str, start: Mapping[int, int]) -> AsyncIterator[MemoryReader]:
        yield MemoryReader(self.cluster, topic, dict(start))

    # JobCommands

    async def publish(self, job_id: str, event: JobEvent, timeout: float = 10.0) -> int:
        if self.unavailable:
            self.unavailable -= 1
            raise UnavailableError("KAFKA_UNAVAILABLE", "m", "h")
        self.events.append(event)
        self.log.append(event.type)
        self.revision += 1
        return self.revision

    def partition_of(self, job_id: str) -> int:
        return 0

    # JobFiles

    def job_file(self, manifest: Manifest) -> Path:
        return self.path

    def dispose(self, job: Job) -> None:
        self.log.append(f"dispose {job.state}")
        if self.immovable:
            raise OSError(28, "No space left on device")
        self.disposed = job

    # SourceOpener

    def format_of(self, path: Path) -> str:
        return "csv"

    def open(self, path: Path, format: str, manifest: Manifest, position: Position) -> SourceReader:
        return LineReader(path, position, self.opened)

    def converter(self, reader: SourceReader, format: str, job: Job, manifest: Manifest) -> NoConverter:
        if self.header_error is not None:
            raise self.header_error
        return NoConverter()

    def encoder(self, converter: Any, job: Job, manifest: Manifest, partitions: int) -> LineEncoder:
        return LineEncoder(job.attempt, self.on_block, self.rejected)

    def checker(self, converter: Any, job: Job, manifest: Manifest) -> BlockChecker:
        return ReferenceChecker(converter)

    def letter_encoder(
        self, path: Path, format: str, job: Job, manifest: Manifest, partitions: int
    ) -> LineLetters:
        return LineLetters(LineEncoder(job.attempt, self.on_block, self.rejected), self.letter_numbers)

    def told(self) -> int:
        """The revision of an event that a user caused."""
        self.revision += 1
        return self.revision

    def ended(self) -> Ended:
        (event,) = [event for event in self.events if isinstance(event, Ended)]
        return event


def dead_rows(world: World) -> list[bytes]:
    """The raw rows of all dead letters, in order."""
    return [json.loads(value)["raw"].encode() for value in world.cluster.values(f"{TOPIC}_dlq")]
