"""Fair slots: the jobs that wait, how many may run at once, and which of them is next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import chain, count

from worker.jobs.job import Job
from worker.jobs.sizes import SMALL_BYTES, TINY_BYTES

__all__ = ["JobQueue", "is_small", "tiny_slots"]

_TINY_A_SLOT = 4
_TINY_AT_MOST = 32


def tiny_slots(slots: int) -> int:
    """Return how many tiny files run at once beside `slots` others.

    One spends most of its time waiting for Kafka's answers, and the more there are, the more of their events
    are sent and folded together.
    """
    return max(slots, min(_TINY_A_SLOT * slots, _TINY_AT_MOST))


def is_small(job: Job) -> bool:
    return job.size_bytes < SMALL_BYTES


class JobQueue:
    """The jobs that wait for a slot, first come first served.

    There are `slots` for jobs of any size, and one more for small ones: no file waits behind big ones only.
    Tiny ones have `tiny_slots` of their own, if there are any; without, they are small ones.
    Every call but `ids` and `keep` takes the same time however many jobs wait.
    """

    def __init__(self, slots: int, tiny_slots: int = 0) -> None:
        self.slots = slots
        self._tiny_slots = tiny_slots
        self._arrivals = count()
        self._tiny: dict[str, tuple[int, Job]] = {}
        self._small: dict[str, tuple[int, Job]] = {}
        self._big: dict[str, tuple[int, Job]] = {}

    @property
    def big_waiting(self) -> int:
        """How many big jobs wait."""
        return len(self._big)

    def ids(self) -> Iterator[str]:
        yield from chain(self._tiny, self._small, self._big)

    def get(self, job_id: str) -> Job | None:
        _, job = self._tiny.get(job_id) or self._small.get(job_id) or self._big.get(job_id) or (0, None)
        return job

    def slots_for(self, job: Job) -> int:
        """How many jobs of this one's size may run at once, when no others do."""
        return self._tiny_slots if self._is_tiny(job) else self.slots

    def put(self, job: Job) -> None:
        """Let the job wait; one that waits already keeps its place, with its newest row."""
        queue = self._queue_of(job)
        place, _ = queue.get(job.job_id) or (next(self._arrivals), job)
        queue[job.job_id] = (place, job)

    def discard(self, job_id: str) -> None:
        for queue in (self._tiny, self._small, self._big):
            queue.pop(job_id, None)

    def keep(self, wanted: Callable[[str], bool]) -> None:
        """Drop every job but the wanted ones."""
        for job_id in [job_id for job_id in self.ids() if not wanted(job_id)]:
            self.discard(job_id)

    def take(self, running: Collection[Job]) -> Job | None:
        """Remove and return the job that has waited longest of those that may begin beside `running`."""
        firsts = [next(iter(queue.values()), None) for queue in self._with_room(running)]
        waited = min((first for first in firsts if first is not None), key=lambda f: f[0], default=None)
        if waited is None:
            return None
        self.discard(waited[1].job_id)
        return waited[1]

    def would_wait(self, job: Job, running: Collection[Job]) -> bool:
        """Whether a job that came now had to wait beside `running`."""
        queue = self._queue_of(job)
        return bool(queue) or not any(queue is open_one for open_one in self._with_room(running))

    def _with_room(self, running: Collection[Job]) -> list[dict[str, tuple[int, Job]]]:
        """The queues whose first may begin."""
        others = [job for job in running if not self._is_tiny(job)]
        queues = [self._tiny] if len(running) - len(others) < self._tiny_slots else []
        if len(others) <= self.slots:
            queues.append(self._small)
            if sum(not is_small(job) for job in others) < self.slots:
                queues.append(self._big)
        return queues

    def _queue_of(self, job: Job) -> dict[str, tuple[int, Job]]:
        if self._is_tiny(job):
            return self._tiny
        return self._small if is_small(job) else self._big

    def _is_tiny(self, job: Job) -> bool:
        return self._tiny_slots > 0 and job.size_bytes < TINY_BYTES
