"""What the benchmark is made of: workloads, contenders that deliver them, and what a delivery cost.

A newcomer reads this file first. A `Workload` is a file (or many) with what must arrive of it; a `Contender`
brings it into topics and says how long that took; a `Case` is one line of the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from benchmarks.tally import Tally

__all__ = ["Case", "Contender", "Delivery", "Form", "MissingError", "RunError", "Usage", "Workload"]


class MissingError(Exception):
    """A contender cannot run on this machine; the message is the reason that the report gives."""


class RunError(Exception):
    """A contender failed at a delivery, or what arrived is not what was sent."""


class Form(StrEnum):
    """What a contender makes of a row: what has to be in its topics."""

    JSON = "json"  # one JSON object a row, values typed, members in the order of the columns
    STRINGS = "strings"  # the same with every value a string, members in the order of their names
    STRINGS_OR_NULL = "strings-or-null"  # the same with null for an empty string
    LINES = "lines"  # the rows' lines as they stand in the file
    FILE_LINES = "file-lines"  # all lines of the file, the header too
    DRAWN = "drawn"  # records drawn by chance from the lines of a payload file
    REJECTS = "rejects"  # a dead letter a row


@dataclass(frozen=True, slots=True)
class Workload:
    """A file, or the files of a folder, and what must arrive of them.

    `tallies` come from the generator, not from any contender. `size_bytes` is that of all files together.
    """

    key: str
    path: Path
    rows: int
    size_bytes: int
    schema: Mapping[str, Any]
    tallies: Mapping[Form, Tally]
    files: int = 1


@dataclass(frozen=True, slots=True)
class Usage:
    """What processes took: CPU seconds of all cores, and the peak of their memory together (bytes)."""

    cpu_seconds: float
    peak_rss: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One workload, delivered: how long it took, where it arrived, and figures a contender adds of its own.

    `drawn` says what form `DRAWN` sent: how many records, of which payload file. `remark` is a word for the
    report on how it was done.
    """

    seconds: float
    usage: Usage
    topics: tuple[str, ...]
    drawn: tuple[int, Path] | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    remark: str = ""


class Contender(Protocol):
    """Brings a workload into Kafka topics. Used by one thread: start, then deliver and clean in turn, close.

    `rules` says in a sentence what is timed and with which settings.
    """

    name: str
    rules: str

    def version(self) -> str:
        """Return which version runs. Raises MissingError when it cannot run here."""

    def start(self) -> None:
        """Start what outlives a delivery, if anything, and return when it is ready. Not timed."""

    def deliver(self, workload: Workload, partitions: int) -> Delivery:
        """Bring all of `workload` into new topics. Raises RunError."""

    def clean(self, delivery: Delivery) -> None:
        """Remove the topics of a verified delivery, and what else it left."""

    def close(self) -> None:
        """End what `start` started. Safe at any time, and twice."""


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the result: a contender with a workload. `key` is what the bars name it by.

    `warmup` is delivered once before the rounds, untimed, by a contender that stays up. `settles`: its
    workload is delivered before the rounds, too, until the broker's JVM has compiled what it needs.
    """

    key: str
    title: str
    contender: Contender
    workload: Workload
    form: Form = Form.JSON
    partitions: int = 4
    warmup: Workload | None = None
    settles: bool = False
