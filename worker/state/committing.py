"""Offsets of events are committed only once the rows that came of them stand in the changelog.

Faust commits what is folded while the rows may still be on their way. A kill in between would lose one: its
event is not folded again, and the next restore takes the row before it from the changelog.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import faust
from faust.exceptions import ProducerSendError
from faust.transport.drivers.aiokafka import Consumer

__all__ = ["PatientConsumer", "WrittenTable"]

_WRITE_SECONDS = 5.0


class WrittenTable(faust.Table):  # type: ignore[type-arg]
    """A table that knows which of its changelog records are not acknowledged yet."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._unwritten: set[asyncio.Future[Any]] = set()
        super().__init__(*args, **options)

    def send_changelog(self, *args: Any, **options: Any) -> Any:
        record = super().send_changelog(*args, **options)
        self._unwritten.add(record)
        record.add_done_callback(self._unwritten.discard)
        return record

    async def written(self) -> bool:
        """Wait for what is on its way now; return whether all of it arrived in time.

        Raises ProducerSendError when a record will not arrive.
        """
        records = list(self._unwritten)
        if not records:
            return True
        done, late = await asyncio.wait(records, timeout=_WRITE_SECONDS)
        for record in done:
            if (error := record.exception()) is not None:
                raise ProducerSendError(f"a row could not be written to the changelog: {error}")
        return not late


class _LateError(Exception):
    """Rows are still on their way."""


class PatientConsumer(Consumer):
    """Commits later where rows are still on their way: the next time, or after a restart folds them again."""

    async def _handle_attached(self, commit_offsets: Mapping[Any, int]) -> None:
        await super()._handle_attached(commit_offsets)
        app: Any = self.app
        if not await app.jobs.written():
            raise _LateError

    async def _commit_tps(self, tps: Iterable[Any], start_new_transaction: bool) -> bool:
        try:
            return bool(await super()._commit_tps(tps, start_new_transaction))
        except _LateError:
            return False
