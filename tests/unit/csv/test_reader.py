"""The CSV reader: blocks, positions, resumes, and what only it can reject."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.api import Position
from connectors.csv.reader import CsvBlock, CsvReader
from connectors.csv.rows import parse_cells, split_rows
from connectors.errors import HeaderError, JobCode, JobError, RowCode
from connectors.text import cutter
from connectors.text.cutter import HEAD_BYTES, SkippedRow
from connectors.text.opening import open_text
from tests.unit.csv.brute_force import BruteRow, brute_force

START = Position()


def open_csv(path: Path, **options: Any) -> CsvReader:
    defaults: dict[str, Any] = {
        "block_bytes": 4096,
        "max_row_bytes": 900_000,
        "delimiter": None,
        "header": options.get("columns") is None,
        "columns": None,
    }
    source = open_text(path, max_decompressed_bytes=1)
    return CsvReader(source, **{**defaults, **options})


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "file.csv"
    path.write_bytes(data)
    return path


def blocks(reader: CsvReader) -> list[CsvBlock]:
    with closing(reader):
        return list(iter(reader.read_block, None))


def cells(found: list[CsvBlock]) -> list[list[bytes]]:
    return [
        [cell.text for cell in parse_cells(block.data[row.start : row.end], block.delimiter)]
        for block in found
        for row in split_rows(block.data, block.delimiter)
    ]


# opening


@pytest.mark.parametrize(
    ("data", "columns", "first"),
    [
        (b"a,b\n1,2\n", ("a", "b"), Position(byte=4, line=1)),
        (b"a,b\r\n1,2\r\n", ("a", "b"), Position(byte=5, line=1)),
        (b"\xef\xbb\xbfa,b\n1,2\n", ("a", "b"), Position(byte=7, line=1)),
        (b"\n\r\na,b\n\n\r\n1,2\n", ("a", "b"), Position(byte=10, line=5)),
        (b'\xef\xbb\xbf\n"a\nb";c\n1;2\n', ("a\nb", "c"), Position(byte=12, line=3)),
        (b"a,b", ("a", "b"), Position(byte=3)),
        (b"a,b\n\n\n", ("a", "b"), Position(byte=6, line=3)),
        (b"", (), Position()),
        (b"\xef\xbb\xbf", (), Position(byte=3)),
        (b"\xef\xbb\xbf\n\r\n\n", (), Position(byte=7, line=3)),
    ],
)
def test_a_new_file_opens_at_its_first_data_row(
    tmp_path: Path, data: bytes, columns: tuple[str, ...], first: Position
) -> None:
    with closing(open_csv(write(tmp_path, data))) as reader:
        assert reader.columns == columns
        assert reader.snapshot() == first


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf\n", b"\n\n", b"a,b\n", b"a,b\r\n\r\n\n", b"a,b"])
def test_no_rows_are_no_blocks(tmp_path: Path, data: bytes) -> None:
    with closing(open_csv(write(tmp_path, data))) as reader:
        assert reader.read_block() is None
        assert reader.read_block() is None
        assert reader.snapshot().byte == len(data)


def test_a_bom_counts_only_at_the_start(tmp_path: Path) -> None:
    bom = b"\xef\xbb\xbf"
    [block] = blocks(open_csv(write(tmp_path, bom + bom + b"a\n" + bom + b"1\n")))
    assert block.data == bom + b"1\n"
    with closing(open_csv(write(tmp_path, bom + bom + b"a\n"))) as reader:
        assert reader.columns == ("\ufeffa",)


def test_without_header_the_first_line_is_a_row_and_decides_the_delimiter(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbf\n1;2\n3;4\n")
    with closing(open_csv(path, columns=("x", "y"))) as reader:
        assert reader.columns == ("x", "y")
        assert reader.snapshot() == Position(byte=4, line=1)
    [block] = blocks(open_csv(path, columns=("x", "y")))
    assert (block.rows, block.data, block.delimiter) == (2, b"1;2\n3;4\n", b";")


def test_without_header_a_file_of_nothing_has_no_columns(tmp_path: Path) -> None:
    with closing(open_csv(write(tmp_path, b"\n\n"), columns=("x",))) as reader:
        assert reader.columns == ()
        assert reader.read_block() is None


def test_a_given_delimiter_is_not_searched(tmp_path: Path) -> None:
    found = blocks(open_csv(write(tmp_path, b"a,b,c\td\n1,2,3\t4\n"), delimiter="\t"))
    assert cells(found) == [[b"1,2,3", b"4"]]


@pytest.mark.parametrize(("header", "columns"), [(True, ("a",)), (False, None)])
def test_columns_go_with_no_header_only(
    tmp_path: Path, header: bool, columns: tuple[str, ...] | None
) -> None:
    with pytest.raises(ValueError, match="`columns` is needed with, and only with, `header` false"):
        open_csv(write(tmp_path, b"a\n"), header=header, columns=columns)


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (b"\n\na,,b\n", JobCode.HEADER_MISSING, "column `2` has no name in the header in line `3`"),
        (
            b"\xef\xbb\xbfa,\xe9\n",
            JobCode.ENCODING,
            "the header in line `1` is not valid UTF-8: `0xE9` (byte `5` of the file)",
        ),
        (b"a;a\n", JobCode.HEADER_DUPLICATE, "columns `1` and `2` are both named `a`"),
        (
            b"x" * 5000,
            JobCode.HEADER_MISSING,
            "the header in line `1` is longer than the `2000` bytes that a row may have",
        ),
    ],
)
def test_header_problems_stop_the_opening(tmp_path: Path, data: bytes, code: JobCode, message: str) -> None:
    with pytest.raises(HeaderError) as raised:
        open_csv(write(tmp_path, data), max_row_bytes=2000)
    assert (raised.value.code, raised.value.message) == (code, message)


# blocks


def test_positions_count_rows_lines_bytes_and_blocks(tmp_path: Path) -> None:
    path = write(tmp_path, b'a\n1\n"2\n2"\r\n\n3\n')
    assert blocks(open_csv(path, block_bytes=1)) == [
        CsvBlock(Position(2, 0, 1, 0), Position(4, 1, 2, 1), b"1\n", 1, b",", file_bytes=4),
        CsvBlock(Position(4, 1, 2, 1), Position(12, 2, 5, 2), b'"2\n2"\r\n', 1, b",", file_bytes=12),
        CsvBlock(Position(12, 2, 5, 2), Position(14, 3, 6, 3), b"3\n", 1, b",", file_bytes=14),
    ]
    assert blocks(open_csv(path, block_bytes=100)) == [
        CsvBlock(Position(2, 0, 1, 0), Position(14, 3, 6, 1), b'1\n"2\n2"\r\n\n3\n', 3, b",", file_bytes=14),
    ]


def test_the_last_row_needs_no_newline_and_keeps_its_cr(tmp_path: Path) -> None:
    [block] = blocks(open_csv(write(tmp_path, b"a\n1\n2\r")))
    assert block.rows == 2
    assert cells([block]) == [[b"1"], [b"2\r"]]
    assert block.end == Position(byte=6, row=2, line=2, block=1)


@pytest.mark.parametrize("block_bytes", [1, 3, 4, 5, 7, 64])
def test_a_row_longer_than_a_block_is_a_block(tmp_path: Path, block_bytes: int) -> None:
    rows = [b"1", b'"' + b"x\n" * 40 + b'"', b"2", b"y" * 90, b"3"]
    found = blocks(open_csv(write(tmp_path, b"a\n" + b"\r\n".join(rows)), block_bytes=block_bytes))
    assert cells(found) == [[b"1"], [b"x\n" * 40], [b"2"], [b"y" * 90], [b"3"]]
    assert all(len(block.data) <= block_bytes or block.rows == 1 for block in found)


def test_blank_lines_by_the_megabyte_cost_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, b"a\n1\n" + b"\n" * 1_000_000 + b"\r\n" * 1_000_000 + b"\r2\n\n")
    first, second = blocks(open_csv(path))
    assert first.end == second.start == Position(3_000_004, 1, 2_000_002, first.end.block)
    assert (second.rows, cells([second])) == (1, [[b"\r2"]])
    assert second.end == Position(3_000_008, 2, 2_000_004, second.end.block)


def test_a_read_that_answers_with_less_is_not_the_end(tmp_path: Path) -> None:
    path = write(tmp_path, b"name,b\n" + b"123,45\n" * 20)
    whole = blocks(open_csv(path, block_bytes=30))
    pread = os.pread
    with patch.object(os, "pread", lambda file, size, offset: pread(file, min(size, 3), offset)):
        assert blocks(open_csv(path, block_bytes=30)) == whole
    assert cells(whole) == [[b"123", b"45"]] * 20


# what only the reader can reject


def test_an_unclosed_quote_takes_the_rest_of_the_file(tmp_path: Path) -> None:
    tail = b'2,"x\n3,y\n4,z\r\n'
    first, second = blocks(open_csv(write(tmp_path, b"a,b\n1,w\n" + tail)))
    assert (first.rows, first.data, first.skipped) == (1, b"1,w\n", None)
    assert (second.rows, second.data) == (1, b"")
    assert second.start == Position(byte=8, row=1, line=2, block=1)
    assert second.end == Position(byte=8 + len(tail), row=2, line=5, block=2)
    assert second.skipped == SkippedRow(RowCode.UNCLOSED_QUOTE, tail, len(tail), len(tail))


def test_a_quote_closed_by_the_last_byte_is_closed(tmp_path: Path) -> None:
    [block] = blocks(open_csv(write(tmp_path, b'a\n"x"')))
    assert (block.rows, block.data, block.skipped) == (1, b'"x"', None)


@pytest.mark.parametrize(("end", "after"), [(b"", b""), (b"\n", b""), (b"\r\n", b"last\n")])
@pytest.mark.parametrize(
    ("size", "skipped"), [(1999, False), (2000, False), (2001, True), (2002, True), (2003, True)]
)
def test_a_row_may_have_exactly_max_row_bytes(
    tmp_path: Path, size: int, skipped: bool, end: bytes, after: bytes
) -> None:
    row = b"x" * size
    path = write(tmp_path, b"a\n" + row + end + after)
    block, *rest = blocks(open_csv(path, block_bytes=1000, max_row_bytes=2000))
    if skipped:
        assert (block.rows, block.data) == (1, b"")
        assert block.skipped == SkippedRow(RowCode.ROW_TOO_LARGE, row, size, size)
    else:
        assert (block.rows, block.data, block.skipped) == (1, row + end, None)
    assert block.end.byte == 2 + size + len(end)
    assert cells(rest) == ([[b"last"]] if after else [])


@pytest.mark.parametrize(
    ("row", "lines"),
    [
        pytest.param(b"x" * 10_000_000, 0, id="plain"),
        pytest.param(b'"' + b'"",\r\n' * 2_000_000 + b'"', 2_000_000, id="quoted"),
        pytest.param(b'"a,b",' * 1_700_000, 0, id="many cells"),
    ],
)
def test_a_row_of_ten_megabytes_is_skipped_in_little_memory(tmp_path: Path, row: bytes, lines: int) -> None:
    path = write(tmp_path, b"a\n1\n" + row + b"\r\n2\n")
    tracemalloc.start()
    try:
        first, second, third = blocks(open_csv(path, block_bytes=65536))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000
    assert cells([first, third]) == [[b"1"], [b"2"]]
    assert second.skipped is not None
    assert second.skipped.code is RowCode.ROW_TOO_LARGE
    assert second.skipped.raw_bytes == len(row)
    assert second.skipped.raw_head == row[:HEAD_BYTES]
    assert third.start == Position(byte=4 + len(row) + 2, row=2, line=3 + lines, block=2)


def test_unclosed_comes_before_too_large(tmp_path: Path) -> None:
    row = b'"' + b"x\n" * 1000
    [block] = blocks(open_csv(write(tmp_path, b"a\n" + row), block_bytes=100, max_row_bytes=500))
    assert block.skipped is not None
    assert (block.skipped.code, block.skipped.raw_bytes) == (RowCode.UNCLOSED_QUOTE, 2001)
    assert (block.end.byte, block.end.line) == (2003, 1001)


# resuming


def test_a_resume_reads_the_header_again(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbfa;b\n1;2\n3;4\n")
    with closing(open_csv(path, position=Position(byte=11, row=1, line=2, block=1))) as reader:
        assert reader.columns == ("a", "b")
        assert reader.read_block() == CsvBlock(
            Position(11, 1, 2, 1), Position(15, 2, 3, 2), b"3;4\n", 1, b";", file_bytes=15
        )


@pytest.mark.parametrize("byte", [1, 3, 13])
def test_a_position_outside_of_the_rows_is_refused(tmp_path: Path, byte: int) -> None:
    path = write(tmp_path, b"a,b\n1,2\n3,4\n")
    with pytest.raises(JobError) as raised:
        open_csv(path, position=Position(byte=byte, row=1, line=1, block=1))
    assert raised.value.code is JobCode.FILE_CHANGED
    assert raised.value.message == f"byte `{byte}` is not among the rows of the file, bytes `4` to `12`"


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(JobError) as raised:
        open_csv(tmp_path / "gone.csv")
    assert raised.value.code is JobCode.FILE_GONE


# against the parser that goes byte by byte

file_bytes = st.lists(
    st.sampled_from([b'"', b'""', b",", b"\n", b"\n", b"\r", b"\r\n", b" ", b"a", b"12345", b"\xc3\xa9"]),
    max_size=40,
).map(b"".join)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("csv")


@settings(max_examples=500, deadline=None)
@given(
    data=file_bytes,
    block_bytes=st.integers(1, 40),
    max_row_bytes=st.integers(1, 30),
    scan_bytes=st.integers(2, 9),
    head_bytes=st.integers(1, 9),
)
@example(data=b'1,"2"\r\n', block_bytes=1, max_row_bytes=5, scan_bytes=6, head_bytes=9)
def test_blocks_agree_with_brute_force(
    scratch: Path, data: bytes, block_bytes: int, max_row_bytes: int, scan_bytes: int, head_bytes: int
) -> None:
    path = write(scratch, data)
    options: dict[str, Any] = {
        "block_bytes": block_bytes,
        "max_row_bytes": max_row_bytes,
        "delimiter": ",",
        "columns": ("c",),
    }
    with (
        patch.object(cutter, "_SCAN_BYTES", scan_bytes),
        patch.object(cutter, "HEAD_BYTES", head_bytes),
    ):
        found = blocks(open_csv(path, **options))
        for number, block in enumerate(found):
            assert blocks(open_csv(path, position=block.start, **options)) == found[number:]
            assert blocks(open_csv(path, position=block.end, **options)) == found[number + 1 :]
    groups = list(_grouped(brute_force(data, b","), block_bytes))
    assert len(found) == len(groups)
    row, previous = 0, None
    for number, (block, group) in enumerate(zip(found, groups, strict=True)):
        assert block.start == Position(group[0].start, row, group[0].line, number)
        assert previous is None or previous.end == block.start
        _check_block(block, group, data, max_row_bytes, head_bytes)
        row, previous = row + len(group), block
    if previous is not None:
        assert previous.end == Position(len(data), row, data.count(b"\n"), len(groups))


def _grouped(rows: list[BruteRow], block_bytes: int) -> Iterator[list[BruteRow]]:
    """As many rows as fit into a block, one at least; an unclosed row stands alone."""
    group: list[BruteRow] = []
    for row in rows:
        if group and (row.after - group[0].start > block_bytes or not row.closed):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _check_block(
    block: CsvBlock, group: list[BruteRow], data: bytes, max_row_bytes: int, head_bytes: int
) -> None:
    assert block.rows == len(group)
    first = group[0]
    size = first.end - first.start
    if block.skipped is not None:
        assert len(group) == 1
        assert block.data == b""
        expected = RowCode.ROW_TOO_LARGE if first.closed else RowCode.UNCLOSED_QUOTE
        assert block.skipped.code is expected
        assert not first.closed or size > max_row_bytes
        assert block.skipped.raw_bytes == size
        assert block.skipped.raw_head == data[first.start : first.end][:head_bytes]
        return
    assert all(row.closed for row in group)
    rows = split_rows(block.data, b",")
    assert [(first.start + r.start, first.start + r.end, first.line + r.line) for r in rows] == [
        (row.start, row.end, row.line) for row in group
    ]
    assert data[first.start :].startswith(block.data)
