"""A script as one would write it: Python's csv module, orjson and confluent-kafka."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.api import Delivery, MissingError, Workload
from benchmarks.broker import Broker
from benchmarks.contenders.commands import CommandContender

__all__ = ["PythonScript"]

_SCRIPT = Path(__file__).with_name("script_main.py")


class PythonScript(CommandContender):
    """`packages` is the folder with orjson and confluent-kafka; the script runs in this interpreter."""

    name = "csv + orjson + confluent-kafka"
    rules = (
        "from the script's first statement to its flush, imports excluded; typed, unchecked, no transaction"
    )

    def __init__(self, broker: Broker, folder: Path, packages: Path) -> None:
        super().__init__(broker, folder)
        self._packages = packages

    def version(self) -> str:
        found = []
        for name in ("orjson", "confluent_kafka"):
            folders = sorted(self._packages.glob(f"{name}-*.dist-info"))
            if not folders:
                raise MissingError(f"the Python package `{name}` is not in benchmarks/.peers/python")
            found.append(folders[0].name.removesuffix(".dist-info").replace("-", " "))
        return f"Python {sys.version.split()[0]}, {', '.join(found)}"

    def deliver(self, workload: Workload, partitions: int) -> Delivery:
        topic = self._broker.create_topic(partitions)
        types = {name: rules.get("type", "string") for name, rules in workload.schema["properties"].items()}
        argv = [str(_SCRIPT), self._broker.address, topic, str(workload.path), json.dumps(types)]
        seconds, usage = self._run_script(argv, {"PYTHONPATH": str(self._packages)})
        return Delivery(seconds, usage, (topic,))
