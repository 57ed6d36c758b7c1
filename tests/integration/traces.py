"""Where the jobs of a worker are found, and a worker that forgets them after seconds."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

from rocksdict import AccessType, Options, Rdict

from tests.harness import Topics, WorkerProcess

SECONDS = 2.0


def keep_for_seconds(worker: WorkerProcess) -> None:
    """From its next start on the worker keeps ended jobs and their files for two seconds."""
    worker.settings |= {
        "BATCH_JOB_RETENTION_HOURS": repr(SECONDS / 3600),
        "BATCH_DONE_RETENTION_HOURS": repr(SECONDS / 3600),
        "BATCH_REAP_SECONDS": "0.5",
    }


class Traces:
    """Where jobs are found, place by place; what the worker says itself is one of them."""

    def __init__(self, worker: WorkerProcess, topics: Topics, groups: Callable[[], set[str]]) -> None:
        self._worker = worker
        self._topics = topics
        self._groups = groups
        self._data = worker.folder / "data"

    def own_topics(self) -> set[str]:
        return {name for name in self._topics.names() if name.startswith(f"{self._worker.namespace}_")}

    def of_jobs(self) -> dict[str, set[str]]:
        """The ids in each place."""
        namespace = self._worker.namespace
        with closing(sqlite3.connect(self._data / "read-model.sqlite")) as database:
            rows = database.execute("SELECT id FROM jobs").fetchall()
        last = {record.key().decode(): record.value() for record in self._topics.read(f"{namespace}.jobs")}
        return {
            "lists": listed(self._worker),
            "read model": {job_id for (job_id,) in rows},
            "changelog": {job_id for job_id, row in last.items() if row is not None},
            "groups": {group.removeprefix(f"{namespace}-") for group in self._groups()} - {"workers"},
        }

    def in_table(self) -> set[str]:
        """The ids in the files of the table. The worker has stopped."""
        found: set[str] = set()
        for path in sorted((self._data / "faust").rglob("jobs-*.db")):
            files = Rdict(str(path), Options(raw_mode=True), access_type=AccessType.read_only())
            found |= {key.decode() for key, _ in files.items() if isinstance(key, bytes)}
            files.close()
        return {key for key in found if not key.startswith("__faust")}


def listed(worker: WorkerProcess) -> set[str]:
    return {job["job_id"] for job in worker.jobs()}


def everywhere(ids: set[str]) -> dict[str, set[str]]:
    return dict.fromkeys(("lists", "read model", "changelog", "groups"), ids)
