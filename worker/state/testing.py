"""In-memory twins of the ports in `api.py`: same answers and errors, no Kafka, no files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any

from worker.jobs import exact_json
from worker.jobs.apply import apply
from worker.jobs.events import JobEvent
from worker.jobs.job import Job, State
from worker.state.api import Change, JobPage, JobQuery, Model, Totals, UnavailableError
from worker.state.changes import ChangeFeed
from worker.state.cursor import decode_cursor, encode_cursor
from worker.state.refusals import model_exists, model_not_found, same_schema, version_conflict

__all__ = ["MemoryCommands", "MemoryJobs", "MemoryModels", "kafka_away"]


def kafka_away() -> UnavailableError:
    """The error of a broker that does not answer."""
    return UnavailableError(
        "KAFKA_UNAVAILABLE",
        "Kafka at `127.0.0.1:9092` does not answer",
        "start it, or set BATCH_BOOTSTRAP_SERVERS to the broker's address",
    )


class MemoryJobs:
    """A JobReader over a dict. `put` and `remove` stand for what the topic would bring."""

    def __init__(self, jobs: Sequence[Job] = ()) -> None:
        self._rows = {job.job_id: job for job in jobs}
        self._feed = ChangeFeed()
        self.available = True  # False: the barrier answers as without Kafka

    def put(self, job: Job) -> None:
        self._rows[job.job_id] = job
        self._feed.publish([Change(job.job_id, job)])

    def remove(self, job_id: str) -> None:
        if self._rows.pop(job_id, None) is not None:
            self._feed.publish([Change(job_id, None)])

    async def get(self, job_id: str) -> Job | None:
        return self._rows.get(job_id)

    async def list(self, query: JobQuery) -> JobPage:
        before = decode_cursor(query.cursor) if query.cursor else None
        newest_first = sorted(self._rows.values(), key=lambda job: (job.created_at, job.job_id), reverse=True)
        found = [
            job
            for job in newest_first
            if _matches(job, query) and (before is None or (job.created_at, job.job_id) < before)
        ]
        items = found[: query.limit]
        return JobPage(items, encode_cursor(items[-1]) if len(found) > len(items) else None)

    async def counts(self) -> dict[State, int]:
        return {state: sum(job.state is state for job in self._rows.values()) for state in State}

    async def last_ended(self, limit: int) -> Sequence[Job]:
        ended = [job for job in self._rows.values() if job.finished_at is not None]
        return sorted(ended, key=lambda job: (job.finished_at or "", job.job_id), reverse=True)[:limit]

    async def ended_before(
        self, moment: str, *, after: tuple[str, str] = ("", ""), limit: int
    ) -> Sequence[Job]:
        ended = [(job.finished_at, job.job_id, job) for job in self._rows.values() if job.finished_at]
        found = sorted(end for end in ended if end[0] < moment and end[:2] > after)
        return [job for _, _, job in found[:limit]]

    async def totals(self, since: str) -> Totals:
        found = [job for job in self._rows.values() if job.created_at >= since]
        return Totals(
            jobs=len(found),
            rows_delivered=sum(job.rows_delivered for job in found),
            rows_rejected=sum(job.rows_rejected for job in found),
            bytes_read=sum(job.bytes_read for job in found),
        )

    async def active(self) -> Sequence[Job]:
        return [job for job in self._rows.values() if not job.ended]

    async def submitted_with(self, key: str) -> Job | None:
        return self._oldest(lambda job: job.idempotency is not None and job.idempotency.key == key)

    async def same_file(self, model: str, sha256: str, folder: str | None = None) -> Job | None:
        undone = (State.FAILED, State.CANCELLED)
        return self._oldest(
            lambda job: (
                (job.model, job.sha256) == (model, sha256)
                and job.state not in undone
                and folder in (None, job.file.rpartition("/")[0])
            )
        )

    async def unknown(self, job_ids: Collection[str]) -> set[str]:
        return set(job_ids) - self._rows.keys()

    async def barrier(self, timeout: float = 5.0) -> None:
        if not self.available:
            raise kafka_away()

    def changes(self) -> AsyncIterator[Change]:
        return self._feed.follow()

    def _oldest(self, wanted: Callable[[Job], bool]) -> Job | None:
        found = [job for job in self._rows.values() if wanted(job)]
        return min(found, key=lambda job: (job.created_at, job.job_id), default=None)


def _matches(job: Job, query: JobQuery) -> bool:
    if query.states and job.state not in query.states:
        return False
    if query.model is not None and job.model != query.model:
        return False
    if not query.q:
        return True
    return query.q.casefold() in job.file.casefold() or job.job_id.startswith(query.q.lower())


class MemoryCommands:
    """A JobCommands whose events are folded into `jobs` at once; `published` keeps them all.

    `available = False` makes every publish fail as without Kafka.
    """

    def __init__(self, jobs: MemoryJobs, partitions: int = 8) -> None:
        self._jobs = jobs
        self._partitions = partitions
        self.available = True
        self.published: list[tuple[str, JobEvent]] = []

    async def publish(self, job_id: str, event: JobEvent, timeout: float = 10.0) -> int:
        if not self.available:
            raise kafka_away()
        offset = len(self.published)
        self.published.append((job_id, event))
        row = await self._jobs.get(job_id)
        changed = apply(row, event, offset)
        if changed is None:
            self._jobs.remove(job_id)
        elif changed is not row:
            self._jobs.put(changed)
        return offset

    def partition_of(self, job_id: str) -> int:
        return sum(job_id.encode()) % self._partitions


class MemoryModels:
    """A ModelStore in a dict. `available = False` makes writes and barriers fail as without Kafka."""

    def __init__(self) -> None:
        self._models: dict[str, list[Model]] = {}
        self._last: dict[str, int] = {}  # the highest version ever, also of deleted models
        self.available = True

    def get(self, name: str, version: int | None = None) -> Model | None:
        models = self._models.get(name, [])
        if version is None:
            return models[-1] if models else None
        return next((model for model in models if model.version == version), None)

    def list(self) -> Sequence[Model]:
        return [self._models[name][-1] for name in sorted(self._models)]

    def versions(self, name: str) -> Sequence[int]:
        return [model.version for model in self._models.get(name, [])]

    async def create(self, name: str, schema: dict[str, Any], text: str | None = None) -> tuple[Model, bool]:
        if not self.available:
            raise kafka_away()
        newest = self.get(name)
        if newest is None:
            return self._add(name, schema, text)
        if same_schema(newest.text, _written(schema, text)):
            return newest, False
        raise model_exists(newest)

    async def update(
        self, name: str, schema: dict[str, Any], text: str | None = None, *, expected: int | None = None
    ) -> tuple[Model, bool]:
        newest = self._expected(name, expected)
        if same_schema(newest.text, _written(schema, text)):
            return newest, False
        return self._add(name, schema, text)

    async def delete(self, name: str, *, expected: int | None = None) -> None:
        self._expected(name, expected)
        del self._models[name]

    def _expected(self, name: str, expected: int | None) -> Model:
        if not self.available:
            raise kafka_away()
        newest = self.get(name)
        if newest is None:
            raise model_not_found(name)
        if expected is not None and expected != newest.version:
            raise version_conflict(name, expected, newest.version)
        return newest

    def _add(self, name: str, schema: dict[str, Any], text: str | None) -> tuple[Model, bool]:
        version = self._last[name] = self._last.get(name, 0) + 1
        model = Model(name, version, schema, "2026-01-01T00:00:00.000Z", _written(schema, text))
        self._models.setdefault(name, []).append(model)
        return model, True

    async def barrier(self, timeout: float = 5.0) -> None:
        if not self.available:
            raise kafka_away()


def _written(schema: dict[str, Any], text: str | None) -> str:
    return exact_json.dumps(schema if text is None else exact_json.loads(text))
