"""Jobs that cannot go on for now and need no slot to wait: each is tried again after a while."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from worker.jobs.job import Job, State

__all__ = ["Parking"]


@dataclass(slots=True)
class _Parked:
    row: Job
    timer: asyncio.TimerHandle


class Parking:
    """Keeps jobs for at most `seconds` each, then hands their newest row to `try_again`.

    On the event loop's thread. `age` orders the rows of one job.
    """

    def __init__(
        self, seconds: float, try_again: Callable[[Job], None], age: Callable[[Job], tuple[int, int]]
    ) -> None:
        self._seconds = seconds
        self._try_again = try_again
        self._age = age
        self._parked: dict[str, _Parked] = {}

    def park(self, job: Job) -> None:
        delay = self._seconds * random.uniform(0.5, 1.0)
        timer = asyncio.get_running_loop().call_later(delay, self._time_up, job.job_id)
        self._parked[job.job_id] = _Parked(job, timer)

    def keeps(self, job: Job) -> bool:
        """Take note of a job's newest row; False, and forgotten, if it is one to act on now.

        The job's own report is no reason to try it again; what a user asks for is.
        """
        parked = self._parked.get(job.job_id)
        if parked is None:
            return False
        if job.ended or job.state is State.PAUSED or job.requested is not None:
            self.forget(job.job_id)
            return False
        parked.row = max(job, parked.row, key=self._age)
        return True

    def forget(self, job_id: str) -> None:
        if (parked := self._parked.pop(job_id, None)) is not None:
            parked.timer.cancel()

    def keep_only(self, wanted: Callable[[str], bool]) -> None:
        for job_id in [job_id for job_id in self._parked if not wanted(job_id)]:
            self.forget(job_id)

    def _time_up(self, job_id: str) -> None:
        self._try_again(self._parked.pop(job_id).row)
