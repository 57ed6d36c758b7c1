"""Fills the table's files from the changelog, before Faust starts.

Faust's own recovery hands each row through a queue and half a dozen calls of Python, some 0.3 ms a row: a new
data dir in front of 100,000 jobs took a minute. Here the rows go from the fetched batch into the file as they
are. Faust then finds files that are as good as recovered, and reads on from where they end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from rocksdict import WriteBatch

from connectors.kafka.connection import KafkaConnection

__all__ = ["TableFiles", "TableStore", "restore_table"]

_WORTHWHILE_RECORDS = 1000  # fewer are Faust's
_MAX_RECORDS = 5000
_FETCH_BYTES = 2 * 1024 * 1024
_CONNECT_SECONDS = 15.0
_SILENT_SECONDS = 15.0
_log = logging.getLogger(__name__)


class TableStore(Protocol):
    """What is used of Faust's rocksdict store."""

    offset_key: bytes

    def partition_path(self, partition: int) -> Path: ...

    def _db_for_partition(self, partition: int) -> Any: ...


class TableFiles:
    """The files as Faust's store keeps them: rows and, under a key of its own, the offset read last."""

    def __init__(self, store: TableStore) -> None:
        self._store = store

    def next_offset(self, partition: int) -> int:
        """The offset after the one read last; 0 where there is no file. Makes none."""
        if not self._store.partition_path(partition).exists():
            return 0
        offset = self._store._db_for_partition(partition).get(self._store.offset_key)
        return 0 if offset is None else int(offset) + 1

    def write(self, partition: int, rows: Iterable[tuple[bytes, bytes | None]], offset: int) -> None:
        """Take rows (None: a tombstone) and the offset of the last one, all or nothing. Blocking."""
        batch = WriteBatch(raw_mode=True)
        for key, value in rows:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(self._store.offset_key, str(offset).encode())
        self._store._db_for_partition(partition).write(batch)


async def restore_table(
    connection: KafkaConnection,
    topic: str,
    files: TableFiles,
    ends: Mapping[int, int],
    *,
    worthwhile: int = _WORTHWHILE_RECORDS,
) -> int:
    """Bring the files to the changelog's `ends` if they are far behind; return how many records that took.

    Before Faust uses the files. All partitions, since which are this worker's is not known yet; those of
    others cost disk and do no harm. Raises KafkaError, OSError or TimeoutError: what was restored until then
    stays, and the next call goes on from it.
    """
    starts = {partition: files.next_offset(partition) for partition in ends}
    behind = sum(max(0, end - starts[partition]) for partition, end in ends.items())
    if behind < worthwhile:
        return 0
    consumer = AIOKafkaConsumer(
        **connection.client_options(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await consumer.start()
        copied = await _copy(consumer, topic, files, starts, ends)
    finally:
        await consumer.stop()
    _log.info("the table is restored: %d records of `%s` in %.1f s", copied, topic, loop.time() - began)
    return copied


async def _copy(
    consumer: AIOKafkaConsumer,
    topic: str,
    files: TableFiles,
    starts: Mapping[int, int],
    ends: Mapping[int, int],
) -> int:
    loop = asyncio.get_running_loop()
    waiting = {TopicPartition(topic, p) for p, end in ends.items() if starts[p] < end}
    consumer.assign(list(waiting))
    for tp in waiting:
        consumer.seek(tp, starts[tp.partition])
    copied, moved_at = 0, loop.time()
    while waiting:
        fetched = await consumer.getmany(*waiting, timeout_ms=200, max_records=_MAX_RECORDS)
        for tp, records in fetched.items():
            rows = [(record.key, record.value) for record in records if record.key]
            await asyncio.to_thread(files.write, tp.partition, rows, records[-1].offset)
            copied += len(records)
            moved_at = loop.time()
        # the position, not the last record's offset: compaction may have taken the records at the end
        waiting = {tp for tp in waiting if await consumer.position(tp) < ends[tp.partition]}
        if waiting and loop.time() - moved_at > _SILENT_SECONDS:
            raise TimeoutError(
                f"topic `{topic}` was not read to its end: no record for {_SILENT_SECONDS:g} s"
            )
    return copied
