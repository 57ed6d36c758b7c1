"""What every SourceReader promises, whatever it reads. A new reader adds a case to CASES."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd

from connectors.api import Block, Position, SourceReader
from connectors.errors import JobCode, JobError
from connectors.model.options import Options
from connectors.parquet.reader import ParquetReader
from connectors.registry import open_source

COLUMNS = ("id", "name", "note")
START = Position()
Rows = Sequence[Sequence[str]]
ROWS: Rows = [(str(n), f"näme {n}", "é" * (n * 37 % 50)) for n in range(500)]


@dataclass(frozen=True)
class ReaderCase:
    """A reader, how to write a file for it, and how to read its blocks without it.

    `block_bytes` are block sizes that cut ROWS into several blocks; the last one takes them whole.
    """

    name: str
    write: Callable[[Path, Rows], None]
    open: Callable[[Path, int, Position], SourceReader]
    rows: Callable[[Any], list[tuple[str, ...]]]
    block_bytes: tuple[int, ...]
    columns: tuple[str, ...] = COLUMNS


def _plain(data: bytes) -> bytes:
    return data


def _write_csv(pack: Callable[[bytes], bytes], encoding: str, path: Path, rows: Rows) -> None:
    text = "".join(",".join(row) + "\n" for row in [COLUMNS, *rows])
    path.write_bytes(pack(text.encode(encoding)))


def _write_ndjson(pack: Callable[[bytes], bytes], path: Path, rows: Rows) -> None:
    lines = (json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n" for row in rows)
    path.write_bytes(pack("".join(lines).encode()))


def _open_text(content: str, encoding: str, path: Path, block_bytes: int, position: Position) -> SourceReader:
    return open_source(
        path,
        options=Options(encoding=encoding),
        block_bytes=block_bytes,
        max_row_bytes=1024,
        max_decompressed_bytes=1_000_000,
        position=position,
        format=content,
    )


def _csv_rows(block: Any) -> list[tuple[str, ...]]:
    return [tuple(line.split(",")) for line in block.data.decode(block.encoding).splitlines()]


def _ndjson_rows(block: Any) -> list[tuple[str, ...]]:
    return [tuple(json.loads(line).values()) for line in block.data.splitlines()]


def _write_parquet(path: Path, rows: Rows) -> None:
    cells = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
    table = pa.table([pa.array(column, pa.string()) for column in cells], names=COLUMNS)
    pq.write_table(table, path, row_group_size=max(1, len(rows)))


def _open_parquet(path: Path, block_bytes: int, position: Position) -> SourceReader:
    return ParquetReader(path, block_bytes=block_bytes, position=position)


def _parquet_rows(block: Any) -> list[tuple[str, ...]]:
    return list(zip(*block.batch.to_pydict().values(), strict=True))


_TEXT_SIZES = (1, 40, 1000, 4096, 1_000_000)


def _csv(name: str, pack: Callable[[bytes], bytes] = _plain, encoding: str = "utf-8") -> ReaderCase:
    content = name.partition(" ")[0]
    option = encoding if encoding == "cp1252" else "utf-8"
    return ReaderCase(
        name,
        partial(_write_csv, pack, encoding),
        partial(_open_text, content, option),
        _csv_rows,
        _TEXT_SIZES,
    )


def _ndjson(name: str, pack: Callable[[bytes], bytes] = _plain) -> ReaderCase:
    return ReaderCase(
        name, partial(_write_ndjson, pack), partial(_open_text, name, "utf-8"), _ndjson_rows, _TEXT_SIZES, ()
    )


def _gzip_members(data: bytes) -> bytes:
    """As `cat a.gz b.gz` makes it, on some byte of a row, and padded as tapes do."""
    middle = len(data) // 2
    return gzip.compress(data[:middle]) + gzip.compress(data[middle:]) + b"\x00" * 512


CASES = [
    _csv("csv"),
    _csv("csv in cp1252", encoding="cp1252"),
    _csv("csv in utf-16", encoding="utf-16"),
    _csv("csv+gzip", gzip.compress),
    _csv("csv+gzip of members", _gzip_members),
    _csv("csv+zstd", zstd.compress),
    _csv("csv+zstd in utf-16", zstd.compress, encoding="utf-16"),
    _ndjson("ndjson"),
    _ndjson("ndjson+gzip", gzip.compress),
    _ndjson("ndjson+zstd", zstd.compress),
    ReaderCase("parquet", _write_parquet, _open_parquet, _parquet_rows, (1, 200, 4096, 1_000_000)),
]

_SIZES = [(case, size) for case in CASES for size in case.block_bytes]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_size = pytest.mark.parametrize(
    ("case", "block_bytes"), _SIZES, ids=[f"{case.name}-{size}" for case, size in _SIZES]
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def read(case: ReaderCase, path: Path, block_bytes: int, position: Position = START) -> list[Block]:
    with closing(case.open(path, block_bytes, position)) as reader:
        return list(iter(reader.read_block, None))


@each_size
def test_all_rows_come_once_and_in_order(case: ReaderCase, block_bytes: int, path: Path) -> None:
    case.write(path, ROWS)
    blocks = read(case, path, block_bytes)
    assert [row for block in blocks for row in case.rows(block)] == list(ROWS)


@each_case
def test_a_large_file_is_several_blocks_and_block_bytes_says_how_many(case: ReaderCase, path: Path) -> None:
    case.write(path, ROWS)
    counts = [len(read(case, path, size)) for size in case.block_bytes]
    assert counts[0] > 1
    assert counts[-1] == 1
    assert counts == sorted(counts, reverse=True)


@each_size
def test_blocks_are_joined_by_their_positions(case: ReaderCase, block_bytes: int, path: Path) -> None:
    case.write(path, ROWS)
    with closing(case.open(path, block_bytes, START)) as reader:
        number = rows = 0
        while True:
            before = reader.snapshot()
            if (block := reader.read_block()) is None:
                break
            assert block.start == before
            assert block.end == reader.snapshot()
            assert block.start.block == number
            assert block.start.row == rows
            number += 1
            rows += len(case.rows(block))
            assert block.end.block == number
            assert block.end.row == rows
        assert rows == len(ROWS)


@each_size
def test_a_resume_gives_the_same_blocks(case: ReaderCase, block_bytes: int, path: Path) -> None:
    case.write(path, ROWS)
    blocks = read(case, path, block_bytes)
    for number in range(0, len(blocks), 1 + len(blocks) // 40):
        resumed = read(case, path, block_bytes, blocks[number].end)
        assert [(b.start, b.end) for b in resumed] == [(b.start, b.end) for b in blocks[number + 1 :]]
        assert [b.file_bytes for b in resumed] == [b.file_bytes for b in blocks[number + 1 :]]
        assert [case.rows(b) for b in resumed] == [case.rows(b) for b in blocks[number + 1 :]]


@each_size
def test_the_bytes_of_the_file_that_are_read_grow_to_all_of_them(
    case: ReaderCase, block_bytes: int, path: Path
) -> None:
    case.write(path, ROWS)
    found = [block.file_bytes for block in read(case, path, block_bytes)]
    assert found == sorted(found)
    assert found[0] > 0
    assert found[-1] == path.stat().st_size


@each_case
def test_the_position_of_a_new_file_is_one_to_resume_at(case: ReaderCase, path: Path) -> None:
    case.write(path, ROWS)
    with closing(case.open(path, 1000, START)) as reader:
        first = reader.snapshot()
    assert (first.row, first.block) == (0, 0)
    resumed = read(case, path, 1000, first)
    assert [row for block in resumed for row in case.rows(block)] == list(ROWS)


@each_case
def test_the_end_of_the_file_is_a_position_and_stays(case: ReaderCase, path: Path) -> None:
    case.write(path, ROWS)
    end = read(case, path, 1000)[-1].end
    with closing(case.open(path, 1000, end)) as reader:
        assert reader.read_block() is None
        assert reader.read_block() is None
        assert reader.snapshot() == end


@each_case
def test_columns_are_known_before_the_first_block_and_at_a_resume(case: ReaderCase, path: Path) -> None:
    case.write(path, ROWS)
    with closing(case.open(path, 1000, START)) as reader:
        assert reader.columns == case.columns
        block = reader.read_block()
    assert block is not None
    with closing(case.open(path, 1000, block.end)) as reader:
        assert reader.columns == case.columns


@each_case
def test_a_file_of_columns_only_has_no_blocks(case: ReaderCase, path: Path) -> None:
    case.write(path, [])
    with closing(case.open(path, 1000, START)) as reader:
        assert reader.columns == case.columns
        assert reader.read_block() is None


@each_case
def test_close_may_come_early_and_twice(case: ReaderCase, path: Path) -> None:
    case.write(path, ROWS)
    reader = case.open(path, 1000, START)
    assert reader.read_block() is not None
    reader.close()
    reader.close()


@each_case
def test_a_file_that_is_gone(case: ReaderCase, path: Path) -> None:
    with pytest.raises(JobError) as raised:
        case.open(path, 1000, START)
    assert raised.value.code is JobCode.FILE_GONE


@each_case
def test_a_position_beyond_the_file_is_refused(case: ReaderCase, path: Path) -> None:
    case.write(path, ROWS)
    end = read(case, path, 1000)[-1].end
    case.write(path, ROWS[:10])
    with pytest.raises(JobError) as raised:
        case.open(path, 1000, end)
    assert raised.value.code is JobCode.FILE_CHANGED
