"""Ports of the data path: locate → read blocks → convert rows → frame batches → deliver.

A `SourceReader` cuts one file into `Block`s of whole rows. A `Converter` turns a block into `Record`s and
`Reject`s. A `BlockEncoder` turns a block into finished Kafka record batches; the reference encoder does it by
way of a converter, a compiled one may do it in a single pass. A `Sink` delivers batches in transactions.
Neither the sink nor its caller ever sees a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from connectors.errors import RowCode

__all__ = [
    "Batch",
    "Block",
    "BlockEncoder",
    "Converted",
    "Converter",
    "Delivered",
    "EncodedBlock",
    "Position",
    "Progress",
    "Record",
    "Redo",
    "Reject",
    "RowError",
    "Sink",
    "SourceReader",
]


@dataclass(frozen=True, slots=True)
class Position:
    """Where the next read starts; all zero at the start of a file.

    `byte` offset in the file (0 for Parquet), `row` data rows before it, `line` LFs before it (Parquet: 0),
    `block` blocks before it, `row_group` Parquet row groups read whole before it.
    """

    byte: int = 0
    row: int = 0
    line: int = 0
    block: int = 0
    row_group: int = 0

    def to_json(self) -> dict[str, int]:
        return {
            "byte": self.byte,
            "row": self.row,
            "line": self.line,
            "block": self.block,
            "row_group": self.row_group,
        }


class Block(Protocol):
    """Whole rows of one file. Immutable; what it holds is between its reader and its converter."""

    @property
    def start(self) -> Position:
        """Position of the first row; `start.block` is the block's number."""

    @property
    def end(self) -> Position:
        """Position of the read after this block."""

    @property
    def file_bytes(self) -> int:
        """How much of the file is read at `end`: bytes of it, of a compressed one as it stands on disk."""


class SourceReader(Protocol):
    """Cuts one file into blocks of whole rows, the same blocks from every position it gave before.

    Blocking; not thread-safe: its owner calls it from one thread at a time.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the file's columns, in file order; empty for a file without header and rows."""

    def read_block(self) -> Block | None:
        """Return the next block, or None at the end of the file. Raises JobError on a broken file."""

    def snapshot(self) -> Position:
        """Return the position of the next read, not the last."""

    def close(self) -> None:
        """Close the file. Idempotent."""


@dataclass(frozen=True, slots=True)
class RowError:
    """One failed check of one row. `column` is None when the row itself is wrong."""

    column: str | None
    code: RowCode
    message: str


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that did not become a record.

    `row` counts data rows from 1, `line` physical lines from 1, `byte_offset` is the row's first byte (both
    None for Parquet). `raw` is the row as it stood in the file without its line end, whole or only its head;
    `raw_bytes` is the whole length in bytes. `encoding` is Python's name of the codec that `raw` is in.
    """

    row: int
    line: int | None
    byte_offset: int | None
    errors: tuple[RowError, ...]
    raw: bytes
    raw_bytes: int
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Record:
    """A row on its way: `key` (None: no key) and `value`, one JSON object in UTF-8."""

    row: int
    key: bytes | None
    value: bytes


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of a block: records and rejects, each in file order. Their counts add up to the rows."""

    records: Sequence[Record]
    rejects: Sequence[Reject]


class Converter(Protocol):
    """Turns a block into records and rejects: a pure function, called from several threads."""

    def convert(self, block: Block) -> Converted: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """A finished Kafka record batch (message format v2) for one partition.

    Producer id, epoch, base sequence and CRC are still blank: the sink fills them in when it is sent.
    """

    partition: int
    count: int
    data: bytes


@dataclass(frozen=True, slots=True)
class EncodedBlock:
    """A block as batches for the job's topic and for its dead letter topic.

    `file_bytes` bytes of the file were read up to its end. `reject_codes` counts the rejects by the code of
    their first error.
    """

    end: Position
    delivered: int
    rejected: int
    batches: tuple[Batch, ...]
    reject_batches: tuple[Batch, ...]
    file_bytes: int = 0
    reject_codes: Mapping[RowCode, int] = field(default_factory=dict)


class BlockEncoder(Protocol):
    """Turns a block into batches. Thread-safe; the same block gives the same records and partitions."""

    @property
    def name(self) -> str:
        """The converter's name as Job JSON shows it: `reference` or `compiled`."""

    def encode(self, block: Block) -> EncodedBlock: ...


