"""Fair slots: the jobs that wait, how many may run at once, and which of them is next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import count

from worker.jobs.job import Job
from worker.jobs.sizes import SMALL_BYTES

__all__ = ["JobQueue", "is_small"]


def is_small(job: Job) -> bool:
    return job.size_bytes < SMALL_BYTES


class JobQueue:
    """The jobs that wait for a slot, first come first served.

    There are `slots` for jobs of any size, and one more for small ones: no file waits behind big ones only.
    Every call but `ids` and `keep` takes the same time however many jobs wait.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._arrivals = count()
        self._small: dict[str, tuple[int, Job]] = {}
        self._big: dict[str, tuple[int, Job]] = {}

    @property
    def big_waiting(self) -> int:
        """How many big jobs wait."""
        return len(self._big)

    def ids(self) -> Iterator[str]:
        yield from self._small
        yield from self._big

    def get(self, job_id: str) -> Job | None:
        _, job = self._small.get(job_id) or self._big.get(job_id) or (0, None)
        return job

    def put(self, job: Job) -> None:
        """Let the job wait; one that waits already keeps its place, with its newest row."""
        queue = self._small if is_small(job) else self._big
        place, _ = queue.get(job.job_id) or (next(self._arrivals), job)
        queue[job.job_id] = (place, job)

    def discard(self, job_id: str) -> None:
        self._small.pop(job_id, None)
        self._big.pop(job_id, None)

    def keep(self, wanted: Callable[[str], bool]) -> None:
        """Drop every job but the wanted ones."""
        for job_id in [job_id for job_id in self.ids() if not wanted(job_id)]:
            self.discard(job_id)

    def take(self, running: Collection[Job]) -> Job | None:
        """Remove and return the job that has waited longest of those that may begin beside `running`."""
        if len(running) > self.slots:
            return None
        big_may = sum(not is_small(job) for job in running) < self.slots
        firsts = [next(iter(q.values()), None) for q in (self._small, self._big if big_may else {})]
        waited = min((first for first in firsts if first is not None), key=lambda f: f[0], default=None)
        if waited is None:
            return None
        self.discard(waited[1].job_id)
        return waited[1]
