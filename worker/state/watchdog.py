"""Ends a worker that hangs while Kafka answers: a restart mends it within seconds, waiting does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from worker.state.api import UnavailableError
from worker.state.ownership import PartitionOwnership

__all__ = ["Watchdog"]

_TICK_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Watchdog:
    """Two limits, counted only while the broker answers: on settling an assignment, and on the fold.

    Faust has known hangs after a rebalance and after a broker's restart. The first shows as an assignment
    that is not owned for `limit` seconds, the second as a marker, sent whenever the broker is back, that does
    not return.
    """

    def __init__(
        self,
        ownership: PartitionOwnership,
        *,
        broker_ok: Callable[[], bool],
        end: Callable[[str], None],
        limit: float = 120.0,
        tick: float = _TICK_SECONDS,
    ) -> None:
        self._ownership = ownership
        self._broker_ok = broker_ok
        self._end = end
        self._limit = limit
        self._tick = tick
        self._unconfirmed = False

    def broker_is_back(self) -> None:
        """Have the fold confirm that it still works."""
        self._unconfirmed = True

    async def run(self) -> None:
        """Watch until cancelled or until `end` was called."""
        unsettled = 0.0
        async with asyncio.TaskGroup() as tasks:
            confirming = tasks.create_task(self._confirm())
            while unsettled < self._limit:
                await asyncio.sleep(self._tick)
                if self._ownership.settled and not self._unconfirmed:
                    unsettled = 0.0
                elif self._broker_ok():
                    unsettled += self._tick
            confirming.cancel()
        self._end(
            f"the partitions were not ready for {self._limit:.0f} s although Kafka answers: the worker ends, "
            "so that a restart can mend it"
        )

    async def _confirm(self) -> None:
        while True:
            await asyncio.sleep(self._tick)
            if self._unconfirmed and self._ownership.settled and self._broker_ok():
                try:
                    await self._ownership.confirm()
                    self._unconfirmed = False
                except (UnavailableError, TimeoutError) as error:
                    _log.warning("the fold has not answered yet: %s", error)
