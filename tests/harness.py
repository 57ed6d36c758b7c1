"""A real worker in a process of its own, and the topics as another client sees them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import Consumer, IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tests.conftest import ROOT, free_port

T = TypeVar("T")
BATCH = Path(sys.executable).parent / "batch"


def eventually(look: Callable[[], T | None], what: str, timeout: float = 120.0) -> T:
    """Return the first truthy answer of `look`; fail with `what` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout} s: {what}")


class WorkerProcess:
    """`batch worker` on a free port, with folders below `folder`. Start and kill it as often as needed."""

    def __init__(self, folder: Path, bootstrap: str, namespace: str, **settings: object) -> None:
        self.folder = folder
        self.port = free_port()
        self.bootstrap = bootstrap
        self.namespace = namespace
        self.log_path = folder / "worker.log"
        self.dropzone = folder / "dropzone"
        self.process: subprocess.Popen[bytes] | None = None
        self.settings = {
            "BATCH_BOOTSTRAP_SERVERS": bootstrap,
            "BATCH_NAMESPACE": namespace,
            "BATCH_WEB_PORT": str(self.port),
            "BATCH_DROPZONE": str(self.dropzone),
            "BATCH_DATA_DIR": str(folder / "data"),
            "BATCH_SETTLE_SECONDS": "0.2",
            "BATCH_RESCAN_SECONDS": "0.2",
            "BATCH_MIN_FREE_BYTES": "0",
            "BATCH_CONVERTER": os.environ.get("TEST_CONVERTER", "reference"),
            **{f"BATCH_{name.upper()}": str(value) for name, value in settings.items()},
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_path.read_text() if self.log_path.exists() else ""

    def start(self, *, crash_at: str | None = None, ready: bool = True) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BATCH_")}
        environment |= self.settings
        if crash_at is not None:
            environment["BATCH_CRASH_AT"] = crash_at
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [str(BATCH), "worker"],
                env=environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if ready:
            self.wait_ready()

    def wait_ready(self, timeout: float = 120.0) -> None:
        def ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, f"the worker ended: {self.log[-4000:]}"
            return self.status("/readyz") == 200

        eventually(ready, f"the worker is ready; its log: {self.log[-4000:]}", timeout)

    def wait_dead(self, timeout: float = 120.0) -> int:
        """Wait until the process ends by itself; return its exit code."""
        assert self.process is not None
        return self.process.wait(timeout)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def terminate(self, timeout: float = 30.0) -> int:
        """SIGTERM; return the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    # HTTP, with nothing of the project's

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        sent = self._authorization() | (headers or {})
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    def status(self, path: str) -> int:
        try:
            return self.call("GET", path)[0]
        except OSError:
            return 0

    def json(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        raw = None if body is None else json.dumps(body).encode()
        status, _, answer = self.call(method, path, raw, {"Content-Type": "application/json"})
        return status, json.loads(answer) if answer else None

    def create_model(self, name: str, schema: dict[str, Any]) -> None:
        status, answer = self.json("POST", "/models", {"name": name, "schema": schema})
        assert status in (200, 201), answer

    def upload(self, model: str, file_name: str, content: bytes, **options: str) -> tuple[int, Any]:
        """POST /jobs as a browser would send it."""
        boundary = uuid.uuid4().hex
        parts = b"".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in {"model": model, **options}.items()
        )
        parts += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        parts += content + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        status, _, answer = self.call("POST", "/jobs", parts, headers)
        return status, json.loads(answer)

    def batch(self, *argv: str) -> tuple[int, str, str]:
        """Run `batch` against this worker; its exit code, stdout and stderr."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BATCH_")}
        done = subprocess.run(
            [str(BATCH), *argv],
            env={**environment, "BATCH_URL": self.url, **self._token()},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout, done.stderr

    def _token(self) -> dict[str, str]:
        """The worker's token in the environment of another process, if it has one."""
        return {name: value for name, value in self.settings.items() if name == "BATCH_API_TOKEN"}

    def _authorization(self) -> dict[str, str]:
        token = self.settings.get("BATCH_API_TOKEN")
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    def drop(self, name: str, content: bytes, model: str | None = None) -> None:
        """Put a file into the drop folder as `mv` would."""
        folder = self.dropzone / "incoming" / model if model else self.dropzone / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{name}.part"
        part.write_bytes(content)
        part.rename(folder / name)

    def jobs(self) -> list[dict[str, Any]]:
        status, answer = self.json("GET", "/jobs?limit=500")
        assert status == 200, answer
        items: list[dict[str, Any]] = answer["items"]
        return items

    def job(self, job_id: str) -> dict[str, Any]:
        status, answer = self.json("GET", f"/jobs/{job_id}")
        assert status == 200, answer
        found: dict[str, Any] = answer
        return found

    def wait_job(self, file: str, timeout: float = 120.0) -> dict[str, Any]:
        """Wait for the one job of a dropped file to appear."""
        return eventually(
            lambda: next((job for job in self.jobs() if job["file"] == file), None),
            f"a job of {file}",
            timeout,
        )

    def wait_ended(self, job_id: str, timeout: float = 120.0) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if job["state"] in ("COMPLETED", "FAILED", "CANCELLED") else None

        return eventually(ended, f"job {job_id} ends", timeout)


class Topics:
    """The broker as `confluent-kafka` sees it, with read_committed."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._of_group: dict[str, Consumer] = {}

    def _consumer(self, group: str = "unused") -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "log_level": 0,
                "group.id": group,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,  # the end of a partition is known that much sooner
            }
        )

    def names(self) -> set[str]:
        return set(self.admin.list_topics(timeout=10).topics)

    def topic_id(self, topic: str) -> str:
        from confluent_kafka import TopicCollection

        described = self.admin.describe_topics(TopicCollection([topic]))[topic].result(10)
        return str(described.topic_id)

    def read(self, topic: str) -> list[Any]:
        """All committed records, partition by partition, in offset order.

        A record is seen some moments after the answer to its commit: what is written and not seen yet is
        waited for, for a second, since it may belong to a transaction that stays open.
        """
        consumer = self._consumer()
        records = []
        try:
            for partition, end in sorted(self._written_ends(topic).items()):
                consumer.assign([TopicPartition(topic, partition, 0)])
                at, patience = 0, time.monotonic() + 60
                while at < end and time.monotonic() < patience:
                    # it waits for all 10,000 or for the whole time
                    for message in consumer.consume(10_000, timeout=0.02):
                        error = message.error()
                        if error is None:
                            records.append(message)
                        elif error.code() != KafkaError._PARTITION_EOF:
                            raise AssertionError(str(error))
                        at, patience = message.offset(), time.monotonic() + 1
        finally:
            consumer.close()
        return records

    def _written_ends(self, topic: str) -> dict[int, int]:
        """The end of each partition, with what is not committed."""
        partitions = self.admin.list_topics(topic, timeout=10).topics[topic].partitions
        asked = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in partitions}
        found = self.admin.list_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED)
        return {of.partition: answer.result(10).offset for of, answer in found.items()}

    def values(self, topic: str) -> list[bytes]:
        return [record.value() for record in self.read(topic)]

    def committed(self, group: str, topic: str) -> int | None:
        """The committed offset of partition 0: rows read; None before the first.

        What a dead worker has sent and not committed holds the answer back until its transaction is ended, by
        the next owner or after its time limit.
        """
        if group not in self._of_group:  # it is asked again and again, and connecting takes its time
            self._of_group[group] = self._consumer(group)
        (found,) = self._of_group[group].committed([TopicPartition(topic, 0)], timeout=120)
        return found.offset if found.offset >= 0 else None
