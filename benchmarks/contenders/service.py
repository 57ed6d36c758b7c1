"""The worker as a process: `batch worker` with its defaults, and the HTTP calls that the benchmark makes."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.api import RunError, Workload
from benchmarks.broker import ROOT, free_port
from benchmarks.processes import end

__all__ = ["WorkerService"]

_BATCH = ROOT / ".venv/bin/batch"
_START_SECONDS = 300.0
_POLL_SECONDS = 0.02
_PIECE = 1024 * 1024
_DELETIONS_AT_ONCE = 8
_ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED"})


class WorkerService:
    """A worker on a free port, with its folders below `folder`.

    Settings are the defaults but for what the benchmark needs: ports and folders; no wait for files that are
    moved in whole to stand still; and no limit on rejects, since one file has nothing else.
    """

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self._folder = folder
        self._port = 0
        self._bootstrap = bootstrap
        self.namespace = f"bench{secrets.token_hex(3)}"
        self.dropzone = folder / "dropzone"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RunError("the worker has not been started")
        return self._process.pid

    def start(self) -> None:
        """Start it and return when it is ready. Raises RunError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BATCH_")}
        with (self._folder / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(_BATCH), "worker"],
                env=environment | self._settings(),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        limit = time.monotonic() + _START_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > limit:
                raise RunError(f"the worker did not become ready: {self._log_end()}")
            time.sleep(_POLL_SECONDS)

    def close(self) -> None:
        if self._process is not None:
            end(self._process, 30)
            self._process = None

    def create_model(self, name: str, workload: Workload) -> None:
        self.call("POST", "/models", {"name": name, "schema": workload.schema}, expect=(200, 201))

    def upload(self, model: str, path: Path, **options: object) -> str:
        """Send a file as a browser would; return the id of its job when the 202 is here."""
        boundary = secrets.token_hex(16)
        fields = {"model": model, **options}
        opening = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        opening += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        closing = f"\r\n--{boundary}--\r\n"
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        try:
            connection.putrequest("POST", "/jobs")
            connection.putheader("Content-Type", f"multipart/form-data; boundary={boundary}")
            length = len(opening.encode()) + path.stat().st_size + len(closing)
            connection.putheader("Content-Length", str(length))
            connection.endheaders(opening.encode())
            with path.open("rb") as file:
                while piece := file.read(_PIECE):
                    connection.send(piece)
            connection.send(closing.encode())
            answer = connection.getresponse()
            text = answer.read()
        except OSError as error:
            raise RunError(f"the upload broke off: {error}; {self._log_end()}") from error
        finally:
            connection.close()
        if answer.status != 202:
            raise RunError(f"the upload was answered {answer.status}: {text[:500]!r}")
        job_id: str = json.loads(text)["job_id"]
        return job_id

    def wait_completed(self, job_id: str, timeout: float) -> dict[str, Any]:
        """Return the job when it is COMPLETED, as its stream of events says. Raises RunError."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=timeout)
        line, limit = b"", time.monotonic() + timeout
        try:
            connection.request("GET", f"/jobs/{job_id}/events")
            for line in connection.getresponse():
                if time.monotonic() > limit:  # there is a line every 15 s
                    break
                if not line.startswith(b"data: "):
                    continue
                job: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
                if job.get("state") == "COMPLETED":
                    return job
                if job.get("state") in _ENDED:
                    break
        except (OSError, http.client.HTTPException) as error:
            raise RunError(f"job `{job_id}` cannot be followed: {error}; {self._log_end()}") from error
        finally:
            connection.close()
        raise RunError(f"job `{job_id}` was not completed: {line!r}; {self._log_end()}")

    def forget(self, job_ids: Sequence[str]) -> None:
        """Delete ended jobs with their topics, and the files that they left."""
        with ThreadPoolExecutor(_DELETIONS_AT_ONCE) as pool:
            for _ in pool.map(lambda job_id: self.call("DELETE", f"/jobs/{job_id}", expect=(204,)), job_ids):
                pass
        for job_id in job_ids:
            shutil.rmtree(self.dropzone / "done" / job_id, ignore_errors=True)

    def metrics(self) -> str:
        status, text = self._ask("GET", "/metrics", None)
        if status != 200:
            raise RunError(f"GET /metrics was answered {status}")
        return text.decode()

    def call(self, method: str, path: str, body: object = None, expect: tuple[int, ...] = (200,)) -> Any:
        """Make a request with and for JSON. Raises RunError on any other status than expected."""
        status, text = self._ask(method, path, None if body is None else json.dumps(body).encode())
        if status not in expect:
            raise RunError(f"{method} {path} was answered {status}: {text[:500]!r}")
        return json.loads(text) if text else None

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError as error:
            raise RunError(f"the worker does not answer: {error}; {self._log_end()}") from error
        finally:
            connection.close()

    def _ready(self) -> bool:
        try:
            return self._ask("GET", "/readyz", None)[0] == 200
        except RunError:
            return False

    def _settings(self) -> dict[str, str]:
        return {
            "BATCH_BOOTSTRAP_SERVERS": self._bootstrap,
            "BATCH_NAMESPACE": self.namespace,
            "BATCH_WEB_PORT": str(self._port),
            "BATCH_DROPZONE": str(self.dropzone),
            "BATCH_DATA_DIR": str(self._folder / "data"),
            "BATCH_SETTLE_SECONDS": "0",
            "BATCH_MAX_REJECT_RATIO": "1",
        }

    def _log_end(self) -> str:
        path = self._folder / "worker.log"
        return path.read_text(errors="replace")[-1500:] if path.exists() else "no log"
