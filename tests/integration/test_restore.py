"""The table's files filled from a changelog: what Faust would have made of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from confluent_kafka import Producer
from rocksdict import AccessType, Options, Rdict

from connectors.kafka.connection import KafkaConnection
from connectors.kafka.topics import TopicAdmin, TopicSpec
from tests.conftest import Broker
from worker.state.restore import TableFiles, restore_table

pytestmark = pytest.mark.broker


class Store:
    """As much of Faust's store as the restore uses, on real files."""

    offset_key = b"__faust\0offset__"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.open: dict[int, Any] = {}

    def partition_path(self, partition: int) -> Path:
        return self.folder / f"jobs-{partition}.db"

    def _db_for_partition(self, partition: int) -> Any:
        if partition not in self.open:
            self.open[partition] = Rdict(
                str(self.partition_path(partition)),
                Options(raw_mode=True),
                access_type=AccessType.read_write(),
            )
        return self.open[partition]

    def items(self, partition: int) -> dict[bytes, bytes]:
        return dict(self._db_for_partition(partition).items())


def write(address: str, topic: str, records: list[tuple[int, bytes, bytes | None]]) -> None:
    producer = Producer({"bootstrap.servers": address})
    for partition, key, value in records:
        producer.produce(topic, value, key, partition=partition)
    assert producer.flush(30) == 0


async def test_rows_tombstones_and_offsets(broker: Broker, namespace: str, tmp_path: Path) -> None:
    connection, topic = KafkaConnection(broker.address), f"{namespace}.jobs"
    admin = TopicAdmin(connection)
    await admin.create([TopicSpec(topic, 3, {"cleanup.policy": "compact"})])
    await admin.close()
    write(broker.address, topic, [(0, b"a", b"1"), (0, b"b", b"1"), (0, b"a", b"2"), (0, b"b", None)])
    write(broker.address, topic, [(2, b"c", b"1")])
    store = Store(tmp_path)
    files = TableFiles(store)

    ends = {0: 4, 1: 0, 2: 1}
    assert await restore_table(connection, topic, files, ends, worthwhile=6) == 0
    assert not list(tmp_path.iterdir())  # too few to be worth it: nothing is touched
    assert await restore_table(connection, topic, files, ends, worthwhile=5) == 5
    assert store.items(0) == {b"a": b"2", store.offset_key: b"3"}
    assert store.items(2) == {b"c": b"1", store.offset_key: b"0"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jobs-0.db", "jobs-2.db"]
    assert [files.next_offset(partition) for partition in range(3)] == [4, 0, 1]

    # from where the files end: what stands in them is not read again
    write(broker.address, topic, [(0, b"d", b"1"), (1, b"e", b"1")])
    assert await restore_table(connection, topic, files, {0: 5, 1: 1, 2: 1}, worthwhile=1) == 2
    assert store.items(0) == {b"a": b"2", b"d": b"1", store.offset_key: b"4"}
    assert store.items(1) == {b"e": b"1", store.offset_key: b"0"}
    assert await restore_table(connection, topic, files, {0: 5, 1: 1, 2: 1}, worthwhile=1) == 0


async def test_a_broker_that_is_away_is_an_error_in_time(tmp_path: Path) -> None:
    files = TableFiles(Store(tmp_path))
    with pytest.raises(KafkaError):
        async with asyncio.timeout(20):
            await restore_table(KafkaConnection("127.0.0.1:1"), "t", files, {0: 5000})
