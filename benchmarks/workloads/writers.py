"""The files that rows are written as, and the tallies of what must arrive of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.api import Form
from benchmarks.tally import Tally
from benchmarks.workloads.rows import PooledRows

__all__ = ["Tallies", "row_count", "write_csv", "write_many", "write_ndjson", "write_parquet"]

Tallies = dict[Form, Tally]
_MIB = 1024 * 1024


def row_count(rows: PooledRows, mib: int) -> int:
    """Return how many rows a CSV file of at most `mib` MiB has: the worker takes 1,024, and no byte more."""
    ends = list(accumulate(rows.line_sizes))
    pools, rest = divmod(mib * _MIB - len(rows.header) - 1, ends[-1])
    return pools * len(ends) + bisect_right(ends, rest)


def write_csv(path: Path, rows: PooledRows, count: int, forms: Sequence[Form]) -> Tallies:
    """Write a CSV file; return tallies of its lines, with and without the header, and of `forms`."""
    tallies = dict.fromkeys((Form.LINES, *forms), Tally())
    with path.open("wb") as file:
        file.write(rows.header + b"\n")
        for chunk in _chunks(rows, count, tuple(tallies)):
            file.write(b"\n".join(chunk[Form.LINES]) + b"\n")
            tallies = {form: tally + Tally.of(chunk[form]) for form, tally in tallies.items()}
    return tallies | {Form.FILE_LINES: tallies[Form.LINES] + Tally.of([rows.header])}


def write_ndjson(path: Path, rows: PooledRows, count: int) -> Tallies:
    """Write a JSON object a line."""
    tally = Tally()
    with path.open("wb") as file:
        for chunk in _chunks(rows, count, (Form.JSON,)):
            file.write(b"\n".join(chunk[Form.JSON]) + b"\n")
            tally += Tally.of(chunk[Form.JSON])
    return {Form.JSON: tally}


def write_parquet(path: Path, rows: PooledRows, count: int, moments: Sequence[str]) -> Tallies:
    """Write a Parquet file with snappy; columns of `moments` are timestamps in milliseconds."""
    tally = Tally()
    pool = _pool_table(rows, moments)
    with pq.ParquetWriter(path, pool.schema, compression="snappy") as file:
        for start, stop in rows.chunks(count):
            ids = pa.array(range(rows.first_id + start, rows.first_id + stop), pa.int64())
            file.write_table(pool.slice(0, stop - start).set_column(0, rows.columns[0], ids))
            tally += Tally.of(rows.typed(start, stop))
    return {Form.JSON: tally}


def write_many(folder: Path, rows: PooledRows, files: int, rows_each: int) -> Tallies:
    """Write a folder of CSV files, no row twice."""
    folder.mkdir()
    forms = (Form.LINES, Form.JSON)
    chunks = list(_chunks(rows, files * rows_each, forms))
    lines = [line for chunk in chunks for line in chunk[Form.LINES]]
    for i in range(files):
        part = lines[i * rows_each : (i + 1) * rows_each]
        (folder / f"part-{i:05d}.csv").write_bytes(b"\n".join([rows.header, *part, b""]))
    return {form: Tally.of([row for chunk in chunks for row in chunk[form]]) for form in forms}


def _chunks(rows: PooledRows, count: int, forms: Sequence[Form]) -> Iterator[dict[Form, list[bytes]]]:
    make = {
        Form.LINES: rows.lines,
        Form.JSON: rows.typed,
        Form.STRINGS_OR_NULL: rows.strings_or_null,
        Form.STRINGS: rows.strings,
    }
    for start, stop in rows.chunks(count):
        yield {form: make[form](start, stop) for form in forms}


def _pool_table(rows: PooledRows, moments: Sequence[str]) -> pa.Table:
    """The pool as a table, with ids to be replaced."""
    columns: list[pa.Array[Any]] = [pa.array([0] * len(rows.pool), pa.int64())]
    for i, name in enumerate(rows.columns[1:]):
        values: pa.Array[Any] = pa.array([row[i].value for row in rows.pool])
        columns.append(values.cast(pa.timestamp("ms", "UTC")) if name in moments else values)
    return pa.table(columns, names=list(rows.columns))
