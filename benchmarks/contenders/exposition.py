"""Figures from the worker's own metrics, as `GET /metrics` gives them."""

from __future__ import annotations

import math
import re

from benchmarks.api import RunError

__all__ = ["delay_quantile", "metric"]

_BUCKET = re.compile(r'^batch_event_loop_delay_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)


def metric(text: str, name: str) -> float:
    """Return the value of a metric without labels. Raises RunError when there is none."""
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    if found is None:
        raise RunError(f"the worker has no metric `{name}`")
    return float(found[1])


def delay_quantile(before: str, after: str, quantile: float) -> float:
    """Return the event-loop delay (seconds) that a share of the looks between two readings did not exceed.

    It is the upper bound of the histogram's bucket: infinity above the largest one, NaN without a look.
    """
    earlier = {bound: float(count) for bound, count in _BUCKET.findall(before)}
    new = [(float(bound), float(count) - earlier.get(bound, 0.0)) for bound, count in _BUCKET.findall(after)]
    if not new or new[-1][1] == 0:
        return math.nan
    rank = quantile * new[-1][1]
    return next(bound for bound, count in new if count >= rank)
