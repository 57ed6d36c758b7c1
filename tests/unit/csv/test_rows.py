"""Every sentence of the CSV grammar by example, and against a parser that goes byte by byte."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.csv.rows import (
    Cell,
    RawRow,
    ScanState,
    cut_rows,
    parse_cells,
    scan_row,
    split_rows,
)
from connectors.text.lines import content_end
from tests.unit.csv.brute_force import brute_force, first_line

csv_bytes = st.lists(
    st.sampled_from([b'"', b'""', b",", b";", b"\n", b"\r", b"\r\n", b" ", b"a", b"1", b"\xc3\xa9", b"\xff"]),
    max_size=40,
).map(b"".join)


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"a,b\nc,d\n", [b"a,b", b"c,d"], id="LF"),
        pytest.param(b"a,b\r\nc,d\r\n", [b"a,b", b"c,d"], id="CRLF"),
        pytest.param(b"a\r\r\nb\n", [b"a\r", b"b"], id="one CR belongs to the line end, not two"),
        pytest.param(b"a\rb\n", [b"a\rb"], id="a bare CR is data"),
        pytest.param(b'"a\r\nb"\r\nc\n', [b'"a\r\nb"', b"c"], id="CRLF inside quotes is data"),
        pytest.param(b'"a\nb\n\nc",d\n', [b'"a\nb\n\nc",d'], id="LFs and blank lines inside quotes"),
        pytest.param(b"a\nb", [b"a", b"b"], id="no newline at the end"),
        pytest.param(b"a\nb\r", [b"a", b"b\r"], id="a CR before the end of the file is data"),
        pytest.param(b"\n\r\na\n\n\r\n\nb\n\n", [b"a", b"b"], id="zero-byte lines are no rows"),
        pytest.param(b" \na\n", [b" ", b"a"], id="a line of spaces is a row"),
        pytest.param(b'""\na\n', [b'""', b"a"], id="a line of two quotes is a row"),
        pytest.param(b'5" pipe,x\nb\n', [b'5" pipe,x', b"b"], id="a quote in a cell is data"),
        pytest.param(b'a, "b\nc"\n', [b'a, "b', b'c"'], id="a quote after a space is data"),
        pytest.param(b'"a"b"\nc\n', [b'"a"b"', b"c"], id="a quote after the closing one is data"),
        pytest.param(b'"a""\n""b"\nc\n', [b'"a""\n""b"', b"c"], id="doubled quotes do not close"),
        pytest.param(b'"a"\n"b"\n', [b'"a"', b'"b"'], id="a quote at the start of the next row"),
        pytest.param(b'a\n"b\nc', [b"a", b'"b\nc'], id="an open quote takes the rest"),
    ],
)
def test_rows_end_where_the_grammar_says(data: bytes, rows: list[bytes]) -> None:
    assert [data[row.start : row.end] for row in split_rows(data, b",")] == rows


def test_rows_know_offset_and_line() -> None:
    data = b'a\r\n\n"x\ny",b\n\r\nlast'
    assert split_rows(data, b",") == [RawRow(0, 1, 0), RawRow(4, 11, 2), RawRow(14, 18, 5)]


@pytest.mark.parametrize(
    ("data", "start", "after", "end"),
    [(b"a\n", 0, 2, 1), (b"a\r\n", 0, 3, 1), (b"\n\r", 0, 1, 0), (b"\r\n", 0, 2, 0), (b"a\r\n\n", 3, 4, 3)],
)
def test_a_line_end_is_not_content(data: bytes, start: int, after: int, end: int) -> None:
    assert content_end(data, start, after) == end


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (b"", [(b"", False)]),
        (b"a", [(b"a", False)]),
        (b"a,,b,", [(b"a", False), (b"", False), (b"b", False), (b"", False)]),
        (b" a ,b", [(b" a ", False), (b"b", False)]),
        (b'""', [(b"", True)]),
        (b'"",""', [(b"", True), (b"", True)]),
        (b'"a,b",c', [(b"a,b", True), (b"c", False)]),
        (b'"a""b"', [(b'a"b', True)]),
        (b'""""', [(b'"', True)]),
        (b'"a"b,c', [(b"ab", True), (b"c", False)]),
        (b'"a" "b",c', [(b'a "b"', True), (b"c", False)]),
        (b'"a"b""c,d', [(b'ab""c', True), (b"d", False)]),
        (b'5" pipe,6"', [(b'5" pipe', False), (b'6"', False)]),
        (b' "a,b"', [(b' "a', False), (b'b"', False)]),
        (b'"a\r\nb",c\rd', [(b"a\r\nb", True), (b"c\rd", False)]),
        (b'a,"b', [(b"a", False), (b"b", True)]),
    ],
)
def test_cells(row: bytes, cells: list[tuple[bytes, bool]]) -> None:
    parsed = parse_cells(row, b",")
    assert parsed == cells
    assert all(type(cell) is Cell for cell in parsed)


