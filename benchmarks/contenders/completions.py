"""Jobs as they end, read from the worker's public jobs topic: no request takes time from the worker."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from benchmarks.api import RunError

__all__ = ["Completions"]

_POLL_SECONDS = 0.02


class Completions:
    """Follows the jobs topic from the moment the `with` block begins."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "log_level": 0,
                "group.id": "unused",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 20,
            }
        )

    def __enter__(self) -> Completions:
        partitions = self._consumer.list_topics(self._topic, timeout=30).topics[self._topic].partitions
        ends = []
        for partition in partitions:
            _, end = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=30)
            ends.append(TopicPartition(self._topic, partition, end))
        self._consumer.assign(ends)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def wait(self, jobs: int, timeout: float) -> list[dict[str, Any]]:
        """Return as many jobs as asked for, COMPLETED. Raises RunError when one ends otherwise."""
        completed: dict[str, dict[str, Any]] = {}
        end = time.monotonic() + timeout
        while len(completed) < jobs:
            if time.monotonic() > end:
                raise RunError(f"{len(completed)} of {jobs} jobs were COMPLETED within {timeout:.0f} s")
            for message in self._consumer.consume(1000, timeout=_POLL_SECONDS):
                if message.error() is None and (value := message.value()):
                    job = json.loads(value)
                    if job["state"] in ("FAILED", "CANCELLED"):
                        raise RunError(f"job `{job['job_id']}` is {job['state']}: {job['error']}")
                    if job["state"] == "COMPLETED":
                        completed[job["job_id"]] = job
        return list(completed.values())
