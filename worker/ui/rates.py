"""How fast jobs run, seen over their last half minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from worker.jobs.job import Job, State

__all__ = ["Rate", "Rates"]

_SPAN_SECONDS = 30.0
_SAMPLES = 64


@dataclass(frozen=True, slots=True)
class Rate:
    """Per second: rows read, and bytes of the file."""

    rows: float
    bytes: float


class Rates:
    """The running jobs' rates, from the changes of the read model. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._samples: dict[str, deque[tuple[float, int, int]]] = {}

    def note(self, job_id: str, job: Job | None) -> None:
        """Take in a job as it stands now."""
        if job is None or job.state is not State.RUNNING:
            self._samples.pop(job_id, None)
            return
        samples = self._samples.setdefault(job_id, deque(maxlen=_SAMPLES))
        if samples and job.bytes_read < samples[-1][2]:
            samples.clear()
        now = self._clock()
        if not samples or job.bytes_read > samples[-1][2]:
            samples.append((now, job.rows_read, job.bytes_read))
        while len(samples) > 2 and now - samples[1][0] > _SPAN_SECONDS:
            samples.popleft()

    def of(self, job: Job) -> Rate | None:
        """The job's rate; None until two commits were seen. It falls while nothing is committed."""
        samples = self._samples.get(job.job_id)
        if samples is None or len(samples) < 2:
            return None
        start, rows, read = samples[0]
        _, last_rows, last_read = samples[-1]
        steps = len(samples) - 1
        # an interval that takes longer than the average so far slows the rate down
        average = (samples[-1][0] - start) / steps
        waited = max(0.0, self._clock() - samples[-1][0] - average)
        seconds = max(0.001, samples[-1][0] - start + waited)
        return Rate((last_rows - rows) / seconds, (last_read - read) / seconds)
