"""What a run measured: its lines, with the median and the spread of their rounds."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Line", "Measurement", "Run"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One delivery, verified. `broker_cpu_seconds` is the broker's meanwhile."""

    seconds: float
    cpu_seconds: float
    peak_rss: int
    broker_cpu_seconds: float
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Line:
    """A case of the run. Without measurements it says why in `reason`."""

    key: str
    title: str
    contender: str
    rules: str
    version: str
    workload: str
    rows: int
    size_bytes: int
    partitions: int
    measurements: list[Measurement] = field(default_factory=list)
    reason: str | None = None
    remark: str = ""

    @property
    def measured(self) -> bool:
        """Every round was run and verified."""
        return bool(self.measurements) and self.reason is None

    @property
    def seconds(self) -> float:
        return statistics.median(m.seconds for m in self.measurements)

    @property
    def fastest(self) -> float:
        return min(m.seconds for m in self.measurements)

    @property
    def slowest(self) -> float:
        return max(m.seconds for m in self.measurements)

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.seconds

    @property
    def seconds_per_byte(self) -> float:
        return self.seconds / self.size_bytes

    @property
    def cpu_seconds(self) -> float:
        return statistics.median(m.cpu_seconds for m in self.measurements)

    @property
    def broker_cpu_seconds(self) -> float:
        return statistics.median(m.broker_cpu_seconds for m in self.measurements)

    @property
    def peak_rss(self) -> int:
        """The largest of all rounds, not the median: what the machine must have."""
        return max(m.peak_rss for m in self.measurements)

    def figure(self, name: str) -> list[float]:
        """Return a figure of the contender's own, round by round."""
        return [m.figures[name] for m in self.measurements if name in m.figures]


@dataclass(slots=True)
class Run:
    """All lines of one run, with what it ran on. `lines` keeps the order of the report."""

    mode: str
    began: str
    machine: Mapping[str, str]
    rounds: int = 0
    seconds: float = 0.0
    lines: dict[str, Line] = field(default_factory=dict)

    def get(self, key: str) -> Line | None:
        """Return a line that was measured, or None."""
        line = self.lines.get(key)
        return line if line is not None and line.measured else None

    @property
    def failed(self) -> bool:
        """A contender that was there failed, or what arrived was wrong."""
        return any(line.reason is not None and line.version for line in self.lines.values())

    def write_json(self, path: Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n")
