"""The floor of many small files: what their topics and transactions alone cost with the worker's client."""

from __future__ import annotations

import secrets
from importlib.metadata import version
from pathlib import Path

from benchmarks.api import Delivery, Workload
from benchmarks.broker import ROOT, Broker
from benchmarks.contenders.commands import CommandContender
from benchmarks.contenders.worker import Worker

__all__ = ["Floor"]


class Floor(CommandContender):
    """A bare script with aiokafka, with as many jobs at once as `worker` says that it runs."""

    name = "floor: topics and transactions alone"
    rules = (
        "from the first topic's creation to the last commit, imports excluded; per file one topic, one "
        "transactional producer and two transactions, as many at once as the worker has jobs in flight"
    )

    def __init__(self, broker: Broker, folder: Path, worker: Worker) -> None:
        super().__init__(broker, folder)
        self._worker = worker

    def version(self) -> str:
        return f"aiokafka {version('aiokafka')}"

    def deliver(self, workload: Workload, partitions: int) -> Delivery:
        prefix = f"floor-{secrets.token_hex(4)}"
        at_once = self._worker.jobs_at_once()
        argv = ["-m", "benchmarks.contenders.floor_main", self._broker.address, prefix]
        said, usage = self._run_script([*argv, str(workload.path), str(at_once)], {"PYTHONPATH": str(ROOT)})
        return Delivery(said["seconds"], usage, tuple(said["topics"]), figures={"at_once": at_once})
