"""Ends the process in bounded time, whatever Kafka does, with an exit code that tells how it went."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import faust

__all__ = ["StoppableWorker"]

_OURS_SECONDS = 8.0
_FAUST_SECONDS = 5.0
_FAUST_OFFLINE_SECONDS = 2.0
_HARD_SECONDS = 15.0
_log = logging.getLogger(__name__)


class StoppableWorker(faust.Worker):
    """Runs the application until SIGTERM, SIGINT or a crash, then `drain`, then Faust's own stop, then exits.

    Faust's own stop waits without bound for a broker that is away. Here every step has a limit; 15 s after
    the signal the process ends even if its event loop is blocked. The exit code is 0 after a signal and 1
    after a crash or `begin_stop(1)`. A second signal changes nothing.
    """

    def __init__(
        self,
        app: faust.App,
        *,
        loop: asyncio.AbstractEventLoop,
        drain: Callable[[], Awaitable[None]],
        broker_ok: Callable[[], bool],
    ) -> None:
        super().__init__(app, loop=loop, quiet=True, redirect_stdouts=False, override_logging=False)
        self.spinner = None
        self._event_loop = loop
        self._drain_ours = drain
        self._broker_ok = broker_ok

    def install_signal_handlers(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._event_loop.add_signal_handler(number, self.begin_stop, 0)

    def begin_stop(self, exit_code: int) -> None:
        """Stop the worker and end the process with this code. The first call counts."""
        if self._signal_stop_future is not None:
            return
        # armed here and not earlier: a hang before any wish to stop must not look like a clean end
        timer = threading.Timer(_HARD_SECONDS, os._exit, (exit_code,))
        timer.daemon = True
        timer.start()
        # mode waits for this future before it takes the loop down
        self._signal_stop_future = self._event_loop.create_task(self._drain(exit_code))

    def on_worker_shutdown(self) -> None:
        """Without a signal only a crash leads here: the same way out, with exit code 1."""
        if self._signal_stop_future is None:
            _log.critical("the worker ends: %s", self._reason())
            self.begin_stop(1)

    def _reason(self) -> str:
        reason: Any = self.crash_reason or self.app.crash_reason or sys.exc_info()[1]
        return f"{type(reason).__name__}: {reason}" if reason is not None else "it was stopped from within"

    async def _drain(self, exit_code: int) -> None:
        _log.info("stopping")
        try:
            # ours first: Faust's stop ends the loop under everything else
            async with asyncio.timeout(_OURS_SECONDS):
                await self._drain_ours()
        except TimeoutError:
            _log.warning(
                "the running jobs did not stop within %d s; they go on at the next start", _OURS_SECONDS
            )
        except Exception:  # noqa: BLE001 (the process ends all the same)
            _log.exception("stopping the running jobs failed; they go on at the next start")
        limit = _FAUST_SECONDS if self._broker_ok() else _FAUST_OFFLINE_SECONDS
        await asyncio.wait({asyncio.ensure_future(self.stop())}, timeout=limit)
        _log.info("stopped")
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)
