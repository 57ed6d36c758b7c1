"""The read model's SQLite file: rows of `batch.jobs`, and how far the topic was read. Blocking."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from worker.jobs.job import ENDED, Job, State
from worker.state.api import Change, JobQuery, Totals
from worker.state.cursor import decode_cursor
from worker.state.follower import TopicRecordLike

__all__ = ["Applied", "JobsDatabase"]

_VERSION = 3
# rows lie in the order of their arrival: in that of their ids, which are random, 1 KiB each took a third more
# time and space
_SCHEMA = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, revision INTEGER NOT NULL, state TEXT NOT NULL, model TEXT NOT NULL,
    file TEXT NOT NULL, created TEXT NOT NULL, finished TEXT, delivered INTEGER NOT NULL,
    rejected INTEGER NOT NULL, bytes INTEGER NOT NULL, json TEXT NOT NULL, sha256 TEXT NOT NULL,
    idempotency_key TEXT
);
CREATE INDEX jobs_newest ON jobs (created DESC, id DESC);
CREATE INDEX jobs_state_model ON jobs (state, model, created DESC, id DESC);
CREATE INDEX jobs_model ON jobs (model, created DESC, id DESC);
CREATE INDEX jobs_state ON jobs (state, created DESC, id DESC);
CREATE INDEX jobs_finished ON jobs (finished DESC, id DESC) WHERE finished IS NOT NULL;
CREATE INDEX jobs_key ON jobs (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_file ON jobs (sha256, model, created, id);
CREATE INDEX jobs_totals ON jobs (created, delivered, rejected, bytes);
CREATE TABLE positions (partition INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL);
CREATE TABLE source (topic TEXT NOT NULL);
"""
_UPSERT = """
INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
    revision = excluded.revision, state = excluded.state, model = excluded.model, file = excluded.file,
    created = excluded.created, finished = excluded.finished, delivered = excluded.delivered,
    rejected = excluded.rejected, bytes = excluded.bytes, json = excluded.json,
    sha256 = excluded.sha256, idempotency_key = excluded.idempotency_key
"""
_BUSY_SECONDS = 10.0
_WRITER_CACHE_KIB = 16 * 1024  # the inner pages of all indexes of 100,000 jobs
_IDS_A_QUERY = 500
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Applied:
    """What a batch did: the newest change of each job, and jobs whose newest record is older than the row.

    `repaired` are the others: what was stale of them is so no more.
    """

    changes: list[Change] = field(default_factory=list)
    stale: set[str] = field(default_factory=set)
    repaired: set[str] = field(default_factory=set)


