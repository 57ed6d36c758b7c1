"""Workloads as files: their tallies are those of what the files hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from benchmarks.api import Form
from benchmarks.tally import Tally
from benchmarks.workloads import PooledRows, WorkloadFiles
from benchmarks.workloads.rows import cell

_SCHEMA = {"properties": {"id": {"type": "integer"}, "text": {"type": "string"}, "at": {"type": "string"}}}


@pytest.fixture
def rows() -> PooledRows:
    pool = [
        [cell("plain"), cell("2024-02-29T10:00:00.120Z")],
        [cell('a "quote"'), cell("2024-03-01T00:00:00.001Z")],
    ] * 5000
    return PooledRows(["id", "text", "at"], _SCHEMA, lambda: pool, first_id=100_000)


@pytest.fixture
def files(tmp_path: Path) -> WorkloadFiles:
    return WorkloadFiles(tmp_path)


def test_csv(files: WorkloadFiles, rows: PooledRows) -> None:
    workload = files.csv("t", rows, 1, (Form.JSON, Form.STRINGS))
    content = workload.path.read_bytes()
    lines = content.splitlines()
    assert lines[:3] == [
        b"id,text,at",
        b"100000,plain,2024-02-29T10:00:00.120Z",
        b'100001,"a ""quote""",2024-03-01T00:00:00.001Z',
    ]
    assert workload.size_bytes == len(content)
    assert 2**20 - len(lines[2]) <= len(content) <= 2**20
    assert workload.rows == len(lines) - 1
    assert workload.tallies[Form.FILE_LINES] == Tally.of(lines)
    assert workload.tallies[Form.LINES] == Tally.of(lines[1:])
    assert workload.tallies[Form.JSON].records == workload.rows
    # a number loses its quotes, everything else is as long
    assert (
        workload.tallies[Form.STRINGS].size_bytes - workload.tallies[Form.JSON].size_bytes
        == 2 * workload.rows
    )


def test_ndjson_and_parquet_hold_the_rows_of_the_csv_file(files: WorkloadFiles, rows: PooledRows) -> None:
    of_csv = files.csv("t", rows, 1)
    ndjson = files.ndjson("t", rows, 1)
    parquet = files.parquet("t", rows, 1, ("at",))
    assert ndjson.tallies[Form.JSON] == parquet.tallies[Form.JSON] == of_csv.tallies[Form.JSON]
    assert Tally.of(ndjson.path.read_bytes().splitlines()) == ndjson.tallies[Form.JSON]
    table = pq.read_table(parquet.path)
    assert table.num_rows == of_csv.rows
    assert table["id"].to_pylist() == list(range(100_000, 100_000 + of_csv.rows))
    assert table.slice(1, 1).to_pylist()[0]["text"] == 'a "quote"'
    assert str(table.schema.field("at").type) == "timestamp[ms, tz=UTC]"


def test_many_small_files_share_no_row(files: WorkloadFiles, rows: PooledRows) -> None:
    workload = files.many("t", rows, 5, 3)
    contents = [path.read_bytes().splitlines() for path in sorted(workload.path.iterdir())]
    assert [len(lines) for lines in contents] == [4] * 5
    assert {lines[0] for lines in contents} == {b"id,text,at"}
    lines = [line for content in contents for line in content[1:]]
    assert len(set(lines)) == workload.rows == 15
    assert workload.tallies[Form.LINES] == Tally.of(lines)


def test_a_file_is_written_once_and_anew_when_its_note_is_missing(
    files: WorkloadFiles, rows: PooledRows, tmp_path: Path
) -> None:
    def unavailable() -> Any:
        raise AssertionError("the pool is made again")

    made = files.csv("t", rows, 1)
    found = files.csv("t", PooledRows(["id", "text", "at"], _SCHEMA, unavailable), 1)
    assert found == made
    (tmp_path / ".t-1.csv.json").unlink()
    made.path.write_bytes(b"half a file")
    assert files.csv("t", rows, 1) == made


@pytest.mark.parametrize(
    "changed",
    [[b"a"], [b"a", b"b", b"b"], [b"a", b"c"], [b"ab", b""]],
    ids=["lost", "doubled", "other", "cut"],
)
def test_a_tally_sees_what_is_wrong(changed: list[bytes]) -> None:
    assert Tally.of([b"a", b"b"]) == Tally.of([b"b"]) + Tally.of([b"a"])
    assert Tally.of(changed) != Tally.of([b"a", b"b"])
