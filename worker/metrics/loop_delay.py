"""How late the event loop is: whatever blocks it holds every job and every request up."""

from __future__ import annotations

import asyncio

from worker.metrics.instruments import Instruments

__all__ = ["LoopDelay", "Maximum"]

_INTERVAL_SECONDS = 0.1
_WINDOW_SECONDS = 60.0


class Maximum:
    """The largest value of the last one to two windows of `window` seconds; reading it changes nothing."""

    def __init__(self, window: float = _WINDOW_SECONDS) -> None:
        self._window = window
        self._began = 0.0
        self._now = self._before = 0.0

    def note(self, value: float, at: float) -> float:
        """Take a value seen `at` (seconds, never going back) and return the largest one."""
        if at - self._began >= self._window:
            older = at - self._began >= 2 * self._window
            self._before, self._now, self._began = 0.0 if older else self._now, 0.0, at
        self._now = max(self._now, value)
        return max(self._now, self._before)


class LoopDelay:
    """Sleeps, and looks how much later it woke up."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._maximum = Maximum()

    async def run(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _INTERVAL_SECONDS
            await asyncio.sleep(_INTERVAL_SECONDS)
            self.note(max(0.0, loop.time() - due), loop.time())

    def note(self, delay: float, at: float) -> None:
        """Take a delay (seconds) that was seen at a time of the loop's clock."""
        self._instruments.loop_delay.observe(delay)
        self._instruments.loop_delay_max.set(self._maximum.note(delay, at))