@dataclass(frozen=True, slots=True)
class Redo:
    """A retry of rejects: its attempt, the dead letter offset before which it ends, how many failed again."""

    attempt: int
    end: int
    again: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What a job has committed: absolute values, written in the transaction of the rows they count.

    `offsets` maps a partition to the job's first offset and the offset after its last record, of `partitions`
    that the topic has. `size` (bytes) and `mtime_ns` identify the file, of which `file_bytes` were read.
    `dead_letters` are the offsets of the first unresolved reject and the one after the last, None before the
    first reject. `base` counts the rows read and rejected before this attempt.
    """

    attempt: int
    position: Position
    eof: bool
    delivered: int
    rejected: int
    offsets: dict[int, tuple[int, int]]
    size: int
    mtime_ns: int
    partitions: int = 1
    file_bytes: int = 0
    dead_letters: tuple[int, int] | None = None
    base: tuple[int, int] = (0, 0)
    redo: Redo | None = None

    @property
    def rows_read(self) -> int:
        return self.delivered + self.rejected

    def to_json(self) -> dict[str, Any]:
        return {
            "attempt": self.attempt,
            **self.position.to_json(),
            "eof": self.eof,
            "delivered": self.delivered,
            "rejected": self.rejected,
            "offsets": {str(p): list(span) for p, span in self.offsets.items()},
            "size": self.size,
            "mtime_ns": self.mtime_ns,
            "partitions": self.partitions,
            "file_bytes": self.file_bytes,
            "dead_letters": self.dead_letters,
            "base": self.base,
            "redo": None if self.redo is None else [self.redo.attempt, self.redo.end, self.redo.again],
        }

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Progress:
        letters, redo = raw["dead_letters"], raw["redo"]
        return cls(
            attempt=raw["attempt"],
            position=Position(raw["byte"], raw["row"], raw["line"], raw["block"], raw["row_group"]),
            eof=raw["eof"],
            delivered=raw["delivered"],
            rejected=raw["rejected"],
            offsets={int(p): (first, end) for p, (first, end) in raw["offsets"].items()},
            size=raw["size"],
            mtime_ns=raw["mtime_ns"],
            partitions=raw["partitions"],
            file_bytes=raw["file_bytes"],
            dead_letters=None if letters is None else (letters[0], letters[1]),
            base=(raw["base"][0], raw["base"][1]),
            redo=None if redo is None else Redo(*redo),
        )


@dataclass(frozen=True, slots=True)
class Delivered:
    """The offsets of what a transaction wrote: first and the one after the last.

    `spans` by partition of the job's topic, `rejects` in the dead letter topic (None: there were none).
    """

    spans: dict[int, tuple[int, int]]
    rejects: tuple[int, int] | None = None


class Sink(Protocol):
    """Delivers one job's batches in transactions of its own.

    The order of calls: `start`, then per transaction `begin`, any `send`s, `commit`. After any error only
    `close` may follow; a new sink begins again at `start`. Errors are DeliveryError or JobError.
    """

    async def start(self) -> Progress | None:
        """Fence earlier owners, end their open transaction, and return the progress committed last."""

    async def create_topics(self) -> int:
        """Create the job's topic (and, where configured, the dead letter topic) if missing.

        Returns how many partitions the job's topic has: a shared one may have others than asked for.
        """

    async def begin(self) -> None: ...

    async def send(self, batch: Batch) -> None:
        """Hand over a batch for the job's topic; waits while too much is in flight."""

    async def send_rejects(self, batch: Batch) -> None:
        """Hand over a batch for the dead letter topic, which the first one creates."""

    async def flush(self) -> Delivered:
        """Wait until all of this transaction is delivered; return where it stands."""

    async def commit(self, progress: Progress) -> None:
        """Write the progress into the transaction and commit it. Only after `flush`."""

    async def end_offsets(self) -> dict[int, int]:
        """The end of what the broker acknowledged in the job's topic, by partition; empty without a topic."""

    async def dead_letter_end(self) -> int:
        """The end of what the broker acknowledged in the dead letter topic; 0 without a topic."""

    async def close(self) -> None:
        """Abort what is open if the broker answers, and close within seconds whatever happens. Idempotent."""
