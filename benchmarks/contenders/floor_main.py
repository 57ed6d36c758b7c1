"""The bare script: BOOTSTRAP PREFIX FOLDER AT_ONCE. Prints its seconds and topics as JSON.

For each file of the folder: a topic, a transactional producer, a transaction with the committed offset of the
start, one with the lines as records and the offset of the end. That is what a job of the worker asks of the
broker, without reading, checking, converting or keeping anything.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import OffsetAndMetadata


async def deliver(admin: AIOKafkaAdminClient, bootstrap: str, name: str, lines: list[bytes]) -> None:
    answer = await admin.create_topics([NewTopic(name, 1, 1)])
    code = answer.topic_errors[0][1]
    if code != 0:
        raise RuntimeError(f"topic `{name}` was refused with code {code}")
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        transactional_id=name,
        acks="all",
        max_batch_size=900_000,
        retry_backoff_ms=10,
    )
    await producer.start()
    try:
        for part in ([], lines):
            await producer.begin_transaction()
            for delivery in [await producer.send(name, line, partition=0) for line in part]:
                await delivery
            progress = {TopicPartition(name, 0): OffsetAndMetadata(len(part), "{}")}
            await producer.send_offsets_to_transaction(progress, name)
            await producer.commit_transaction()
    finally:
        await producer.stop()


async def main(bootstrap: str, prefix: str, folder: Path, at_once: int) -> None:
    files = sorted(folder.iterdir())
    names = {path: f"{prefix}-{path.stem}" for path in files}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    todo = iter(files)

    async def deliver_some() -> None:
        for path in todo:
            lines = path.read_bytes().splitlines()[1:]
            await deliver(admin, bootstrap, names[path], lines)

    begin = time.monotonic()
    await asyncio.gather(*(deliver_some() for _ in range(at_once)))
    seconds = time.monotonic() - begin
    await admin.close()
    print(json.dumps({"seconds": seconds, "topics": list(names.values())}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
