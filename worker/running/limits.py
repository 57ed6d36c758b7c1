"""How many rows of a file may be rejected before its job fails."""

from __future__ import annotations

from connectors.api import Progress
from connectors.errors import JobCode, JobError

__all__ = ["COUNTED_FROM", "RejectLimit"]

COUNTED_FROM = 1000
"""A share of fewer rows says nothing yet."""


class RejectLimit:
    """Fails a job once more than `ratio` of the rows that its attempt read were rejected; 1: never.

    Earlier attempts do not count: who sends a job back wants it to go on.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio

    def exceeded(self, progress: Progress, *, delivered: int = 0, rejected: int = 0) -> bool:
        """Whether it is too much, with as many rows more than are committed."""
        rows = progress.rows_read + delivered + rejected - progress.base[0]
        rejects = progress.rejected + rejected - progress.base[1]
        return self._ratio < 1 and rows >= COUNTED_FROM and rejects > self._ratio * rows

    def error(self, progress: Progress, *, job_id: str, committed: bool) -> JobError:
        """`progress` is that with the rows that were too much."""
        rows = progress.rows_read - progress.base[0]
        rejects = progress.rejected - progress.base[1]
        if committed:
            hint = (
                f"look at `batch job rejects {job_id}` and mend the model; `batch job retry {job_id}` goes "
                "on at the next row, `--from-start` begins again; BATCH_MAX_REJECT_RATIO sets the limit"
            )
        else:
            hint = (
                "nothing of the file was delivered; `batch job check` shows what is wrong with its rows; "
                f"`batch job retry {job_id}` begins again; BATCH_MAX_REJECT_RATIO sets the limit"
            )
        return JobError(
            JobCode.TOO_MANY_REJECTS,
            f"`{rejects}` of `{rows}` rows were rejected, more than the allowed share of `{self._ratio:g}`",
            hint,
        )
