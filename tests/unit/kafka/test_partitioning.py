from __future__ import annotations

import pytest

from connectors.kafka.partitioning import partition_of_block, partition_of_key


@pytest.mark.parametrize(
    ("key", "murmur2"),
    [
        # the vectors of Kafka's own UtilsTest
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
@pytest.mark.parametrize("partitions", [1, 3, 64])
def test_keys_go_where_kafka_sends_them(key: bytes, murmur2: int, partitions: int) -> None:
    assert partition_of_key(key, partitions) == (murmur2 & 0x7FFFFFFF) % partitions


def test_blocks_go_round() -> None:
    assert [partition_of_block(block, 3) for block in range(7)] == [0, 1, 2, 0, 1, 2, 0]
