"""Which partitions are this worker's and ready, through every rebalance."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from worker.jobs.job import Job
from worker.state.api import OwnershipListener, UnavailableError
from worker.state.fold import decode_row, says_ended

__all__ = ["PartitionOwnership", "ReadableTable"]

_MARKER_SECONDS = 30.0
_RETRY_SECONDS = 0.5
_SCAN_ROWS = 200  # between two turns of the event loop
T = TypeVar("T")
_log = logging.getLogger(__name__)


class ReadableTable(Protocol):
    """The table outside of the fold. `items` may show rows of partitions that are no longer assigned."""

    def get(self, key: bytes, default: None = None) -> bytes | None: ...

    def items(self) -> Iterable[tuple[bytes, bytes]]: ...


class PartitionOwnership:
    """Follows the rebalances: revoked → assigned → recovered → a marker folded in each partition → owned.

    Implements `Ownership`. A partition is owned only when the fold has returned a marker that was sent after
    the recovery: before that, events of an earlier owner may still wait in the topic.
    """

    def __init__(
        self,
        *,
        partition_of: Callable[[str], int],
        send_marker: Callable[[int, str], Awaitable[object]],
        table: ReadableTable,
    ) -> None:
        self._partition_of = partition_of
        self._send_marker = send_marker
        self._table = table
        self._assigned: frozenset[int] = frozenset()
        self._owned: frozenset[int] = frozenset()
        self._active: dict[str, Job] = {}
        self._markers: dict[tuple[int, str], asyncio.Future[None]] = {}
        self._listeners: list[OwnershipListener] = []
        self._settling: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._unsettled_since: float | None = time.monotonic()

    # the port

    def assigned(self) -> frozenset[int]:
        return self._assigned

    def owned(self) -> frozenset[int]:
        return self._owned

    def owns(self, job_id: str) -> bool:
        return self._partition_of(job_id) in self._assigned

    def row(self, job_id: str) -> Job | None:
        if not self.owns(job_id):
            return None
        return decode_row(self._table.get(job_id.encode()))

    def active_jobs(self) -> list[Job]:
        return [job for job_id, job in self._active.items() if self._partition_of(job_id) in self._owned]

    def follow(self, listener: OwnershipListener) -> None:
        self._listeners.append(listener)

    @property
    def settled(self) -> bool:
        """Whether the assignment is known and all of it owned, even if it is empty."""
        return self._unsettled_since is None

    @property
    def unsettled_seconds(self) -> float:
        """How long it has not been settled (seconds); 0 when it is."""
        return 0.0 if self._unsettled_since is None else time.monotonic() - self._unsettled_since

    # what the consumer group tells

    def revoked(self) -> None:
        """A rebalance has begun. It revokes every partition, also those that come back: none is lost yet."""
        self._owned = frozenset()
        if self._unsettled_since is None:
            self._unsettled_since = time.monotonic()
        self._stop_settling()

    def reassigned(self, partitions: frozenset[int]) -> None:
        """The new assignment is known; its tables are not recovered yet."""
        self.revoked()
        lost, self._assigned = self._assigned - partitions, partitions
        for job_id in [job_id for job_id in self._active if self._partition_of(job_id) in lost]:
            del self._active[job_id]
        if lost:
            _log.info("partitions %s went to another worker", _spelled(lost))
            self._tell(lambda listener: listener.partitions_lost(lost))

    def recovered(self) -> None:
        """The tables of the assignment are recovered. Returns at once; the markers are a task's."""
        self._stop_settling()
        self._settling = asyncio.create_task(self._settle(self._assigned), name="ownership-settle")

    # what the fold tells

    def marker_folded(self, partition: int, nonce: str) -> None:
        marker = self._markers.pop((partition, nonce), None)
        if marker is not None and not marker.done():
            marker.set_result(None)

    def row_folded(self, partition: int, job_id: str, job: Job | None, previous: Job | None) -> None:
        if partition not in self._assigned:
            return
        if job is None or job.ended:
            self._active.pop(job_id, None)
        else:
            self._active[job_id] = job
        if partition in self._owned:
            for listener in self._listeners:
                try:
                    # a context of its own: in the fold's, tasks that start here would see its event as theirs
                    contextvars.Context().run(listener.row_changed, job_id, job, previous)
                except Exception:  # noqa: BLE001 (the fold goes on whatever its followers do)
                    _log.exception("a follower of the own rows failed")

    async def confirm(self) -> None:
        """Return when the fold has returned a marker sent now to each owned partition."""
        await self._fold_markers(self._owned)

    async def close(self) -> None:
        self._stop_settling()
        tasks = [task for task in (self._settling, self._telling) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # settling

    def _stop_settling(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
        self._markers.clear()

    async def _settle(self, partitions: frozenset[int]) -> None:
        warned = False
        while True:
            try:
                await self._fold_markers(partitions)
                await self._find_active()
                break
            except (UnavailableError, TimeoutError) as error:
                if not warned:
                    _log.warning("the markers of the own partitions did not come back yet: %s", error)
                    warned = True
            except Exception:  # noqa: BLE001 (a worker without partitions does nothing: try again)
                _log.exception("taking over the own partitions failed; it is tried again")
            await asyncio.sleep(_RETRY_SECONDS)
        self._owned = partitions
        self._unsettled_since = None
        _log.info("partitions %s are ready", _spelled(partitions) or "(none)")
        if partitions:
            self._tell(self._announce)

    async def _announce(self, listener: OwnershipListener) -> None:
        if owned := self._owned:  # none: the next rebalance was faster
            await listener.partitions_ready(owned)

    async def _fold_markers(self, partitions: frozenset[int]) -> None:
        nonce = secrets.token_hex(8)
        loop = asyncio.get_running_loop()
        markers = {(partition, nonce): loop.create_future() for partition in partitions}
        self._markers.update(markers)
        try:
            async with asyncio.timeout(_MARKER_SECONDS):
                await asyncio.gather(*(self._send_marker(partition, nonce) for partition in partitions))
                await asyncio.gather(*markers.values())
        except TimeoutError:
            raise TimeoutError(f"not within {_MARKER_SECONDS:.0f} s") from None
        finally:
            for key in markers:
                self._markers.pop(key, None)

    async def _find_active(self) -> None:
        """Find the unfinished rows. The fold goes on meanwhile, so what was seen is looked at again."""
        self._active.clear()
        seen = []
        async for key, value in _in_turns(self._table.items()):
            if not says_ended(value):
                seen.append(key.decode(errors="replace"))
        async for job_id in _in_turns(seen):
            job = self.row(job_id)
            if job is not None and not job.ended:
                self._active[job.job_id] = job

    def _tell(self, call: Callable[[OwnershipListener], Awaitable[None]]) -> None:
        self._telling = asyncio.create_task(self._tell_after(self._telling, call), name="ownership-tell")

    async def _tell_after(
        self, before: asyncio.Task[None] | None, call: Callable[[OwnershipListener], Awaitable[None]]
    ) -> None:
        if before is not None:
            await asyncio.wait({before})
        for listener in self._listeners:
            try:
                await call(listener)
            except Exception:  # noqa: BLE001 (one follower does not keep the others from knowing)
                _log.exception("a follower of the own partitions failed")


async def _in_turns(items: Iterable[T]) -> AsyncIterator[T]:
    """Iterate, and let the event loop have a turn now and then."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % _SCAN_ROWS == 0:
            await asyncio.sleep(0)


def _spelled(partitions: frozenset[int]) -> str:
    return ", ".join(str(partition) for partition in sorted(partitions))
