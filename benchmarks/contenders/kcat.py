"""kcat: the lines of a file as records, not looked into."""

from __future__ import annotations

import re
import shutil
import subprocess

from benchmarks.api import Delivery, MissingError, Workload
from benchmarks.contenders.commands import CommandContender

__all__ = ["Kcat"]

# documented for throughput by librdkafka: larger batches, and time for them to fill; zstd like the worker
_SETTINGS = {
    "compression.codec": "zstd",
    "compression.level": "1",
    "batch.size": "1000000",
    "batch.num.messages": "100000",
    "linger.ms": "50",
    "queue.buffering.max.messages": "2000000",
    "queue.buffering.max.kbytes": "1048576",
    "acks": "all",
}


class Kcat(CommandContender):
    """What the plainest tool does: it is the speed of the broker and of reading lines."""

    name = "kcat -l"
    rules = (
        "from the start of the process to its end; raw lines, header too, unparsed and not in a transaction"
    )

    def version(self) -> str:
        if shutil.which("kcat") is None:
            raise MissingError("the command `kcat` was not found; Debian has it as the package `kcat`")
        said = subprocess.run(["kcat", "-V"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"Version (\S+).*librdkafka (\S+)", said)
        return f"{found[1]} (librdkafka {found[2]})" if found else "unknown"

    def deliver(self, workload: Workload, partitions: int) -> Delivery:
        topic = self._broker.create_topic(partitions)
        settings = [word for name, value in _SETTINGS.items() for word in ("-X", f"{name}={value}")]
        argv = ["kcat", "-P", "-q", "-b", self._broker.address, "-t", topic, *settings]
        done = self._run([*argv, "-l", str(workload.path)])
        return Delivery(done.seconds, done.usage, (topic,))
