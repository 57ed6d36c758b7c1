"""What a run ran on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from benchmarks.broker import Broker

__all__ = ["machine"]


def machine(broker: Broker) -> dict[str, str]:
    """Return processor, memory, kernel, Python and broker, by name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": f"{len(os.sched_getaffinity(0))} × {_processor()}",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "broker": f"Apache Kafka {broker.version()}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
