"""Delivers rows 0…N-1 through a KafkaSink, resuming where the last commit was: a process for tests to kill.

Says `start ROW`, then `sent ROW` in mid-transaction and `committed ROW`, each on a line of its own.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

from connectors.api import Position, Progress
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.framing import Codec, frame
from connectors.kafka.sink import JobTopics, KafkaSink
from connectors.kafka.topics import TopicAdmin

CHUNK = 500
BATCH = 100


def say(word: str, row: int) -> None:
    print(word, row, flush=True)


async def deliver(bootstrap: str, namespace: str, total: int) -> None:
    connection = KafkaConnection(bootstrap)
    admin = TopicAdmin(connection)
    topics = JobTopics(f"{namespace}_job", 1, f"{namespace}_job_dlq", 1)
    sink = KafkaSink(connection, admin, topics, namespace=namespace, job_id="job")
    progress = await sink.start()
    if progress is None:
        await sink.create_topics()
        progress = Progress(1, Position(), False, 0, 0, {}, total, 0)
        await sink.begin()
        await sink.flush()
        await sink.commit(progress)
    row = progress.delivered
    say("start", row)
    while row < total:
        await sink.begin()
        for first in range(row, min(row + CHUNK, total), BATCH):
            rows = [(None, b"%d" % n, []) for n in range(first, first + BATCH)]
            for batch in frame(rows, 0, Codec.ZSTD):
                await sink.send(batch)
            for batch in frame([(None, b"reject %d" % first, [])], 0, Codec.ZSTD):
                await sink.send_rejects(batch)
            say("sent", first + BATCH)
        await sink.flush()
        row = min(row + CHUNK, total)
        progress = replace(progress, delivered=row, position=Position(byte=row, row=row), eof=row == total)
        await sink.commit(progress)
        say("committed", row)
    await sink.close()
    await admin.close()


if __name__ == "__main__":
    asyncio.run(deliver(sys.argv[1], sys.argv[2], int(sys.argv[3])))
