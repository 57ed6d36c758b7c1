"""The report as Markdown: the bars, the table, the line over sizes, the rules and the versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks.plan import Mode
from benchmarks.report.bars import Bar, bars, series_fit
from benchmarks.results import Line, Run

__all__ = ["markdown", "verdicts"]

_MB = 1e6


def markdown(run: Run, mode: Mode, chart: str) -> str:
    """Return the report of a run; `chart` is the file name of its picture."""
    return "\n".join(
        [
            f"# Benchmark, {run.mode} mode",
            "",
            *_introduction(run, mode),
            "",
            "## Bars",
            "",
            *_bar_table(bars(run, mode)),
            "",
            "## Deliveries",
            "",
            f"![rows per second]({chart})",
            "",
            *_line_table(run.lines.values()),
            "",
            "Seconds are the median of the rounds, with the fastest and the slowest. CPU is the median, RSS "
            "the largest of the rounds: of the contender's process tree, and CPU of the broker beside it. "
            "Every delivery was read back by another client and compared with what was generated: number, "
            "bytes and contents.",
            "",
            *_series(run, mode),
            *_missing(run),
            "## What is timed",
            "",
            *_rules(run),
            "",
            "## Versions",
            "",
            *_versions(run),
            "",
        ]
    )


def verdicts(run: Run, mode: Mode) -> list[str]:
    """Return a line for each bar, for the terminal."""
    return [f"{_verdict(bar):>13}  {bar.title}: {_value(bar)} ({_limit(bar)})" for bar in bars(run, mode)]


def _introduction(run: Run, mode: Mode) -> list[str]:
    lines = [
        f"{run.began}, rounds: {run.rounds}, interleaved, one broker; {run.seconds / 60:.0f} minutes in all. "
        + "; ".join(f"{name}: {value}" for name, value in run.machine.items())
        + ". Everything shares this machine: what counts are the ratios of one run."
    ]
    if mode.budget is not None:
        lines.append(
            "\n**Short mode**: the files are too small for figures to say more than that all of it works."
        )
    return lines


def _bar_table(found: Iterable[Bar]) -> Iterator[str]:
    yield "| bar | limit | this run | |"
    yield "|---|---|---|---|"
    for bar in found:
        yield f"| {bar.title} | {_limit(bar)} | {_value(bar)} | {_verdict(bar)} |"


def _limit(bar: Bar) -> str:
    text = f"{'at least' if bar.at_least else 'at most'} {bar.limit:g}{bar.unit}"
    return text if bar.aim is None else f"{text}, aim {bar.aim:g}"


def _value(bar: Bar) -> str:
    return "–" if bar.value is None else f"{bar.value:,.2f}{bar.unit}"


def _verdict(bar: Bar) -> str:
    return {True: "holds", False: "**missed**", None: "not measured"}[bar.holds]


def _line_table(lines: Iterable[Line]) -> Iterator[str]:
    yield "| | partitions | rows | MB | seconds | rows/s | MB/s | CPU s | broker CPU s | RSS MB |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for line in lines:
        size = line.size_bytes / _MB
        title = f"{line.title} ({line.remark})" if line.remark else line.title
        start = f"| {title} | {line.partitions} | {line.rows:,} | {size:,.1f} |"
        if not line.measured:
            yield f"{start} {'failed' if line.version else 'not installed'} | | | | | |"
            continue
        spread = f"{line.seconds:.2f} ({line.fastest:.2f}–{line.slowest:.2f})"
        yield (
            f"{start} {spread} | {line.rows_per_second:,.0f} | {size / line.seconds:,.1f} "
            f"| {line.cpu_seconds:.1f} | {line.broker_cpu_seconds:.1f} | {line.peak_rss / _MB:,.0f} |"
        )


def _series(run: Run, mode: Mode) -> list[str]:
    found = series_fit(run, mode)
    if found is None:
        return []
    residuals = ", ".join(
        f"{100 * residual:+.0f} % at {mib:,} MiB"
        for mib, residual in zip(mode.series, found.residuals, strict=True)
    )
    return [
        "## Time over size",
        "",
        f"The worker's CSV jobs take t = {found.a:.2f} s + {found.b * 1000:.2f} ms · MiB (least squares of "
        f"the relative residuals): {residuals}.",
        "",
    ]


def _missing(run: Run) -> list[str]:
    found = [f"- {line.title}: {line.reason}" for line in run.lines.values() if line.reason is not None]
    return ["## Not measured", "", *found, ""] if found else []


def _rules(run: Run) -> list[str]:
    rules = {line.contender: line.rules for line in run.lines.values()}
    return [f"- **{contender}**: {text}." for contender, text in rules.items()]


def _versions(run: Run) -> list[str]:
    versions = {line.contender: line.version for line in run.lines.values() if line.version}
    return [f"- {contender}: {version}" for contender, version in versions.items()]
