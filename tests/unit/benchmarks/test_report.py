"""What the report says of figures that are known."""

from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from benchmarks.contenders.exposition import delay_quantile, metric
from benchmarks.plan import FULL
from benchmarks.report import bars, chart, fit, markdown
from benchmarks.results import Line, Measurement, Run

_MIB = 2**20


def _line(key: str, seconds: list[float], *, rows: int = 1000, size: int = _MIB, rss: int = 1) -> Line:
    line = Line(key, key, "batch worker", "rules", "1", f"standard-{FULL.compare}.csv", rows, size, 4)
    line.measurements = [Measurement(s, 1.0, rss, 1.0, {"loop_delay_p99": 0.025}) for s in seconds]
    return line


def _run(*lines: Line) -> Run:
    return Run("full", "today", {}, rounds=3, lines={line.key: line for line in lines})


def _value(run: Run, begin: str) -> tuple[object, object]:
    bar = next(bar for bar in bars(run, FULL) if bar.title.startswith(begin))
    return bar.value, bar.holds


def test_a_line_through_points_of_a_line_is_that_line() -> None:
    found = fit([(n, 0.5 + 0.01 * n) for n in (16, 64, 256, 1024)])
    assert found.a == pytest.approx(0.5)
    assert found.b == pytest.approx(0.01)
    assert found.worst == pytest.approx(0, abs=1e-9)


def test_residuals_are_shares_of_the_measured_time() -> None:
    # weights 1, 1, 1/4: means 2/3 and 10/9, covariance 1/3, variance 1; all worked out by hand
    found = fit([(0, 1.0), (1, 1.0), (2, 2.0)])
    assert found.a == pytest.approx(8 / 9)
    assert found.b == pytest.approx(1 / 3)
    assert found.residuals == pytest.approx((1 / 9, -2 / 9, 2 / 9))


def test_ratios_are_of_medians() -> None:
    run = _run(_line("csv-256", [1.0, 9.0, 2.0]), _line("kcat", [1.0, 1.2, 30.0]))
    assert _value(run, "CSV ÷ kcat") == (pytest.approx(0.6), False)


def test_the_faster_of_two_peers_counts_and_both_are_needed() -> None:
    ours, slow, fast = _line("csv-256", [1.0]), _line("spool-dir", [30.0]), _line("file-pulse", [13.0])
    assert _value(_run(ours, slow, fast), "CSV ÷ the faster") == (pytest.approx(13.0), True)
    assert _value(_run(ours, slow), "CSV ÷ the faster") == (None, None)


def test_a_line_that_failed_gives_no_value() -> None:
    failed = replace(_line("kcat", [1.0]), reason="it broke")
    run = _run(_line("csv-256", [1.0]), failed)
    assert _value(run, "CSV ÷ kcat") == (None, None)
    assert run.failed
    assert "it broke" in markdown(run, FULL, "full.svg")


def test_what_is_not_installed_is_reported_and_no_failure() -> None:
    run = _run(_line("csv-256", [1.0]), replace(_line("kcat", []), reason="no such command", version=""))
    assert not run.failed
    text = markdown(run, FULL, "full.svg")
    assert "not installed" in text
    assert "no such command" in text


def test_costs_a_byte_memory_delay_and_the_line_over_sizes() -> None:
    run = _run(
        *(_line(f"csv-{n}", [0.2 + n / 100], size=n * _MIB, rss=400_000_000) for n in FULL.series),
        _line("wide", [1.68], size=64 * _MIB),
        _line("small-files", [21.0]),
        _line("floor", [10.0]),
    )
    assert _value(run, "100 columns") == (pytest.approx(2.0), True)
    assert _value(run, "a of t") == (pytest.approx(0.2), True)
    assert _value(run, "largest residual") == (pytest.approx(0, abs=1e-6), True)
    assert _value(run, "peak RSS") == (pytest.approx(400), True)
    assert _value(run, "event-loop delay") == (pytest.approx(25), True)
    assert _value(run, "small files") == (pytest.approx(2.1), False)


def test_the_chart_is_well_formed_and_ordered() -> None:
    run = _run(_line("slow & steady", [2.0, 3.0]), _line("fast", [1.0]))
    root = ElementTree.fromstring(chart(run, FULL))
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.index("fast") < texts.index("slow & steady")


def _exposition(*counts: int) -> str:
    bounds = ("0.01", "0.05", "+Inf")
    name = "batch_event_loop_delay_seconds_bucket"
    return "\n".join(f'{name}{{le="{b}"}} {float(c)}' for b, c in zip(bounds, counts, strict=True))


def test_the_delay_is_that_of_the_looks_in_between() -> None:
    before = _exposition(100, 200, 300)
    assert delay_quantile(before, _exposition(199, 299, 400), 0.99) == 0.01
    assert delay_quantile(before, _exposition(190, 300, 400), 0.99) == 0.05
    assert delay_quantile(before, _exposition(190, 290, 400), 0.99) == math.inf
    assert math.isnan(delay_quantile(before, before, 0.99))


def test_a_metric_without_labels() -> None:
    assert metric("# TYPE batch_job_slots gauge\nbatch_job_slots 2.0\n", "batch_job_slots") == 2
