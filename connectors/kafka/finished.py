"""A finished batch in the shape that aiokafka's producer sends.

Reaches into aiokafka: `BatchBuilder` is public, the three methods that its accumulator and sender call are
not. Read anew with every other version.
"""

from __future__ import annotations

import struct

import aiokafka
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

from connectors.api import Batch

__all__ = ["FinishedBatch"]

if not aiokafka.__version__.startswith("0.14."):
    raise ImportError(f"finished batches were tried with aiokafka 0.14, not `{aiokafka.__version__}`")

_CRC_AT = 17
_CHECKED_FROM = 21  # the CRC covers all that follows it
_PRODUCER_AT = 43
_PRODUCER = struct.Struct(">qhi")  # id, epoch, base sequence


class FinishedBatch(BatchBuilder):  # type: ignore[misc]
    """A `Batch` as it stands; producer id, epoch and sequence are filled in when it is drained."""

    def __init__(self, batch: Batch) -> None:
        self._data = bytearray(batch.data)
        self._count = batch.count
        self._checked = False

    def closed(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing to do: it came closed."""

    def size(self) -> int:
        return len(self._data)

    def record_count(self) -> int:
        return self._count

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        _PRODUCER.pack_into(self._data, _PRODUCER_AT, producer_id, producer_epoch, base_sequence)
        self._checked = False

    def _build(self) -> bytearray:
        if not self._checked:
            crc = calc_crc32c(memoryview(self._data)[_CHECKED_FROM:])
            struct.pack_into(">I", self._data, _CRC_AT, crc)
            self._checked = True
        return self._data
