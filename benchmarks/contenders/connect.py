"""Kafka Connect in standalone mode: a worker process of its own for each connector, driven over REST."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.api import Delivery, Form, MissingError, RunError, Workload
from benchmarks.broker import KAFKA_LIBS, ROOT, Broker, free_port
from benchmarks.processes import Meter, end

__all__ = ["ConnectContender"]

_LOG4J = ROOT / "scripts/kafka/log4j.properties"
_START_SECONDS = 300.0
_DELIVERY_SECONDS = 900.0
_POLL_SECONDS = 0.1
# larger batches and time for them to fill, as Kafka documents for throughput; zstd like the worker
_WORKER = {
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "offset.flush.interval.ms": "10000",
    "producer.partitioner.ignore.keys": "true",  # SpoolDir's keys are all the same
    "producer.compression.type": "zstd",
    "producer.compression.zstd.level": "1",
    "producer.batch.size": "900000",
    "producer.linger.ms": "50",
    "producer.buffer.memory": "134217728",
    "producer.max.request.size": "4194304",
}
_JSON = {
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
}


class ConnectContender:
    """One connector class in a worker of its own, which stays up: what is timed is its warm running.

    Timed from the request that creates the connector to the moment all records are in the topic. Subclasses
    say which plugin it is, and its settings for a file.
    """

    name: str
    rules = (
        "from the request that creates the connector to the last record in the topic; at least once, one "
        "task, in a warm worker"
    )
    form = Form.JSON

    def __init__(self, broker: Broker, folder: Path, plugins: Path) -> None:
        self._broker = broker
        self._folder = folder
        self._plugin = plugins / self.plugin
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    plugin: str
    jar: str  # begin of the name of the plugin's own jar
    converter: Mapping[str, str] = _JSON

    def settings(self, folder: Path, file: Path, topic: str, workload: Workload) -> dict[str, str]:
        """Return the connector's settings for one file, which lies in `folder`, its own."""
        raise NotImplementedError

    def version(self) -> str:
        jars = sorted(self._plugin.glob(f"{self.jar}*.jar"))
        if not jars:
            raise MissingError(
                f"no jar `{self.jar}*.jar` in benchmarks/.peers/plugins/{self.plugin}; "
                "benchmarks/README.md says where it comes from"
            )
        return jars[0].stem.removeprefix(self.jar).strip("-")

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        settings = self._folder / "worker.properties"
        settings.write_text("".join(f"{name}={value}\n" for name, value in self._worker_settings().items()))
        main = "org.apache.kafka.connect.cli.ConnectStandalone"
        log4j = f"-Dlog4j.configuration=file:{_LOG4J}"
        with (self._folder / "worker.log").open("wb") as log:
            # -Xmx2g is what Kafka's own start script gives a Connect worker
            self._process = subprocess.Popen(
                ["java", "-Xms256m", "-Xmx2g", "-cp", f"{KAFKA_LIBS}/*", log4j, main, str(settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_ready()

    def deliver(self, workload: Workload, partitions: int) -> Delivery:
        if self._process is None:
            raise RunError("the Connect worker has not been started")
        topic = self._broker.create_topic(partitions)
        folder = self._folder / topic
        folder.mkdir()
        file = folder / f"{topic}.csv"
        file.hardlink_to(workload.path)  # connectors move or delete what they have read
        settings = self.settings(folder, file, topic, workload) | {"tasks.max": "1"}
        records = workload.tallies[self.form].records
        with Meter(self._process.pid) as meter:
            begin = time.monotonic()
            self._call("POST", "/connectors", {"name": topic, "config": settings})
            try:
                self._broker.wait_records(topic, partitions, records, _DELIVERY_SECONDS)
            except RunError as error:
                raise RunError(f"{error}; the connector says: {self._trace(topic)}") from None
            seconds = time.monotonic() - begin
        self._call("DELETE", f"/connectors/{topic}")
        return Delivery(seconds, meter.usage, (topic,))

    def clean(self, delivery: Delivery) -> None:
        self._broker.delete_topics(delivery.topics)
        for topic in delivery.topics:
            shutil.rmtree(self._folder / topic, ignore_errors=True)

    def close(self) -> None:
        if self._process is not None:
            end(self._process, 20)
            self._process = None

    def _worker_settings(self) -> dict[str, str]:
        return {
            "bootstrap.servers": self._broker.address,
            "listeners": f"http://127.0.0.1:{self._port}",
            "offset.storage.file.filename": str(self._folder / f"offsets-{secrets.token_hex(4)}"),
            "plugin.path": str(self._plugin_path()),
            "plugin.discovery": "only_scan",
            **_WORKER,
            **self.converter,
        }

    def _plugin_path(self) -> Path:
        """A folder with this one plugin in it: Connect takes each entry of the path for a plugin."""
        path = self._folder / "plugins"
        path.mkdir()
        (path / self.plugin).symlink_to(self._plugin)
        return path

    def _wait_ready(self) -> None:
        limit = time.monotonic() + _START_SECONDS
        while time.monotonic() < limit:
            if self._process is None or self._process.poll() is not None:
                raise RunError(f"the Connect worker ended: {self._log_end()}")
            try:
                self._call("GET", "/connectors")
            except RunError:
                time.sleep(_POLL_SECONDS)
            else:
                return
        raise RunError(f"the Connect worker was not ready within {_START_SECONDS:.0f} s: {self._log_end()}")

    def _log_end(self) -> str:
        return (self._folder / "worker.log").read_text(errors="replace")[-1000:]

    def _trace(self, connector: str) -> str:
        tasks = self._call("GET", f"/connectors/{connector}/status")["tasks"]
        return str(tasks)[:500]

    def _call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise RunError(f"Connect answered {error.code}: {error.read()[:500]!r}") from error
        except OSError as error:
            raise RunError(f"Connect does not answer: {error}") from error
        return json.loads(text) if text else None
