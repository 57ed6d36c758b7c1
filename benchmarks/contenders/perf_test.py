"""kafka-producer-perf-test: records of a payload file, drawn by chance, as fast as Java's producer goes."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from benchmarks.api import Delivery, RunError, Workload
from benchmarks.broker import KAFKA_LIBS, Broker
from benchmarks.contenders.commands import CommandContender

__all__ = ["PerfTest"]

# the throughput settings of Kafka's own documentation; zstd like the worker, at the same level
_SETTINGS = {
    "compression.type": "zstd",
    "compression.zstd.level": "1",
    "batch.size": "900000",
    "linger.ms": "50",
    "buffer.memory": "134217728",
    "max.request.size": "4194304",
    "acks": "all",
}
_STEADY = re.compile(r"^(\d+) steady state records sent, ([\d.]+) records/sec", re.MULTILINE)


class PerfTest(CommandContender):
    """`payloads` are our own records, one a line."""

    def __init__(self, broker: Broker, folder: Path, payloads: Path, *, transactional: bool) -> None:
        super().__init__(broker, folder)
        self._payloads = payloads
        self._transactional = transactional
        self.name = "kafka-producer-perf-test" + (", transactional" if transactional else "")
        self.rules = (
            "its own steady-state rate; before it as many records again for warm-up, of which only CPU and "
            "memory count; our records, made beforehand, drawn by chance"
        )

    def version(self) -> str:
        jars = sorted(KAFKA_LIBS.glob("kafka-tools-[0-9]*.jar"))
        return jars[0].stem.removeprefix("kafka-tools-")

    def deliver(self, workload: Workload, partitions: int) -> Delivery:
        topic = self._broker.create_topic(partitions)
        records = 2 * workload.rows  # the first half is warm-up
        argv = [
            *("java", "-Xmx1g", "-cp", f"{KAFKA_LIBS}/*", "org.apache.kafka.tools.ProducerPerformance"),
            *("--bootstrap-server", self._broker.address, "--topic", topic),
            *("--num-records", str(records), "--warmup-records", str(workload.rows)),
            *("--payload-file", str(self._payloads), "--throughput", "-1"),
            *("--command-property", *(f"{name}={value}" for name, value in _SETTINGS.items())),
        ]
        if self._transactional:
            # its transactions of 3 s are longer than the worker's, in its favour
            argv += ["--transactional-id", f"bench-{secrets.token_hex(6)}"]
        done = self._run(argv)
        found = _STEADY.findall(done.output)
        if not found:
            raise RunError(f"no steady-state rate in its output: {done.output[-500:].strip()}")
        seconds = workload.rows / float(found[-1][1])
        return Delivery(seconds, done.usage, (topic,), drawn=(records, self._payloads))
