"""The bars that the worker has to clear, each with the value of this run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.plan import Mode, worker_series
from benchmarks.report.fit import Fit, fit
from benchmarks.results import Line, Run

__all__ = ["Bar", "bars", "series_fit"]

_MB = 1e6
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bar:
    """A limit and what was measured; `value` is None when a line that it needs was not."""

    title: str
    value: float | None
    limit: float
    at_least: bool
    unit: str = ""
    aim: float | None = None

    @property
    def holds(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def bars(run: Run, mode: Mode) -> list[Bar]:
    """Return all bars, in the order in which they were set."""
    csv, largest = f"csv-{mode.compare}", f"csv-{max(mode.series)}"
    base = f"csv-{mode.shapes}"
    line = series_fit(run, mode)
    return [
        _at_least(run, "CSV ÷ kcat -l, rows/s", csv, ["kcat"], 0.75, aim=1.0),
        _at_least(
            run, "CSV ÷ the faster of SpoolDir and FilePulse, rows/s", csv, ["spool-dir", "file-pulse"], 12
        ),
        _at_least(run, "CSV ÷ transactional kafka-producer-perf-test, rows/s", csv, ["perf-test-tx"], 1.5),
        _at_least(run, "CSV, 1 partition ÷ 4 partitions, rows/s", "csv-1-partition", [csv], 0.75),
        _at_least(run, "Parquet ÷ CSV, rows/s", "parquet", [csv], 0.6),
        *(
            _at_most(run, f"{title} ÷ standard file, seconds per byte", key, base, _per_byte, 2.5)
            for key, title in (
                ("wide", "100 columns"),
                ("texts", "texts with quotes"),
                ("rejects", "all rejects"),
            )
        ),
        Bar(
            "largest residual of t = a + b·n",
            None if line is None else line.worst * 100,
            25,
            at_least=False,
            unit=" %",
        ),
        Bar("a of t = a + b·n", None if line is None else line.a, 1.5, at_least=False, unit=" s"),
        Bar(
            f"peak RSS of the process tree at {max(mode.series):,} MiB",
            _of(run, largest, lambda found: found.peak_rss / _MB),
            512,
            at_least=False,
            unit=" MB",
            aim=350,
        ),
        Bar(
            f"event-loop delay, 99th percentile, at {max(mode.series):,} MiB",
            _of(run, largest, _worst_delay_ms),
            50,
            at_least=False,
            unit=" ms",
        ),
        _at_most(run, "small files ÷ their floor, seconds", "small-files", "floor", _seconds, 2),
    ]


def series_fit(run: Run, mode: Mode) -> Fit | None:
    """Return the line through the worker's times over file sizes (MiB), if all were measured."""
    lines = [run.get(key) for key in worker_series(mode)]
    points = [(line.size_bytes / _MIB, line.seconds) for line in lines if line is not None]
    return fit(points) if len(points) == len(lines) else None


def _at_least(
    run: Run, title: str, key: str, others: Sequence[str], limit: float, aim: float | None = None
) -> Bar:
    """A ratio of rows/s against the fastest of the others; all of them have to be measured."""
    ours, theirs = run.get(key), [run.get(other) for other in others]
    rates = [line.rows_per_second for line in theirs if line is not None]
    complete = ours is not None and len(rates) == len(others)
    value = ours.rows_per_second / max(rates) if ours is not None and complete else None
    return Bar(title, value, limit, at_least=True, unit=" ×", aim=aim)


def _at_most(run: Run, title: str, key: str, other: str, cost: Callable[[Line], float], limit: float) -> Bar:
    ours, theirs = run.get(key), run.get(other)
    value = None if ours is None or theirs is None else cost(ours) / cost(theirs)
    return Bar(title, value, limit, at_least=False, unit=" ×")


def _of(run: Run, key: str, value: Callable[[Line], float]) -> float | None:
    line = run.get(key)
    return None if line is None else value(line)


def _per_byte(line: Line) -> float:
    return line.seconds_per_byte


def _seconds(line: Line) -> float:
    return line.seconds


def _worst_delay_ms(line: Line) -> float:
    """The largest of the rounds; a round too short for a look has none."""
    return max((d for d in line.figure("loop_delay_p99") if not math.isnan(d)), default=math.inf) * 1000
