"""Every metric of the worker: its name, its labels, and one sentence, which docs/metrics.md repeats.

Names follow Prometheus' rules: base units, `_total` for what only grows. Label values come from closed lists,
but for the names of models: no job id, no file name, no address ever becomes one.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

__all__ = ["Instruments"]

_COMMIT_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
_DELAY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Instruments:
    """The metrics of one worker, in a registry of their own. They may be changed from any thread."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nobody reads
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._add_delivery()
        self._add_jobs()
        self._add_files()
        self._add_worker()

    def _add_delivery(self) -> None:
        self.rows_delivered = self._counter(
            "batch_rows_delivered_total", "Rows committed to topics by this worker.", "model"
        )
        self.rows_rejected = self._counter(
            "batch_rows_rejected_total",
            "Rows committed to dead letter topics by this worker, by the code of their first error.",
            "model",
            "code",
        )
        self.bytes_read = self._counter(
            "batch_file_bytes_total", "Bytes of files whose rows this worker committed.", "model"
        )
        self.commit_seconds = self._histogram(
            "batch_chunk_commit_seconds",
            "Time of one transaction, from its begin to the answer to its commit; an atomic job is one.",
            _COMMIT_BUCKETS,
        )
        self.last_commit = self._gauge(
            "batch_last_commit_timestamp_seconds",
            "Unix time of this worker's last commit of rows; 0 before the first since its start.",
        )

    def _add_jobs(self) -> None:
        self.jobs = self._gauge(
            "batch_jobs", "Jobs of all workers by state, as this worker's lists show them.", "state"
        )
        self.jobs_ended = self._counter(
            "batch_jobs_ended_total",
            "Jobs that this worker saw end, by the state they ended in.",
            "model",
            "state",
        )
        self.jobs_running = self._gauge("batch_jobs_running", "Jobs that have a slot at this worker.")
        self.job_slots = self._gauge(
            "batch_job_slots", "Slots of this worker (BATCH_MAX_RUNNING_JOBS); a small job may have one more."
        )
        self.tiny_job_slots = self._gauge(
            "batch_tiny_job_slots",
            "Jobs of files under 1 MiB that run at once at this worker, beside the others.",
        )
        self.table_lag = self._gauge(
            "batch_table_lag_events",
            "Job events of this worker's partitions that its table has not folded, as of some seconds ago.",
        )
        self.read_model_lag = self._gauge(
            "batch_read_model_lag_records",
            "Records of the jobs topic that this worker's lists do not show, as of some seconds ago.",
        )

    def _add_files(self) -> None:
        self.incoming_files = self._gauge(
            "batch_incoming_files", "What lies in `incoming/` and is not taken, by reason.", "code"
        )
        self.incoming_oldest = self._gauge(
            "batch_incoming_oldest_age_seconds",
            "How long the longest waiting one of them has had that reason; 0 without one.",
            "code",
        )
        self.disk_free = self._gauge(
            "batch_disk_free_bytes", "Free space of the disks of drop zone and data dir.", "folder"
        )

    def _add_worker(self) -> None:
        self.worker = Info("batch_worker", "Which worker this is.", registry=self.registry)
        self.ready = self._gauge("batch_ready", "1 while `/readyz` says 200, else 0.")
        self.broker_up = self._gauge("batch_broker_up", "1 while Kafka answers this worker, else 0.")
        self.partitions = self._gauge(
            "batch_partitions_owned", "Internal partitions whose jobs this worker runs."
        )
        self.loop_delay = self._histogram(
            "batch_event_loop_delay_seconds",
            "How late the event loop was, looked at every 0.1 s.",
            _DELAY_BUCKETS,
        )
        self.loop_delay_max = self._gauge(
            "batch_event_loop_delay_max_seconds", "The longest delay of the last one to two minutes."
        )
        self.http_requests = self._counter(
            "batch_http_requests_total",
            "Requests answered; a stream counts when it ends.",
            "method",
            "route",
            "status",
        )
        self.http_open = self._gauge(
            "batch_http_requests_in_progress", "Requests that are being answered, streams among them."
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, text, buckets=buckets, registry=self.registry)
