"""What a run says: bars, table, chart."""

from benchmarks.report.bars import Bar, bars
from benchmarks.report.chart import chart
from benchmarks.report.fit import Fit, fit
from benchmarks.report.markdown import markdown, verdicts

__all__ = ["Bar", "Fit", "bars", "chart", "fit", "markdown", "verdicts"]
