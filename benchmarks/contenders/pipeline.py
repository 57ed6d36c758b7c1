"""Redpanda Connect's kind of pipeline: a CSV scanner, the kafka_franz output."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from benchmarks.api import Delivery, MissingError, Workload
from benchmarks.broker import Broker
from benchmarks.contenders.commands import CommandContender

__all__ = ["StreamPipeline"]

_NAMES = ("redpanda-connect", "bento")


class StreamPipeline(CommandContender):
    """Redpanda Connect, or Bento in its place, from the folder `binaries`; every cell stays a string."""

    name = "Redpanda Connect or Bento"
    rules = "from the start of the process to its end; untyped, unchecked, at least once"

    def __init__(self, broker: Broker, folder: Path, binaries: Path) -> None:
        super().__init__(broker, folder)
        self._binaries = [binaries / name for name in _NAMES]
        self._config = folder / "pipeline.json"

    def version(self) -> str:
        binary = self._binary()
        said = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"Version: (\S+)", said)
        return f"{binary.name} {found[1] if found else 'unknown'}"

    def deliver(self, workload: Workload, partitions: int) -> Delivery:
        topic = self._broker.create_topic(partitions)
        # JSON is YAML
        self._config.write_text(json.dumps(_pipeline(self._broker.address, topic, workload.path)))
        done = self._run([str(self._binary()), "-c", str(self._config)])
        return Delivery(done.seconds, done.usage, (topic,))

    def _binary(self) -> Path:
        for binary in self._binaries:
            if binary.exists():
                return binary
        raise MissingError(
            "Redpanda Connect's Kafka components are not under an open-source licence, and no binary of its "
            "fork Bento is in benchmarks/.peers/bin; benchmarks/README.md says more"
        )


def _pipeline(bootstrap: str, topic: str, path: Path) -> dict[str, object]:
    return {
        "http": {"enabled": False},
        "logger": {"level": "WARN"},
        "input": {
            "file": {
                "paths": [str(path)],
                "scanner": {"csv": {"parse_header_row": True}},
                "auto_replay_nacks": True,
            },
        },
        "output": {
            "kafka_franz": {
                "seed_brokers": [bootstrap],
                "topic": topic,
                "compression": "zstd",
                "max_in_flight": 16,
                "max_message_bytes": "4MiB",
                "batching": {"count": 5_000, "period": "100ms"},
            }
        },
    }
