"""How far an upload or a job is, as a bar on a terminal's stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from worker.cli.output import Bar
from worker.jobs.job import Work

__all__ = ["JobProgress", "uploading"]


@contextmanager
def uploading() -> Iterator[Callable[[int, int], None]]:
    """A bar for one upload, which goes away with it; it hears how many bytes of how many are under way."""
    bar = Bar()
    try:
        yield lambda done, size: bar.show(done, size, "uploaded")
    finally:
        bar.clear()


class JobProgress:
    """Draws one job as it stands at each look: by its file, or by its rejects when these are retried."""

    def __init__(self) -> None:
        self._bar = Bar()
        self._span: tuple[int, int] | None = None

    def show(self, job: dict[str, Any]) -> None:
        self._bar.show(*self.measure(job))

    def clear(self) -> None:
        self._bar.clear()

    def measure(self, job: dict[str, Any]) -> tuple[int, int, str]:
        """Return the part done, the whole, and the words for it."""
        rejected = f"{job['rows_rejected']:,} rejected"
        if job["work"] == Work.REJECTS:
            done, whole = self._rejects(job["dead_letters"])
            text = f"{job['state']}  retries rejects, {rejected} left"
        else:
            done, whole = job["bytes_read"], job["size_bytes"]
            text = f"{job['state']}  {job['rows_read']:,} rows, {rejected}"
        if job["waiting"]:
            text += f"  waits: {job['waiting']['message']}"
        return done, whole, text

    def _rejects(self, unresolved: list[int] | None) -> tuple[int, int]:
        """The dead letters that were read, of those that stood there at the first look.

        Rows that fail again are appended behind them: they count for the next retry.
        """
        if unresolved is None:
            return 0, 1
        first, end = self._span = self._span or (unresolved[0], unresolved[1])
        return max(0, min(unresolved[0], end) - first), max(1, end - first)
