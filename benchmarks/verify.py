"""What arrived, read back by another client than any that is measured, compared with what was generated."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from zlib import crc32

from confluent_kafka import Consumer, KafkaError, TopicPartition

from benchmarks.api import Case, Delivery, Form, RunError
from benchmarks.tally import Tally

__all__ = ["Verifier"]

_BATCH = 10_000
_WAIT_SECONDS = 0.1
_SILENCE_SECONDS = 30.0


class Verifier:
    """Reads committed records with `confluent-kafka` and holds them against a workload's tallies."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def check(self, case: Case, delivery: Delivery) -> None:
        """Raise RunError unless exactly what was sent has arrived."""
        if case.form is Form.DRAWN:
            self._check_drawn(delivery)
        elif case.form is Form.REJECTS:
            self._check_rejects(case, delivery)
        else:
            _compare(case.workload.tallies[case.form], self._tally(delivery.topics))

    def _tally(self, topics: Sequence[str]) -> Tally:
        tally = Tally()
        for values in self._values(topics):
            tally = tally.plus(values)
        return tally

    def _check_drawn(self, delivery: Delivery) -> None:
        """Which records were drawn is chance: each must be one of the payloads, and their number right."""
        if delivery.drawn is None:
            raise RunError("the delivery does not say what it drew")
        expected, file = delivery.drawn
        payloads = {crc32(line) for line in file.read_bytes().splitlines()}
        found = 0
        for values in self._values(delivery.topics):
            found += len(values)
            if not payloads.issuperset(map(crc32, values)):
                raise RunError("a record is none of the payloads")
        if found != expected:
            raise RunError(f"{found:,} records arrived instead of {expected:,}")

    def _check_rejects(self, case: Case, delivery: Delivery) -> None:
        """Every row is there once, by its number, with the line as it stood in the file and a reason."""
        tally, numbers = Tally(), 0
        for values in self._values(delivery.topics):
            rejects = [json.loads(value) for value in values]
            tally = tally.plus([reject["raw"].encode() for reject in rejects])
            numbers += sum(reject["row"] for reject in rejects)
            if not all(reject["errors"] for reject in rejects):
                raise RunError("a reject has no reason")
        _compare(case.workload.tallies[Form.LINES], tally)
        rows = case.workload.rows
        if numbers != rows * (rows + 1) // 2:
            raise RunError("the row numbers of the rejects are not those of the file")

    def _values(self, topics: Sequence[str]) -> Iterator[list[bytes]]:
        """Yield the values of all committed records of the topics, from the first to the end of now."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "log_level": 0,
                "group.id": "unused",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "check.crcs": True,
            }
        )
        try:
            yield from _to_the_end(consumer, topics)
        finally:
            consumer.close()


def _to_the_end(consumer: Consumer, topics: Sequence[str]) -> Iterator[list[bytes]]:
    known = consumer.list_topics(timeout=30).topics
    open_ends = {(topic, partition) for topic in topics for partition in known[topic].partitions}
    consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in sorted(open_ends)])
    heard = time.monotonic()
    while open_ends:
        # a short wait, since it ends early only when the batch is full
        messages = consumer.consume(_BATCH, timeout=_WAIT_SECONDS)
        if not messages and time.monotonic() - heard > _SILENCE_SECONDS:
            raise RunError(f"the broker sent nothing for {_SILENCE_SECONDS:.0f} s")
        if messages:
            heard = time.monotonic()
        values: list[bytes] = []
        for message in messages:
            error = message.error()
            if error is None:
                values.append(message.value() or b"")
            elif error.code() == KafkaError._PARTITION_EOF:
                open_ends.discard((message.topic(), message.partition()))
            else:
                raise RunError(f"the records cannot be read back: {error}")
        yield values


def _compare(expected: Tally, found: Tally) -> None:
    if found != expected:
        raise RunError(f"what arrived is not what was sent: {found} instead of {expected}")
