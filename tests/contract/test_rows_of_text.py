"""Rows of text files in any encoding and packing: those that Python's csv and json read in the same text."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.api import Position
from connectors.csv.reader import CsvBlock
from connectors.csv.reference import row_cells
from connectors.csv.rows import split_rows
from connectors.model.options import Options
from connectors.ndjson.reader import NdjsonBlock
from connectors.registry import open_source
from connectors.text import compression, cutter, unpacked
from connectors.text.lines import split_lines

START = Position()
Numbered = list[tuple[int, Any]]


@dataclass(frozen=True)
class Writing:
    """How text becomes a file: its codec and byte order mark, and the option `encoding` that reads it."""

    codec: str
    mark: bytes = b""
    option: str = "utf-8"


WRITINGS = {
    "utf-8": Writing("utf-8"),
    "utf-8 with a mark": Writing("utf-8", b"\xef\xbb\xbf", "cp1252"),
    "cp1252": Writing("cp1252", option="cp1252"),
    "utf-16-le": Writing("utf-16-le", b"\xff\xfe"),
    "utf-16-be": Writing("utf-16-be", b"\xfe\xff", "utf-16"),
}


def _members(pack: Callable[[bytes], bytes], data: bytes, cuts: Sequence[int]) -> bytes:
    """`data` in members or frames of their own, cut anywhere, also within a character."""
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return b"".join(pack(data[a:b]) for a, b in zip(places, [*places[1:], len(data)], strict=True))


PACKERS: dict[str, Callable[[bytes, Sequence[int]], bytes]] = {
    "plain": lambda data, cuts: data,
    "gzip": lambda data, cuts: _members(gzip.compress, data, cuts) + bytes(5),
    "zstd": lambda data, cuts: _members(zstd.compress, data, cuts),
}
each_form = pytest.mark.parametrize(
    ("writing", "packer"), [(w, p) for w in WRITINGS for p in PACKERS], ids=lambda name: name
)

# all of them are in cp1252, too; a bare CR is data here and a line's end for Python's csv
characters = st.sampled_from('a"",;\n\té€ß0 ')
characters_beyond = characters | st.sampled_from("\u0141𝄞\ufeff\u2028")
cuts = st.lists(st.integers(0, 300), max_size=4)


def text_of(writing: str) -> st.SearchStrategy[str]:
    return st.text(characters if writing == "cp1252" else characters_beyond, max_size=8)


def numbered_rows(block: CsvBlock | NdjsonBlock) -> Numbered:
    assert block.skipped is None
    places = (
        split_rows(block.data, block.delimiter) if isinstance(block, CsvBlock) else split_lines(block.data)
    )
    found: Numbered = []
    for number, place in enumerate(places, start=block.start.row + 1):
        row = block.data[place.start : place.end]
        text = row.decode(block.encoding)
        found.append(
            (number, row_cells(row, text, block) if isinstance(block, CsvBlock) else json.loads(text))
        )
    assert len(found) == block.rows
    return found


def read(path: Path, option: str, block_bytes: int, position: Position = START) -> list[Any]:
    with closing(
        open_source(
            path,
            options=Options(encoding=option, delimiter=","),
            block_bytes=block_bytes,
            max_row_bytes=10_000,
            max_decompressed_bytes=1 << 20,
            position=position,
        )
    ) as reader:
        return list(iter(reader.read_block, None))


def check(path: Path, data: bytes, writing: Writing, block_bytes: int, expected: Numbered) -> None:
    """All rows from the start, and what is left of them from every position of a block."""
    path.write_bytes(data)
    with (
        patch.object(unpacked, "_PIECE_BYTES", 7),
        patch.object(compression, "STEP_BYTES", 13),
        patch.object(cutter, "_SCAN_BYTES", 5),
    ):
        blocks = read(path, writing.option, block_bytes)
        assert [row for block in blocks for row in numbered_rows(block)] == expected
        for block in blocks:
            for position in (block.start, block.end):
                resumed = read(path, writing.option, block_bytes, position)
                assert [row for again in resumed for row in numbered_rows(again)] == expected[position.row :]
    used = [block.file_bytes for block in blocks]
    assert used == sorted(used)
    assert not used or used[-1] == len(data)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows") / "file"


@each_form
@settings(max_examples=25, deadline=None)
@given(values=st.data(), cuts=cuts, block_bytes=st.integers(1, 60), line_end=st.sampled_from(["\n", "\r\n"]))
def test_csv(
    scratch: Path,
    writing: str,
    packer: str,
    values: st.DataObject,
    cuts: list[int],
    block_bytes: int,
    line_end: str,
) -> None:
    how = WRITINGS[writing]
    cells = text_of(writing)
    rows = values.draw(st.lists(st.tuples(cells, cells), max_size=8))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=line_end)
    writer.writerow(["first", "naïve"])
    writer.writerows(rows)
    text = buffer.getvalue()
    if values.draw(st.booleans()):
        text = text.removesuffix(line_end)
    expected = list(enumerate(list(csv.reader(io.StringIO(text, newline="")))[1:], start=1))
    assert [tuple(row) for _, row in expected] == rows
    data = PACKERS[packer](how.mark + text.encode(how.codec), cuts)
    check(scratch, data, how, block_bytes, expected)


@each_form
@settings(max_examples=25, deadline=None)
@given(values=st.data(), cuts=cuts, block_bytes=st.integers(1, 60), line_end=st.sampled_from(["\n", "\r\n"]))
def test_ndjson(
    scratch: Path,
    writing: str,
    packer: str,
    values: st.DataObject,
    cuts: list[int],
    block_bytes: int,
    line_end: str,
) -> None:
    how = WRITINGS[writing]
    objects = values.draw(st.lists(st.dictionaries(text_of(writing), st.integers(), max_size=3), min_size=1))
    blank = [line_end * values.draw(st.integers(0, 2)) for _ in objects]
    lines = [json.dumps(value, ensure_ascii=False) for value in objects]
    text = "".join(line + line_end + more for line, more in zip(lines, blank, strict=True))
    data = PACKERS[packer](how.mark + text.encode(how.codec), cuts)
    check(scratch, data, how, block_bytes, list(enumerate(objects, start=1)))