class JobsDatabase:
    """One writing connection, and one reading connection a thread.

    `open`, `apply`, `positions` and `reset` belong to one thread, the writer's; all else to any. Rows and
    positions change in one transaction. Losing the file loses nothing: the topic has it all.
    """

    def __init__(self, path: Path, topic: str) -> None:
        self._path = path
        self._topic = topic
        self._writer: sqlite3.Connection | None = None
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._warned = False

    def open(self) -> None:
        """Open the file, made if missing and made anew if it is broken, of another version or topic."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._writer = self._connect()
            if self._fits(self._writer):
                return
            _log.info("the read model `%s` is built anew", self._path.name)
        except sqlite3.DatabaseError as error:
            _log.warning("the read model `%s` is broken and is built anew: %s", self._path, error)
        if self._writer is not None:
            self._writer.close()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._writer = self._connect()
        self._writer.executescript(_SCHEMA)
        self._writer.execute("INSERT INTO source VALUES (?)", (self._topic,))
        self._writer.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        for connection in (*self._readers, self._writer):
            if connection is not None:
                connection.close()

    # the writer's thread

    def positions(self) -> dict[int, int]:
        return dict(self._write().execute("SELECT partition, next_offset FROM positions"))

    def apply(self, records: Sequence[TopicRecordLike], positions: dict[int, int]) -> Applied:
        """Take the records in their order, and the positions after them.

        A row with a lower revision than the one that stands is ignored: a worker that slept through the loss
        of its partitions has written it.
        """
        connection = self._write()
        ids = {record.key.decode(errors="replace") for record in records if record.key}
        standing = self._revisions(connection, ids)
        newest: dict[str, _Row | None] = {}
        applied = Applied()
        for record in records:
            job_id = (record.key or b"").decode(errors="replace")
            try:
                row = None if record.value is None else _Row.of(job_id, record.value)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                self._skip(record, error)
                continue
            if row is not None and row.job.revision < standing.get(job_id, -1):
                applied.stale.add(job_id)
                applied.repaired.discard(job_id)
                continue
            newest[job_id] = row
            standing[job_id] = -1 if row is None else row.job.revision
            applied.stale.discard(job_id)
            applied.repaired.add(job_id)
        self._store(connection, newest, positions)
        applied.changes = [Change(job_id, None if row is None else row.job) for job_id, row in newest.items()]
        return applied

    def reset(self) -> list[Change]:
        """Forget all rows and positions; return what that changes."""
        connection = self._write()
        gone = [Change(job_id, None) for (job_id,) in connection.execute("SELECT id FROM jobs")]
        connection.executescript("BEGIN IMMEDIATE; DELETE FROM jobs; DELETE FROM positions; COMMIT")
        return gone

    def _store(
        self, connection: sqlite3.Connection, newest: dict[str, _Row | None], positions: dict[int, int]
    ) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(_UPSERT, [row.columns() for row in newest.values() if row is not None])
            gone = [(job_id,) for job_id, row in newest.items() if row is None]
            connection.executemany("DELETE FROM jobs WHERE id = ?", gone)
            connection.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?)", positions.items())
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _skip(self, record: TopicRecordLike, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(
                "skipped a record of `%s` that is no Job (partition `%d`, offset `%d`): %r",
                self._topic,
                record.partition,
                record.offset,
                error,
            )

    def _revisions(self, connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        pending = list(ids)
        for start in range(0, len(pending), _IDS_A_QUERY):
            some = pending[start : start + _IDS_A_QUERY]
            marks = ",".join("?" * len(some))
            found.update(connection.execute(f"SELECT id, revision FROM jobs WHERE id IN ({marks})", some))
        return found

    # any thread

    def get(self, job_id: str) -> Job | None:
        found = self._read("SELECT json FROM jobs WHERE id = ?", (job_id,))
        return _job(found[0][0]) if found else None

    def page(self, query: JobQuery) -> list[Job]:
        """Return up to one job more than `limit`, newest first. Raises StateError for a foreign cursor."""
        conditions: list[str] = []
        values: list[str | int] = []
        if query.states:
            conditions.append(f"state IN ({','.join('?' * len(query.states))})")
            values.extend(sorted(query.states))
        if query.model is not None:
            conditions.append("model = ?")
            values.append(query.model)
        if query.q:
            conditions.append(r"(file LIKE ? ESCAPE '\' OR id LIKE ? ESCAPE '\')")
            escaped = query.q.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
            values.extend([f"%{escaped}%", f"{escaped}%"])
        if query.cursor:
            conditions.append("(created, id) < (?, ?)")
            values.extend(decode_cursor(query.cursor))
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        sql = f"SELECT json FROM jobs {where} ORDER BY created DESC, id DESC LIMIT ?"
        return [_job(text) for (text,) in self._read(sql, (*values, query.limit + 1))]

    def counts(self) -> dict[State, int]:
        found = dict(self._read("SELECT state, count(*) FROM jobs GROUP BY state"))
        return {state: found.get(state.value, 0) for state in State}

    def last_ended(self, limit: int) -> list[Job]:
        sql = "SELECT json FROM jobs WHERE finished IS NOT NULL ORDER BY finished DESC, id DESC LIMIT ?"
        return [_job(text) for (text,) in self._read(sql, (limit,))]

    def ended_before(self, moment: str, after: tuple[str, str], limit: int) -> list[Job]:
        sql = (
            "SELECT json FROM jobs WHERE finished IS NOT NULL AND finished < ? AND (finished, id) > (?, ?) "
            "ORDER BY finished, id LIMIT ?"
        )
        return [_job(text) for (text,) in self._read(sql, (moment, *after, limit))]

    def totals(self, since: str) -> Totals:
        sums = "count(*), ifnull(sum(delivered), 0), ifnull(sum(rejected), 0), ifnull(sum(bytes), 0)"
        return Totals(*self._read(f"SELECT {sums} FROM jobs WHERE created >= ?", (since,))[0])

    def active(self) -> Sequence[Job]:
        active = sorted(state.value for state in State if state not in ENDED)
        marks = ",".join("?" * len(active))
        sql = f"SELECT json FROM jobs WHERE state IN ({marks}) ORDER BY created, id"
        return [_job(text) for (text,) in self._read(sql, active)]

    def submitted_with(self, key: str) -> Job | None:
        return self._oldest("idempotency_key = ?", (key,))

    def same_file(self, model: str, sha256: str, folder: str | None = None) -> Job | None:
        where = "sha256 = ? AND model = ? AND state NOT IN (?, ?)"
        values = [sha256, model, State.FAILED.value, State.CANCELLED.value]
        if folder is not None:
            where += " AND rtrim(file, replace(file, '/', '')) = ?"  # without what follows the last slash
            values.append(f"{folder}/" if folder else "")
        return self._oldest(where, values)

    def unknown(self, job_ids: Collection[str]) -> set[str]:
        sql = "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM jobs)"
        return {job_id for (job_id,) in self._read(sql, (json.dumps(sorted(job_ids)),))}

    def _oldest(self, where: str, values: Sequence[str]) -> Job | None:
        found = self._read(f"SELECT json FROM jobs WHERE {where} ORDER BY created, id LIMIT 1", values)
        return _job(found[0][0]) if found else None

    # connections

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")
        return connection

    def _fits(self, connection: sqlite3.Connection) -> bool:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            return False
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        return bool(
            verdict == "ok" and connection.execute("SELECT topic FROM source").fetchone()[0] == self._topic
        )

    def _write(self) -> sqlite3.Connection:
        if self._writer is None:
            raise RuntimeError("the read model is not open")
        return self._writer

    def _read(self, sql: str, values: Sequence[str | int] = ()) -> list[Any]:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            uri = f"{self._path.as_uri()}?mode=ro"
            connection = sqlite3.connect(uri, timeout=_BUSY_SECONDS, uri=True, check_same_thread=False)
            self._local.connection = connection
            self._readers.append(connection)
        return connection.execute(sql, values).fetchall()


@dataclass(frozen=True, slots=True)
class _Row:
    job: Job
    text: str

    @classmethod
    def of(cls, job_id: str, value: bytes) -> _Row:
        """Raises ValueError, TypeError, KeyError or AttributeError for what is no Job of this id."""
        text = value.decode()
        job = _job(text)
        if job.job_id != job_id:
            raise ValueError(f"the key is `{job_id}`, the job `{job.job_id}`")
        return cls(job, text)

    def columns(self) -> tuple[str | int | None, ...]:
        job = self.job
        return (
            job.job_id,
            job.revision,
            job.state.value,
            job.model,
            job.file,
            job.created_at,
            job.finished_at,
            job.rows_delivered,
            job.rows_rejected,
            job.bytes_read,
            self.text,
            job.sha256,
            None if job.idempotency is None else job.idempotency.key,
        )


def _job(text: str) -> Job:
    return Job.from_json(json.loads(text))
