"""Folds JobEvents into the table, record by record. Knows the table as a mapping, not as Faust's."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Protocol

from worker.jobs.apply import apply
from worker.jobs.events import Deleted, JobEvent, Marker, Touched, event_from_json
from worker.jobs.job import ENDED, Job

__all__ = ["Fold", "JobTable", "decode_row", "encode_event", "encode_row", "says_ended"]

_ENDED_ROW = re.compile(rb'"state":"(?:%s)"' % "|".join(sorted(ENDED)).encode())
_log = logging.getLogger(__name__)


class JobTable(Protocol):
    """Job id → Job JSON. Deleting writes a tombstone into the changelog even where there is no row."""

    def get(self, key: bytes, default: None = None) -> bytes | None: ...

    def __setitem__(self, key: bytes, value: bytes) -> None: ...

    def __delitem__(self, key: bytes) -> None: ...


def decode_row(value: bytes | None) -> Job | None:
    """Read a row of the table; None also for one that no worker can have written."""
    if value is None:
        return None
    try:
        return Job.from_json(json.loads(value))
    except (ValueError, KeyError, TypeError, AttributeError):
        _log.warning("a row of the table is no Job and counts as missing: `%s`", value[:100])
        return None


def says_ended(value: bytes) -> bool:
    """Whether a row says at a glance that its job has ended; False may need a closer look.

    Fast, for a walk through the whole table. Quotes inside of strings are escaped, so nothing but the member
    `state` looks like it.
    """
    return _ENDED_ROW.search(value) is not None


def encode_row(job: Job) -> bytes:
    """Return the row as it stands in the table and its changelog."""
    return json.dumps(job.to_json(), ensure_ascii=False, separators=(",", ":")).encode()


def encode_event(event: JobEvent) -> bytes:
    """Return the event as it stands in the topic."""
    return json.dumps(event.to_json(), ensure_ascii=False, separators=(",", ":")).encode()


class Fold:
    """Applies events to the table and tells of each row that changed, and of each marker.

    A record that is no event of this version is logged, once a kind, and skipped: it never stops the fold.
    """

    def __init__(
        self,
        table: JobTable,
        *,
        on_row: Callable[[int, str, Job | None, Job | None], None],
        on_marker: Callable[[int, str], None],
    ) -> None:
        self._table = table
        self._on_row = on_row
        self._on_marker = on_marker
        self._warned: set[str] = set()

    def fold(self, key: bytes | None, value: bytes | None, partition: int, offset: int) -> None:
        """Fold one record. Raises only what the table raises."""
        event = self._read(value, partition, offset)
        if isinstance(event, Marker):
            self._on_marker(partition, event.nonce)
        elif event is not None and key:
            self._fold_event(key, event, partition, offset)

    def _fold_event(self, key: bytes, event: JobEvent, partition: int, offset: int) -> None:
        row = decode_row(self._table.get(key))
        changed = apply(row, event, offset)
        if changed is None:
            # also where there is no row: a crash may have come between the table's file and the changelog,
            # and who touches an unknown id has a row to forget
            if row is not None or isinstance(event, Deleted | Touched):
                del self._table[key]
        elif changed is not row or row.revision == offset:
            # equal: folded before a crash, and its changelog record may not have got away
            self._table[key] = encode_row(changed)
        if changed is not row:
            self._on_row(partition, key.decode(errors="replace"), changed, row)

    def _read(self, value: bytes | None, partition: int, offset: int) -> JobEvent | None:
        try:
            return event_from_json(json.loads(value or b""))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"{type(error).__name__}: {error}"
            if reason not in self._warned and len(self._warned) < 100:
                self._warned.add(reason)
                _log.warning(
                    "skipped a job event that this version does not know (partition `%d`, offset `%d`): %s",
                    partition,
                    offset,
                    reason,
                )
            return None
