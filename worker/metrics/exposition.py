"""`/metrics`: looks at the worker's surroundings when it is asked, and writes everything down."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from prometheus_client.exposition import choose_encoder

from worker.jobs.codes import CODES, Where
from worker.metrics.instruments import Instruments
from worker.state.api import Health, JobReader, Lag, UnavailableError

__all__ = ["Exposition", "Surroundings", "WaitingFile"]

_REASONS = tuple(code for code, info in CODES.items() if Where.FILE_WAITS in info.where)


class WaitingFile(Protocol):
    """A file in `incoming/` that is not taken; `since` (RFC 3339) is when its code was first given."""

    @property
    def code(self) -> str: ...
    @property
    def since(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the numbers come from. `running` counts the jobs with a slot, `disks` names folders."""

    jobs: JobReader
    health: Callable[[], Health]
    lag: Callable[[], Lag]
    waiting: Callable[[], Sequence[WaitingFile]]
    running: Callable[[], int]
    disks: Mapping[str, Path]


class Exposition:
    """The text that Prometheus reads. `clock` gives Unix time (seconds)."""

    def __init__(
        self,
        instruments: Instruments,
        surroundings: Surroundings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._instruments = instruments
        self._surroundings = surroundings
        self._clock = clock

    async def render(self, accept: str) -> tuple[bytes, str]:
        """Return the text and its media type: OpenMetrics where `accept` asks for it."""
        self._look_at_worker()
        self._look_at_files()
        await self._look_at_jobs()
        await asyncio.to_thread(self._look_at_disks)
        encode, media_type = choose_encoder(accept)
        return encode(self._instruments.registry), media_type

    def _look_at_worker(self) -> None:
        instruments, health, lag = self._instruments, self._surroundings.health(), self._surroundings.lag()
        instruments.broker_up.set(health.broker_ok)
        instruments.ready.set(health.broker_ok and health.ready)
        instruments.partitions.set(len(health.partitions))
        instruments.jobs_running.set(self._surroundings.running())
        instruments.table_lag.set(lag.table_events)
        instruments.read_model_lag.set(lag.read_model_records)

    def _look_at_files(self) -> None:
        counts = dict.fromkeys(_REASONS, 0)
        ages = dict.fromkeys(_REASONS, 0.0)
        now = self._clock()
        for file in self._surroundings.waiting():
            age = now - datetime.fromisoformat(file.since).timestamp()
            counts[file.code] = counts.get(file.code, 0) + 1
            ages[file.code] = max(ages.get(file.code, 0.0), age)
        for code, count in counts.items():
            self._instruments.incoming_files.labels(code).set(count)
            self._instruments.incoming_oldest.labels(code).set(ages[code])

    async def _look_at_jobs(self) -> None:
        try:
            counts = await self._surroundings.jobs.counts()
        except UnavailableError:
            return  # the worker stops: the last counts stand
        for state, count in counts.items():
            self._instruments.jobs.labels(state.value).set(count)

    def _look_at_disks(self) -> None:
        for name, folder in self._surroundings.disks.items():
            self._instruments.disk_free.labels(name).set(shutil.disk_usage(folder).free)
