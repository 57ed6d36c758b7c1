"""What each sample must become, computed from the file in plain Python.

Nothing here comes from the project: rows are cut byte by byte, and pyarrow only hands over cells. Slow and
simple on purpose.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.integration.samples_cells import Outcome, csv_reader, parquet_cells, parquet_outcome, quote
from tests.integration.samples_table import SAMPLES, Sample

__all__ = ["SAMPLES", "Expected", "Sample", "expected"]

MAX_ROW_BYTES = 900_000
RAW_JSON_BYTES = 256 * 1024


@dataclass(frozen=True)
class Expected:
    """`records`: (key, value) in file order. `rejects`: RejectedRow JSON without
    `job_id`, `attempt` and the messages.
    """

    records: list[tuple[bytes | None, bytes]]
    rejects: list[dict[str, Any]]


def expected(sample: Sample) -> Expected:
    """Compute the records and rejects of a sample whose job completes."""
    assert sample.error is None
    data = sample.path.read_bytes()
    rows = _parquet_rows(sample) if data[:4] == b"PAR1" else _csv_rows(sample, data)
    records: list[tuple[bytes | None, bytes]] = []
    rejects: list[dict[str, Any]] = []
    for row in rows:
        if row.errors:
            rejects.append(_reject(sample, row))
        else:
            records.append((row.key, row.value))
    return Expected(records, rejects)


@dataclass
class _Row:
    number: int
    line: int | None
    byte: int | None
    raw: bytes
    errors: list[tuple[str | None, str]] = field(default_factory=list)
    key: bytes | None = None
    value: bytes = b""


def _reject(sample: Sample, row: _Row) -> dict[str, Any]:
    try:
        raw, encoding = row.raw.decode(), "utf-8"
        raw = raw[:RAW_JSON_BYTES]
        while len(quote(raw).encode()) > RAW_JSON_BYTES:
            raw = raw[:-1]
        kept = len(raw.encode())
    except UnicodeDecodeError:
        raw, encoding, kept = base64.b64encode(row.raw).decode(), "base64", len(row.raw)
    return {
        "file": Path(sample.file).name,
        "row": row.number,
        "line": row.line,
        "byte_offset": row.byte,
        "errors": [{"column": column, "code": code} for column, code in row.errors],
        "raw": raw,
        "raw_encoding": encoding,
        "raw_bytes": len(row.raw),
        "raw_truncated": kept < len(row.raw),
    }


@dataclass
class _RawRow:
    start: int
    line: int
    raw: bytes = b""
    cells: list[bytes] = field(default_factory=list)
    closed: bool = True


def _cut(data: bytes, delimiter: bytes) -> Iterator[_RawRow]:
    """One state machine over the bytes: where rows end and what their cells are."""
    at = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    line = 1
    while at < len(data):
        row = _RawRow(at, line)
        cell, quoted, cell_start, ended = bytearray(), False, True, False
        while at < len(data) and not ended:
            byte = data[at : at + 1]
            at += 1
            line += byte == b"\n"
            if quoted:
                if byte != b'"':
                    cell += byte
                elif data[at : at + 1] == b'"':
                    cell += b'"'
                    at += 1
                else:
                    quoted = False
            elif byte == b'"' and cell_start:
                quoted = True
            elif byte == delimiter:
                row.cells.append(bytes(cell))
                cell.clear()
                cell_start = True
                continue
            elif byte == b"\n":
                ended = True
            else:
                cell += byte
            cell_start = False
        row.raw = data[row.start : at - ended]
        row.closed = not quoted
        if ended and row.raw.endswith(b"\r"):
            row.raw = row.raw[:-1]
            if cell.endswith(b"\r"):
                del cell[-1]
        row.cells.append(bytes(cell))
        if row.raw:
            yield row


def _csv_rows(sample: Sample, data: bytes) -> Iterator[_Row]:
    delimiter = b";" if sample.file == "odd/quotes.csv" else b","
    columns: list[str] | None = None
    number = 0
    for raw in _cut(data, delimiter):
        if columns is None:
            columns = [cell.decode().strip(" \t") for cell in raw.cells]
            continue
        number += 1
        row = _Row(number, raw.line, raw.start, raw.raw)
        if not raw.closed:
            row.errors = [(None, "UNCLOSED_QUOTE")]
        elif len(raw.raw) > MAX_ROW_BYTES:
            row.errors = [(None, "ROW_TOO_LARGE")]
        elif not _is_utf8(raw.raw):
            row.errors = [(None, "ENCODING")]
        elif len(raw.cells) != len(columns):
            row.errors = [(None, "COLUMN_COUNT")]
        else:
            readers = {name: csv_reader(sample, name) for name in columns}
            _judge(sample, row, {n: readers[n](c.decode()) for n, c in zip(columns, raw.cells, strict=True)})
        yield row


def _parquet_rows(sample: Sample) -> Iterator[_Row]:
    table = pq.read_table(pa.BufferReader(sample.path.read_bytes()))
    columns = {name: parquet_cells(table.column(name)) for name in table.column_names}
    for index in range(table.num_rows):
        cells = {name: values[index] for name, values in columns.items()}
        raw = ",".join(f"{quote(name)}:{cell.raw}" for name, cell in cells.items())
        row = _Row(index + 1, None, None, b"{" + raw.encode() + b"}")
        _judge(sample, row, {name: parquet_outcome(sample, name, cell) for name, cell in cells.items()})
        yield row


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _judge(sample: Sample, row: _Row, outcomes: dict[str, Outcome]) -> None:
    schema = sample.schema_json
    row.errors = [(name, o.code) for name, o in outcomes.items() if o.code]
    for name in schema.get("required", []):
        if outcomes[name].json is None and outcomes[name].code is None:
            row.errors.append((name, "REQUIRED"))
    if row.errors:
        return
    members = {name: o.json for name, o in outcomes.items() if o.json is not None}
    if "if" in schema and members.get("room") == '"lab"' and "samples" not in members:
        row.errors = [(None, "SCHEMA")]
        return
    row.value = ("{" + ",".join(f"{quote(n)}:{text}" for n, text in members.items()) + "}").encode()
    if (key := sample.options.get("key")) and outcomes[key].key is not None:
        row.key = str(outcomes[key].key).encode()
