"""The script itself: BOOTSTRAP TOPIC FILE TYPES. Prints how many seconds it took."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson  # type: ignore[import-not-found]  # the peer's own, not of this project
from confluent_kafka import Producer

_CONVERTERS: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "number": float,
    "boolean": lambda text: text == "true",
    "string": str,
}


def main(bootstrap: str, topic: str, path: str, types: dict[str, str]) -> None:
    begin = time.monotonic()
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": "zstd",
            "compression.level": 1,
            "acks": "all",
            "linger.ms": 50,
            "batch.size": 1_000_000,
            "batch.num.messages": 100_000,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    with Path(path).open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        names = next(reader)
        converters = [_CONVERTERS[types[name]] for name in names]
        for row in reader:
            record = {name: convert(text) for name, convert, text in zip(names, converters, row, strict=True)}
            value = orjson.dumps(record)
            while True:
                try:
                    producer.produce(topic, value)
                    break
                except BufferError:
                    producer.poll(0.1)
    left = producer.flush(600)
    if left:
        sys.exit(f"{left} records were not delivered")
    print(time.monotonic() - begin)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4]))
