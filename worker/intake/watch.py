"""Watches `incoming/`: scans at every event and every few seconds, and has what is complete taken."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from worker.intake.dropzone import Dropzone
from worker.intake.events import IncomingEvents
from worker.intake.reasons import (
    Reason,
    WaitingFile,
    model_not_found,
    still_changing,
    too_large,
    unavailable,
)
from worker.intake.scan import Found, scan_incoming
from worker.intake.settle import Settling
from worker.intake.space import DiskSpace
from worker.intake.submit import Submitter
from worker.intake.take import Taker
from worker.state.api import Health, Model, ModelStore

__all__ = ["Watcher"]

_log = logging.getLogger(__name__)

_COALESCE_SECONDS = 0.05
_REST_FACTOR = 9  # a huge tree costs a tenth of a core at most
_ITEMS_A_TURN = 500  # between two turns of the event loop
# an outage is logged once, by what looks after the broker
_UNREMARKABLE = frozenset({"STILL_CHANGING", "NAME_IGNORED", "KAFKA_UNAVAILABLE"})


class Watcher:
    """Takes the files of `incoming/` as they settle, and says of all others why it does not.

    `health` tells whether Kafka is there, `options_of` gives a model's options, `clock` monotonic seconds,
    `now` RFC 3339 in UTC. On the event loop's thread.
    """

    def __init__(
        self,
        *,
        zone: Dropzone,
        submitter: Submitter,
        space: DiskSpace,
        models: ModelStore,
        health: Callable[[], Health],
        options_of: Callable[[Model], dict[str, Any]],
        default_model: str,
        max_bytes: int,
        settle_seconds: float,
        rescan_seconds: float,
        clock: Callable[[], float],
        now: Callable[[], str],
    ) -> None:
        self._zone = zone
        self._space = space
        self._models = models
        self._health = health
        self._default_model = default_model
        self._max_bytes = max_bytes
        self._rescan_seconds = rescan_seconds
        self._now = now
        self._settling = Settling(settle_seconds, clock)
        self._woken = asyncio.Event()
        self._taker = Taker(
            submitter=submitter,
            options_of=options_of,
            changed=self._settling.restart,
            clock=clock,
        )
        self._waiting: dict[str, WaitingFile] = {}
        self._scan_cost = 0.0  # seconds of CPU

    def waiting(self) -> Sequence[WaitingFile]:
        """Return what lay in `incoming/` at the last scan and is not being taken, by path."""
        return list(self._waiting.values())

    async def run(self) -> None:
        """Scan until cancelled. A scan that fails is logged, and the next one goes on."""
        events = IncomingEvents(self._zone.incoming, self._woken.set)
        events.start()
        try:
            while True:
                self._woken.clear()
                await self._wait(await self._scan_safely(), _REST_FACTOR * self._scan_cost)
        finally:
            events.stop()
            await self._taker.stop()

    async def scan(self) -> float:
        """Look through `incoming/` once; return after how many seconds to look again."""
        found = await asyncio.to_thread(self._look)
        names = {item.name for item in found}
        self._settling.keep_only(names)
        self._taker.keep_only(names)
        blocked = self._blocked()
        waiting: dict[str, WaitingFile] = {}
        due = self._rescan_seconds
        for number, item in enumerate(found, start=1):
            if number % _ITEMS_A_TURN == 0:
                await asyncio.sleep(0)
            if self._taker.is_taking(item.name):
                continue
            reason, remaining = self._judge(item, blocked)
            due = min(due, remaining or due)
            if reason is not None:
                waiting[item.name] = self._entry(item, reason)
        self._log_new(waiting)
        self._waiting = waiting
        return due

    async def idle(self) -> None:
        """Return when no file is being taken."""
        await self._taker.idle()

    async def _scan_safely(self) -> float:
        try:
            return await self.scan()
        except Exception:  # noqa: BLE001 (the files stay where they are; the next scan may do better)
            _log.exception("looking through `%s` failed", self._zone.incoming)
            return self._rescan_seconds

    def _look(self) -> list[Found]:
        """Blocking; notes what it costs."""
        began = time.thread_time()
        found = scan_incoming(self._zone.incoming, self._default_model)
        self._scan_cost = time.thread_time() - began
        return found

    async def _wait(self, seconds: float, rest: float) -> None:
        """Return after `seconds`, or when something happened, but not before `rest` seconds."""
        try:
            async with asyncio.timeout(max(seconds, rest)):
                await self._woken.wait()
        except TimeoutError:
            return
        await asyncio.sleep(max(_COALESCE_SECONDS, rest))  # events come in bursts

    def _blocked(self) -> Reason | None:
        """What keeps every file from being taken."""
        health = self._health()
        return None if health.ready and health.broker_ok else unavailable(health)

    def _judge(self, found: Found, blocked: Reason | None) -> tuple[Reason | None, float]:
        """Take the file, or return why not and, if it only has to settle, for how many more seconds."""
        if found.refusal is not None or found.identity is None:
            return found.refusal, 0.0
        remaining = self._settling.remaining(found.name, found.identity)
        if remaining > 0:
            return still_changing(found.name, remaining), remaining
        if found.identity.size > self._max_bytes:
            return too_large(found.identity.size, self._max_bytes), 0.0
        if blocked is not None:
            return blocked, 0.0
        model = self._models.get(found.model)
        if model is None:
            return model_not_found(found.model), 0.0
        reason = self._space.shortage() or self._taker.failure(found.name, found.identity)
        if reason is None:
            self._taker.take(found, found.identity, model)
        return reason, 0.0

    def _entry(self, found: Found, reason: Reason) -> WaitingFile:
        before = self._waiting.get(found.name)
        since = before.since if before is not None and before.code == reason.code else self._now()
        size = None if found.identity is None else found.identity.size
        return WaitingFile(found.shown, reason.code, reason.message, reason.hint, size, since)

    def _log_new(self, waiting: dict[str, WaitingFile]) -> None:
        """One line a code and scan, for what did not wait for this reason before."""
        new: dict[str, list[WaitingFile]] = defaultdict(list)
        for name, entry in waiting.items():
            before = self._waiting.get(name)
            if entry.code not in _UNREMARKABLE and (before is None or before.code != entry.code):
                new[entry.code].append(entry)
        for code, entries in new.items():
            more = f" (and {len(entries) - 1} more)" if len(entries) > 1 else ""
            _log.warning("%s: %s%s; %s", code, entries[0].message, more, entries[0].hint)
