"""A line through times over sizes: what a job costs whatever its size, and what a MiB costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Fit", "fit"]


@dataclass(frozen=True, slots=True)
class Fit:
    """t = a + b·n. `residuals` are (measured - fitted) / measured, one a point."""

    a: float
    b: float
    residuals: tuple[float, ...]

    @property
    def worst(self) -> float:
        return max(map(abs, self.residuals))


def fit(points: Sequence[tuple[float, float]]) -> Fit:
    """Return the least squares line of at least two points (n, t) of different n.

    The squares are those of the relative residuals (weights 1/t²): what is asked of them is a share of the
    time, and unweighted the largest file alone would decide.
    """
    weights = [1 / t**2 for _, t in points]
    total = sum(weights)
    mean_n = sum(w * n for w, (n, _) in zip(weights, points, strict=True)) / total
    mean_t = sum(w * t for w, (_, t) in zip(weights, points, strict=True)) / total
    covariance = sum(w * (n - mean_n) * (t - mean_t) for w, (n, t) in zip(weights, points, strict=True))
    b = covariance / sum(w * (n - mean_n) ** 2 for w, (n, _) in zip(weights, points, strict=True))
    a = mean_t - b * mean_n
    return Fit(a, b, tuple((t - a - b * n) / t for n, t in points))