@pytest.mark.parametrize("delimiter", [b",", b";", b"\t", b"|"])
def test_only_the_delimiter_parts_cells(delimiter: bytes) -> None:
    row = delimiter.join([b'"a,b;c\td|e"', b"x", b""])
    assert parse_cells(row, delimiter) == [(b"a,b;c\td|e", True), (b"x", False), (b"", False)]
    assert parse_cells(b"a.b^c", delimiter) == [(b"a.b^c", False)]


@settings(max_examples=600, deadline=None)
@given(data=csv_bytes, delimiter=st.sampled_from([b",", b";"]))
@example(data=b'"a""', delimiter=b",")
@example(data=b',"\n', delimiter=b",")
def test_rows_and_cells_agree_with_brute_force(data: bytes, delimiter: bytes) -> None:
    expected = brute_force(data, delimiter)
    rows = split_rows(data, delimiter)
    assert rows == [(row.start, row.end, row.line) for row in expected]
    for raw, row in zip(rows, expected, strict=True):
        assert parse_cells(data[raw.start : raw.end], delimiter) == row.cells


@settings(max_examples=600, deadline=None)
@given(data=csv_bytes, delimiter=st.sampled_from([b",", b";"]), limit=st.integers(1, 40))
def test_a_cut_takes_all_whole_rows_within_the_limit(data: bytes, delimiter: bytes, limit: int) -> None:
    window = data[: limit + 1]
    whole = [row for row in brute_force(data, delimiter) if row.after <= limit and row.closed]
    size, rows, lines = cut_rows(window, limit, delimiter, ends=len(window) <= limit)
    assert rows == len(whole)
    assert size <= limit
    assert lines == window[:size].count(b"\n")
    # what is left out of the cut, and what is in it besides rows, is blank lines
    reached = whole[-1].after if whole else 0
    assert set(data[min(reached, size) : max(reached, size)]) <= set(b"\r\n")


@settings(max_examples=600, deadline=None)
@given(data=csv_bytes, cuts=st.sets(st.integers(1, 40)), delimiter=st.sampled_from([b",", b";"]))
@example(data=b'"a"",\n"\nb', cuts={3}, delimiter=b",")
@example(data=b'a,"\n"\nb', cuts={2}, delimiter=b",")
def test_a_scan_in_pieces_finds_the_same_row_end(data: bytes, cuts: set[int], delimiter: bytes) -> None:
    state, found = ScanState.CELL_START, -1
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    for start, stop in pairwise(edges):
        found, state = scan_row(data, start, stop, delimiter, state)
        if found >= 0:
            break
    line = first_line(data, delimiter)
    assert found == (line.after if line.after > line.end else -1)
    if found < 0:
        assert (state is ScanState.QUOTED) == (not line.closed)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("cell", [b'"",', b'"a,b",', b'""""', b'"a"b",', b'x"'])
def test_one_huge_row_takes_linear_time(cell: bytes) -> None:
    data = cell * 1_000_000 + b"z\nlast"
    end = len(data) - len(b"\nlast")
    assert split_rows(data, b",") == [(0, end, 0), (end + 1, end + 5, 1)]
    assert scan_row(data, 0, len(data), b",", ScanState.CELL_START) == (end + 1, ScanState.CELL_START)
