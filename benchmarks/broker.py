"""The one broker that all contenders write to, started by the project's own script."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from benchmarks.api import RunError

__all__ = ["KAFKA_LIBS", "ROOT", "Broker", "free_port"]

ROOT = Path(__file__).resolve().parent.parent
KAFKA_LIBS = ROOT / ".kafka/libs"
_SCRIPT = ROOT / "scripts/kafka/broker.sh"
_POLL_SECONDS = 0.02
_LEADER_SECONDS = 30.0


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Broker:
    """Apache Kafka on free ports, with its data below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._admin: AdminClient | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        return int((self._folder / "broker.pid").read_text())

    def start(self) -> None:
        """Start it and return when it answers. Raises RunError."""
        self._call("start", str(self._folder), str(self._port), str(free_port()))
        self._admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def stop(self) -> None:
        self._call("stop", str(self._folder))

    def version(self) -> str:
        jars = sorted(KAFKA_LIBS.glob("kafka_2.13-*.jar"))
        return jars[0].stem.partition("-")[2]

    def create_topic(self, partitions: int) -> str:
        """Make a new topic and return its name when it can be written to."""
        name = f"bench-{secrets.token_hex(6)}"
        created = self._client.create_topics([NewTopic(name, partitions, 1)])
        created[name].result(30)
        self._wait_led(name, partitions)
        return name

    def delete_topics(self, topics: Sequence[str]) -> None:
        if topics:
            for deletion in self._client.delete_topics(list(topics)).values():
                deletion.result(60)

    def wait_records(self, topic: str, partitions: int, records: int, timeout: float) -> None:
        """Wait until the topic's end offsets add up to `records`. Raises RunError."""
        end = time.monotonic() + timeout
        while (found := self.end_offsets(topic, partitions)) < records:
            if time.monotonic() > end:
                raise RunError(f"only {found:,} of {records:,} records arrived within {timeout:.0f} s")
            time.sleep(_POLL_SECONDS)

    def end_offsets(self, topic: str, partitions: int) -> int:
        """Return the sum of the topic's end offsets: its records, if none of them was in a transaction."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(topic, p): latest for p in range(partitions)}
        try:
            return sum(found.result(30).offset for found in self._client.list_offsets(asked).values())
        except KafkaException as error:
            raise RunError(f"the end of topic `{topic}` is not known: {error}") from error

    def _wait_led(self, topic: str, partitions: int) -> None:
        """Wait until the new partitions have leaders."""
        end = time.monotonic() + _LEADER_SECONDS
        while time.monotonic() < end:
            found = self._client.list_topics(topic, timeout=30).topics[topic].partitions
            if len(found) == partitions and all(p.leader >= 0 for p in found.values()):
                return
            time.sleep(_POLL_SECONDS)
        raise RunError(f"topic `{topic}` has no leaders within {_LEADER_SECONDS:.0f} s")

    @property
    def _client(self) -> AdminClient:
        if self._admin is None:
            raise RunError("the broker has not been started")
        return self._admin

    def _call(self, *arguments: str) -> None:
        done = subprocess.run(
            [str(_SCRIPT), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RunError(f"the broker's script failed: {done.stderr.strip()}")
