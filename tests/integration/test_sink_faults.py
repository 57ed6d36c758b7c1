"""The sink while processes are killed and the broker goes away."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from connectors.errors import DeliveryError, RetriableError
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.sink import KafkaSink, SinkTimeouts
from tests.conftest import ROOT, Broker
from tests.harness import Topics
from tests.integration.sinks import START, NewSink, begun, one, raised_by, values

pytestmark = pytest.mark.broker


def test_kill_9_at_random_keeps_every_row_once_in_order(
    broker: Broker, namespace: str, topics: Topics
) -> None:
    total, kills, rng = 20_000, 8, random.Random(9)
    command = [sys.executable, "-m", "tests.integration.sink_process", broker.address, namespace, str(total)]
    starts = []
    for kill in range(kills + 1):
        lines_left = rng.randrange(5, 30) if kill < kills else -1
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                word, row = line.split()
                if word == "start":
                    starts.append(int(row))
                lines_left -= 1
                if lines_left == 0:
                    process.kill()
                    break
        assert process.returncode == (-9 if kill < kills else 0)

    assert len(starts) == kills + 1
    assert starts == sorted(starts)
    assert 0 < starts[-1] < total
    assert topics.values(f"{namespace}_job") == [b"%d" % n for n in range(total)]
    rejects = [b"reject %d" % n for n in range(0, total, 100)]
    assert topics.values(f"{namespace}_job_dlq") == rejects
    assert topics.committed(f"{namespace}-job", f"{namespace}_job") == total


async def test_the_broker_goes_away_and_comes_back(own_broker: Broker, namespace: str) -> None:
    own_broker.start()
    async with NewSink(KafkaConnection(own_broker.address), namespace) as new:
        sink: KafkaSink | None = await begun(new())
        outages = {2: own_broker.stop, 4: lambda: os.kill(own_broker.pid, signal.SIGKILL)}
        row, total = 0, 6
        while row < total:
            try:
                if sink is None:
                    sink = new()
                    found = await sink.start()
                    assert found is not None
                    row = found.delivered
                    if row == total:
                        break
                await sink.begin()
                await sink.send(one(b"%d" % row)[0])
                if (outage := outages.pop(row, None)) is not None:
                    await asyncio.to_thread(outage)
                    await asyncio.to_thread(own_broker.start)
                await sink.flush()
                await sink.commit(replace(START, delivered=row + 1))
                row += 1
            except DeliveryError:
                assert sink is not None
                await sink.close()
                sink = None
        stored = await values(Topics(own_broker.address), f"{namespace}_job")
        assert stored == [b"%d" % n for n in range(total)]


async def test_closing_without_a_broker_takes_seconds_and_leaves_nothing(
    own_broker: Broker, namespace: str
) -> None:
    own_broker.start()
    others = asyncio.all_tasks()
    async with NewSink(KafkaConnection(own_broker.address), namespace) as new:
        sink = await begun(new(partitions=4))
        await sink.close()
        sink = new(partitions=4, timeouts=SinkTimeouts(transaction=3.0))
        await sink.start()
        await sink.begin()
        for partition in range(4):
            await sink.send(one(b"x", partition)[0])
        await asyncio.to_thread(own_broker.stop)
        error: Exception | None = None
        while error is None:
            error = await raised_by(sink.send(one(b"y")[0]))
        assert isinstance(error, RetriableError)
        began = time.monotonic()
        await sink.close()
        assert time.monotonic() - began < 10
        await sink.close()
        await new.admin.close()
        assert asyncio.all_tasks() == others
