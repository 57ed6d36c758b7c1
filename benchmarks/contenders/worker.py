"""Our worker: a file uploaded, or many files dropped, until their jobs are COMPLETED."""

from __future__ import annotations

import shutil
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks.api import Delivery, RunError, Usage, Workload
from benchmarks.broker import ROOT, Broker
from benchmarks.contenders.completions import Completions
from benchmarks.contenders.exposition import delay_quantile, metric
from benchmarks.contenders.service import WorkerService
from benchmarks.processes import Meter

__all__ = ["DroppedFiles", "UploadedFile", "Worker"]

_JOB_SECONDS = 1800.0


class Worker:
    """One worker process for all the cases that deliver through it; the first that starts it, starts it."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.broker = broker
        self._folder = folder
        self._service: WorkerService | None = None

    @property
    def service(self) -> WorkerService:
        if self._service is None:
            self._service = WorkerService(self._folder, self.broker.address)
            self._service.start()
        return self._service

    def version(self) -> str:
        asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=, with changes"]
        commit = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        return f"{version('batch-worker')} ({commit or 'no commit'})"

    def jobs_at_once(self) -> int:
        """Return how many jobs of files under 1 MiB run at once, such as those of the floor."""
        return int(metric(self.service.metrics(), "batch_tiny_job_slots"))

    def close(self) -> None:
        if self._service is not None:
            self._service.close()
            self._service = None


class UploadedFile:
    """Files that come over HTTP, one after the other."""

    name = "batch worker"
    rules = "from the 202 of the upload to COMPLETED; exactly once, every row checked against its model"

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._jobs: list[str] = []

    def version(self) -> str:
        return self._worker.version()

    def start(self) -> None:
        _ = self._worker.service.pid

    def deliver(self, workload: Workload, partitions: int) -> Delivery:
        service = self._worker.service
        model = workload.key.lower().replace(".", "-")
        service.create_model(model, workload)
        before = service.metrics()
        with Meter(service.pid) as meter:
            job_id = service.upload(model, workload.path, partitions=partitions)
            begin, spent = time.monotonic(), meter.cpu_seconds()
            job = service.wait_completed(job_id, _JOB_SECONDS)
            seconds, spent = time.monotonic() - begin, meter.cpu_seconds() - spent
        self._jobs = [job_id]
        delay = delay_quantile(before, service.metrics(), 0.99)
        return Delivery(
            seconds,
            Usage(spent, meter.usage.peak_rss),
            (job["dlq_topic"] if job["rows_rejected"] else job["topic"],),
            figures={"loop_delay_p99": delay},
            remark=job["converter"] or "",
        )

    def clean(self, delivery: Delivery) -> None:
        self._worker.service.forget(self._jobs)

    def close(self) -> None:
        self._worker.close()


class DroppedFiles(UploadedFile):
    """Many files at once, moved into the drop folder."""

    name = "batch worker, drop folder"
    rules = "from the first file's move into it to the last job COMPLETED; exactly once, every row checked"

    def deliver(self, workload: Workload, partitions: int) -> Delivery:
        service = self._worker.service
        model = workload.key.lower()
        service.create_model(model, workload)
        folder = service.dropzone / "incoming" / model
        folder.mkdir(parents=True, exist_ok=True)
        staged = service.dropzone / f".{model}"
        shutil.copytree(workload.path, staged)
        jobs_topic = f"{service.namespace}.jobs"
        with (
            Completions(self._worker.broker.address, jobs_topic) as completions,
            Meter(service.pid) as meter,
        ):
            begin = time.monotonic()
            for path in sorted(staged.iterdir()):
                path.rename(folder / path.name)
            jobs = completions.wait(workload.files, _JOB_SECONDS)
            seconds = time.monotonic() - begin
        staged.rmdir()
        self._jobs = [job["job_id"] for job in jobs]
        if any(job["rows_delivered"] * workload.files != workload.rows for job in jobs):
            raise RunError("a job delivered another number of rows than its file has")
        topics = tuple(job["topic"] for job in jobs)
        return Delivery(
            seconds, meter.usage, topics, remark=", ".join(sorted({job["converter"] for job in jobs}))
        )
