"""A look into a job's topics for its page: the first records, and the first rejects in groups."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from connectors.errors import ConnectorError
from worker.http.feeds import DataFeed, Feed, Goal, RejectFeed
from worker.http.ports import Services, StoredRecord
from worker.jobs.job import Job
from worker.ui.rejects import Group, grouped

__all__ = ["Peek", "Peeks", "Shown"]

RECORDS = 5
REJECTS = 1000
_SECONDS = 4.0
_KEPT = 64  # jobs
_DATA, _REJECTS = DataFeed(), RejectFeed()
_MAX_BYTES = 8 * 1024 * 1024
T = TypeVar("T")
_Key = tuple[str, int, int]  # a job, what it begins with, how many of it


@dataclass(frozen=True, slots=True)
class Shown:
    """A record as the page shows it."""

    partition: int
    offset: int
    value: str


@dataclass(frozen=True, slots=True)
class Peek:
    """`records` and `groups` are None where they are not looked for; `trouble` says what went wrong.

    `looked_at` are the rejects that the groups count.
    """

    records: Sequence[Shown] | None = None
    groups: Sequence[Group] | None = None
    looked_at: int = 0
    trouble: str | None = None


class Peeks:
    """Looks once, and again only when there may be more to see: a page that is left open costs little."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._records: OrderedDict[_Key, list[StoredRecord]] = OrderedDict()
        self._rejects: OrderedDict[_Key, list[dict[str, Any]]] = OrderedDict()

    async def of(self, job: Job) -> Peek:
        """Never fails, and takes no longer than some seconds."""
        try:
            async with asyncio.timeout(_SECONDS):
                return await self._of(job)
        except (ConnectorError, TimeoutError) as error:
            return Peek(trouble=str(error) or "the broker does not answer in time")

    async def _of(self, job: Job) -> Peek:
        wants_records = job.rows_delivered > 0 and _DATA.topic(job) is not None
        wants_rejects = job.rows_rejected > 0 and _REJECTS.topic(job) is not None
        if (wants_records or wants_rejects) and not self._services.health().broker_ok:
            return Peek(trouble="Kafka does not answer")
        records = await self._first_records(job) if wants_records else []
        rejects = await self._first_rejects(job) if wants_rejects else []
        return Peek(
            records=[Shown(r.partition, r.offset, _text(r.value)) for r in records[:RECORDS]]
            if wants_records
            else None,
            groups=grouped(rejects, _columns(job, records), _delimiter(job)) if wants_rejects else None,
            looked_at=len(rejects),
        )

    async def _first_records(self, job: Job) -> Sequence[StoredRecord]:
        wanted = min(RECORDS, job.rows_delivered)
        key = (job.job_id, job.first_attempt, wanted)
        if key in self._records:
            self._records.move_to_end(key)
            return self._records[key]
        found, whole = await self._read(job, _DATA, wanted)
        if whole:
            _keep(self._records, key, found)
        return found

    async def _first_rejects(self, job: Job) -> Sequence[dict[str, Any]]:
        wanted = min(REJECTS, job.rows_rejected)
        key = (job.job_id, _REJECTS.start(job)[0], wanted)
        if key in self._rejects:
            self._rejects.move_to_end(key)
            return self._rejects[key]
        found, whole = await self._read(job, _REJECTS, wanted)
        rejects = [json.loads(record.value) for record in found if record.value is not None]
        if whole:
            _keep(self._rejects, key, rejects)
        return rejects

    async def _read(self, job: Job, feed: Feed, wanted: int) -> tuple[list[StoredRecord], bool]:
        """Return the job's first records, and whether they are all that were wanted or there is room for.

        They are not where a broker's answer lags behind a commit: such a look is not kept.
        """
        found: list[StoredRecord] = []
        size = 0
        start = feed.start(job)
        async with self._services.open_topic(feed.topic(job) or "", start) as reader:
            end = Goal({p: offset for p, offset in (await reader.committed_end()).items() if p in start})
            while len(found) < wanted and size < _MAX_BYTES and not end.reached(reader.positions):
                records = await reader.read(0.5)
                size += sum(len(record.value or b"") for record in records)
                found += [record for record in records if feed.takes(job, record)]
        return found[:wanted], len(found) >= wanted or size >= _MAX_BYTES


def _keep(kept: OrderedDict[_Key, list[T]], key: _Key, found: list[T]) -> None:
    kept[key] = found
    while len(kept) > _KEPT:
        kept.popitem(last=False)


def _columns(job: Job, records: Sequence[StoredRecord]) -> list[str]:
    """The file's columns: those that the job's options name, or the keys of the fullest record."""
    named = job.options.get("columns")
    if isinstance(named, list):
        return [str(name) for name in named]
    rows = [json.loads(record.value) for record in records if record.value]
    return max((list(row) for row in rows if isinstance(row, dict)), key=len, default=[])


def _delimiter(job: Job) -> str | None:
    given = job.options.get("delimiter")
    return {"tab": "\t", "\\t": "\t"}.get(given, given) if isinstance(given, str) else None


def _text(value: bytes | None) -> str:
    return "null" if value is None else value.decode("utf-8", "replace")
