"""The NDJSON reader: lines, blocks, positions, resumes, and rows that are too large."""

from __future__ import annotations

import gzip
import random
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.api import Position
from connectors.errors import JobCode, JobError, RowCode
from connectors.ndjson.reader import NdjsonBlock, NdjsonReader
from connectors.text import cutter
from connectors.text.compression import compression_of
from connectors.text.cutter import HEAD_BYTES, SkippedRow
from connectors.text.lines import split_lines
from connectors.text.opening import open_text


def open_ndjson(path: Path, **options: Any) -> NdjsonReader:
    with path.open("rb") as file:
        compression = compression_of(file.read(4))
    source = open_text(path, compression=compression, max_decompressed_bytes=1 << 30)
    return NdjsonReader(source, **{"block_bytes": 4096, "max_row_bytes": 900_000, **options})


def blocks(reader: NdjsonReader) -> list[NdjsonBlock]:
    with closing(reader):
        return list(iter(reader.read_block, None))


def write(tmp_path: Path, data: bytes) -> Path:
    (path := tmp_path / "file.ndjson").write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "first"),
    [
        (b'{"a":1}\n', Position()),
        (b'\xef\xbb\xbf{"a":1}', Position(byte=3)),
        (b'\n\r\n{"a":1}\n', Position(byte=3, line=2)),
        (b"\n\n", Position(byte=2, line=2)),
        (b"", Position()),
    ],
)
def test_a_new_file_opens_at_its_first_line(tmp_path: Path, data: bytes, first: Position) -> None:
    with closing(open_ndjson(write(tmp_path, data))) as reader:
        assert reader.snapshot() == first
        assert reader.columns == ()


def test_quotes_do_not_hide_the_end_of_a_line(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"a":"x\r\n\n\r\n"b":"}\n{"c":1}')
    assert blocks(open_ndjson(path, block_bytes=9)) == [
        NdjsonBlock(Position(), Position(12, 1, 3, 1), b'{"a":"x\r\n', 1, "utf-8", 12),
        NdjsonBlock(Position(12, 1, 3, 1), Position(19, 2, 4, 2), b'"b":"}\n', 1, "utf-8", 19),
        NdjsonBlock(Position(19, 2, 4, 2), Position(26, 3, 4, 3), b'{"c":1}', 1, "utf-8", 26),
    ]


def test_a_line_of_spaces_is_a_row_and_a_last_cr_is_data(tmp_path: Path) -> None:
    [block] = blocks(open_ndjson(write(tmp_path, b"{}\n \n{}\r")))
    assert [block.data[row.start : row.end] for row in split_lines(block.data)] == [b"{}", b" ", b"{}\r"]
    assert block.rows == 3


@pytest.mark.parametrize(("size", "skipped"), [(1999, False), (2000, False), (2001, True), (2002, True)])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_row_may_have_exactly_max_row_bytes(tmp_path: Path, size: int, skipped: bool, end: bytes) -> None:
    row = b'"' * size
    path = write(tmp_path, row + end)
    [block] = blocks(open_ndjson(path, block_bytes=1000, max_row_bytes=2000))
    expected = SkippedRow(RowCode.ROW_TOO_LARGE, row, size, size) if skipped else None
    assert (block.rows, block.skipped) == (1, expected)
    assert block.data == (b"" if skipped else row + end)
    assert block.end.byte == size + len(end)


def test_a_giant_line_in_gzip_is_not_held(tmp_path: Path) -> None:
    row = random.Random(4).randbytes(40_000).hex().encode() * 500
    path = write(tmp_path, gzip.compress(b"{}\n" + row + b'\r\n{"b":1}\n'))
    tracemalloc.start()
    try:
        first, second, third = blocks(open_ndjson(path, block_bytes=65536))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6_000_000
    assert (first.data, second.data, third.data) == (b"{}\n", b"", b'{"b":1}\n')
    assert second.skipped == SkippedRow(RowCode.ROW_TOO_LARGE, row[:HEAD_BYTES], len(row), len(row))
    assert third.start == Position(byte=3 + len(row) + 2, row=2, line=2, block=2)


@pytest.mark.parametrize("byte", [1, 17])
def test_a_position_outside_of_the_rows_is_refused(tmp_path: Path, byte: int) -> None:
    path = write(tmp_path, b'\n\n{"a":1}\n{"a":2}'[: 2 + 15])
    with pytest.raises(JobError) as raised:
        open_ndjson(path, position=Position(byte=byte if byte < 17 else 18, row=1, line=1, block=1))
    assert raised.value.code is JobCode.FILE_CHANGED


def test_the_whole_lines_before_damage_come_first(tmp_path: Path) -> None:
    rows = [b'{"n": %d}' % (n * 7919 % 100_003) for n in range(20_000)]
    data = gzip.compress(b"\n".join(rows))
    found: list[NdjsonBlock] = []
    with closing(open_ndjson(write(tmp_path, data[:-5000]))) as reader, pytest.raises(JobError) as raised:
        found.extend(iter(reader.read_block, None))
    lines = b"".join(block.data for block in found).splitlines()
    assert lines == rows[: len(lines)]
    assert len(lines) > 5000
    assert raised.value.code is JobCode.UNSUPPORTED_FILE_TYPE


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ndjson")


lines = st.lists(
    st.sampled_from([b'"', b"\n", b"\n", b"\r", b"\r\n", b" ", b"{}", b"12345", b"\xc3\xa9"]), max_size=40
).map(b"".join)


def plain_rows(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """The rows of a file, by hand: start, end with its line end, LFs before it, text."""
    rows, start = [], 0
    for number, line in enumerate(data.split(b"\n")):
        after = min(start + len(line) + 1, len(data))
        ended = start + len(line) < len(data)
        text = line[:-1] if ended and line.endswith(b"\r") else line
        if text:
            rows.append((start, after, number, text))
        start = after
    return rows


@settings(max_examples=400, deadline=None)
@given(
    data=lines, block_bytes=st.integers(1, 40), max_row_bytes=st.integers(1, 30), scan_bytes=st.integers(2, 9)
)
def test_blocks_hold_the_lines_of_the_file(
    scratch: Path, data: bytes, block_bytes: int, max_row_bytes: int, scan_bytes: int
) -> None:
    path = write(scratch, data)
    options = {"block_bytes": block_bytes, "max_row_bytes": max_row_bytes}
    with patch.object(cutter, "_SCAN_BYTES", scan_bytes), patch.object(cutter, "HEAD_BYTES", 9):
        found = blocks(open_ndjson(path, **options))
        for number, block in enumerate(found):
            assert blocks(open_ndjson(path, position=block.start, **options)) == found[number:]
            assert blocks(open_ndjson(path, position=block.end, **options)) == found[number + 1 :]
    rows = plain_rows(data)
    seen = 0
    for number, block in enumerate(found):
        group = rows[seen : seen + block.rows]
        assert block.start == Position(group[0][0], seen, group[0][2], number)
        if block.skipped is not None:
            size = len(group[0][3])
            assert size > max_row_bytes
            assert block.skipped == SkippedRow(RowCode.ROW_TOO_LARGE, group[0][3][:9], size, size)
        else:
            places = split_lines(block.data)
            assert [block.data[place.start : place.end] for place in places] == [row[3] for row in group]
            assert [block.start.line + place.line for place in places] == [row[2] for row in group]
            assert len(block.data) <= block_bytes or block.rows == 1
        seen += block.rows
    assert seen == len(rows)
    if found:
        assert found[-1].end == Position(len(data), len(rows), data.count(b"\n"), len(found))
