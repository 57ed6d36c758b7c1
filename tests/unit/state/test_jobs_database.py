"""The read model's file: revisions, tombstones, positions, and files that cannot be used."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.state.jobs import job
from tests.unit.state.records import Record
from worker.jobs.job import Job
from worker.state.api import Change, JobQuery
from worker.state.fold import encode_row
from worker.state.jobs_database import JobsDatabase


def record(offset: int, row: Job | None, job_id: str = "aaaaaaaaaaaa") -> Record:
    return Record(offset, job_id.encode(), None if row is None else encode_row(row))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "read model?.sqlite"  # a path is not an URI


@pytest.fixture
def database(path: Path) -> Iterator[JobsDatabase]:
    database = JobsDatabase(path, "t.jobs")
    database.open()
    yield database
    database.close()


def test_rows_and_positions_outlive_the_process(path: Path, database: JobsDatabase) -> None:
    database.apply([record(4, job(revision=4))], {0: 5, 3: 17})
    database.apply([], {3: 18})
    database.close()
    again = JobsDatabase(path, "t.jobs")
    again.open()
    assert again.positions() == {0: 5, 3: 18}
    assert again.get("aaaaaaaaaaaa") == job(revision=4)
    again.close()


def test_a_lower_revision_is_stale_until_a_higher_one_comes(database: JobsDatabase) -> None:
    database.apply([record(0, job(revision=10, rows_read=5))], {})
    applied = database.apply([record(1, job(revision=9))], {})
    assert (applied.changes, applied.stale, applied.repaired) == ([], {"aaaaaaaaaaaa"}, set())
    found = database.get("aaaaaaaaaaaa")
    assert found is not None
    assert found.rows_read == 5
    repair = job(revision=11, rows_read=5)
    applied = database.apply([record(2, repair)], {})
    assert (applied.changes, applied.stale) == ([Change("aaaaaaaaaaaa", repair)], set())
    assert applied.repaired == {"aaaaaaaaaaaa"}


def test_within_a_batch_the_last_right_record_wins(database: JobsDatabase) -> None:
    newest = job(revision=12)
    applied = database.apply(
        [record(0, job(revision=10)), record(1, newest), record(2, job(revision=11))], {0: 3}
    )
    assert (applied.changes, applied.stale) == ([Change("aaaaaaaaaaaa", newest)], {"aaaaaaaaaaaa"})
    assert database.get("aaaaaaaaaaaa") == newest


def test_a_tombstone_deletes_and_a_later_row_is_taken(database: JobsDatabase) -> None:
    database.apply([record(0, job(revision=10))], {})
    assert database.apply([record(1, None)], {}).changes == [Change("aaaaaaaaaaaa", None)]
    assert database.get("aaaaaaaaaaaa") is None
    database.apply([record(2, None), record(3, job(revision=1))], {})
    assert database.get("aaaaaaaaaaaa") == job(revision=1)


def test_the_same_revision_again_is_no_fault(database: JobsDatabase) -> None:
    database.apply([record(0, job(revision=10))], {})
    assert database.apply([record(1, job(revision=10))], {}).stale == set()


def test_what_is_no_job_is_skipped_and_the_position_moves(
    database: JobsDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    values = [b"", b"no json", b"[]", b"{}", b"\xff", encode_row(job("another's id"))]
    records = [Record(n, b"aaaaaaaaaaaa", value) for n, value in enumerate(values)]
    applied = database.apply([*records, record(9, job(revision=1))], {0: 10})
    assert applied.changes == [Change("aaaaaaaaaaaa", job(revision=1))]
    assert database.positions() == {0: 10}
    assert len(caplog.records) == 1


def test_a_failed_batch_changes_nothing(database: JobsDatabase) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        database.apply([record(0, job(revision=1))], {0: None})  # type: ignore[dict-item]
    assert database.get("aaaaaaaaaaaa") is None
    assert database.positions() == {}
    database.apply([record(0, job(revision=1))], {0: 1})
    assert database.get("aaaaaaaaaaaa") == job(revision=1)


def test_reset_forgets_everything_and_names_it(database: JobsDatabase) -> None:
    database.apply([record(0, job(revision=1))], {0: 1})
    assert database.reset() == [Change("aaaaaaaaaaaa", None)]
    assert (database.positions(), database.page(JobQuery())) == ({}, [])


@pytest.mark.parametrize("damage", ["garbage", "version", "topic", "truncated"])
def test_a_file_that_cannot_be_used_is_made_anew(path: Path, database: JobsDatabase, damage: str) -> None:
    database.apply([record(n, job(f"{n:012d}", revision=n), f"{n:012d}") for n in range(500)], {0: 500})
    database.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if damage == "version":
            connection.execute("PRAGMA user_version = 99")
        if damage == "topic":
            connection.execute("UPDATE source SET topic = 'another'")
    connection.close()
    if damage == "garbage":
        path.write_bytes(b"not a database" * 1000)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:20_000])
    again = JobsDatabase(path, "t.jobs")
    again.open()
    assert (again.positions(), again.page(JobQuery())) == ({}, [])
    again.apply([record(0, job(revision=1))], {0: 1})
    assert again.get("aaaaaaaaaaaa") == job(revision=1)
    again.close()


def test_lists_use_an_index(path: Path, database: JobsDatabase) -> None:
    plans = {
        "SELECT json FROM jobs ORDER BY created DESC, id DESC LIMIT 50": "jobs_newest",
        "SELECT json FROM jobs WHERE state IN ('FAILED') AND model = 'm' ORDER BY created DESC, id DESC": (
            "jobs_state_model"
        ),
        "SELECT state, count(*) FROM jobs GROUP BY state": "INDEX jobs_state",
        "SELECT json FROM jobs WHERE state IN ('QUEUED') ORDER BY created DESC, id DESC": "INDEX jobs_state ",
        "SELECT json FROM jobs WHERE finished IS NOT NULL ORDER BY finished DESC, id DESC": "jobs_finished",
        "SELECT json FROM jobs WHERE idempotency_key = 'k' ORDER BY created, id LIMIT 1": "INDEX jobs_key",
        "SELECT json FROM jobs WHERE sha256 = 'a' AND model = 'm' AND state NOT IN ('FAILED', 'CANCELLED') "
        "ORDER BY created, id LIMIT 1": "INDEX jobs_file (sha256=? AND model=?)",
        "SELECT sum(delivered), sum(rejected), sum(bytes) FROM jobs WHERE created >= '2026'": (
            "COVERING INDEX jobs_totals"
        ),
    }
    with sqlite3.connect(path) as connection:
        for sql, index in plans.items():
            assert index in str(connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall())
    connection.close()
