"""CSV from every kind of source: the blocks of a packed or recoded file are those of the plain one."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from backports import zstd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.api import Position
from connectors.csv.reader import CsvBlock, CsvReader
from connectors.errors import HeaderError, JobCode, JobError, RowCode
from connectors.text import cutter
from connectors.text.compression import compression_of
from connectors.text.cutter import HEAD_BYTES, SkippedRow
from connectors.text.opening import open_text

START = Position()


def open_csv(path: Path, *, encoding: str = "utf-8", **options: Any) -> CsvReader:
    defaults: dict[str, Any] = {
        "block_bytes": 4096,
        "max_row_bytes": 900_000,
        "delimiter": None,
        "header": True,
        "columns": None,
    }
    with path.open("rb") as file:
        compression = compression_of(file.read(4))
    source = open_text(path, encoding=encoding, compression=compression, max_decompressed_bytes=1 << 33)
    return CsvReader(source, **{**defaults, **options})


def blocks(reader: CsvReader) -> list[CsvBlock]:
    with closing(reader):
        return list(iter(reader.read_block, None))


def until_damage(reader: CsvReader) -> tuple[list[CsvBlock], JobError]:
    found: list[CsvBlock] = []
    with closing(reader), pytest.raises(JobError) as raised:
        found.extend(iter(reader.read_block, None))
    return found, raised.value


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sources") / "file"


@dataclass(frozen=True)
class Form:
    """How a text in UTF-8 becomes a file: its codec, its byte order mark, how it is packed."""

    name: str
    codec: str
    mark: bytes = b""
    pack: Callable[[bytes], bytes] = bytes

    def file(self, text: bytes) -> bytes:
        return self.pack(self.mark + text.decode().encode(self.codec))

    def position(self, text: bytes, plain: Position) -> Position:
        """Where a position of the plain file lies in this one."""
        before = text[: plain.byte].decode().encode(self.codec)
        return replace(plain, byte=len(self.mark) + len(before))


fast_gzip = partial(gzip.compress, compresslevel=1)
FORMS = [
    Form("gzip", "utf-8", pack=fast_gzip),
    Form("zstd", "utf-8", pack=zstd.compress),
    Form("utf-16-le", "utf-16-le", b"\xff\xfe"),
    Form("utf-16-be", "utf-16-be", b"\xfe\xff"),
    Form("utf-16-le in gzip", "utf-16-le", b"\xff\xfe", fast_gzip),
    Form("utf-16-be in zstd", "utf-16-be", b"\xfe\xff", zstd.compress),
    Form("utf-8 with a mark", "utf-8", b"\xef\xbb\xbf"),
    Form("utf-8 with a mark in gzip", "utf-8", b"\xef\xbb\xbf", fast_gzip),
]

csv_text = st.lists(
    st.sampled_from(['"', '""', ",", "\n", "\n", "\r\n", " ", "a", "12345", "é", "€uro", "𝄞"]), max_size=30
).map("".join)


@settings(max_examples=300, deadline=None)
@given(
    text=csv_text,
    form=st.sampled_from(FORMS),
    block_bytes=st.integers(1, 40),
    max_row_bytes=st.integers(8, 30),
    scan_bytes=st.integers(2, 9),
    head_bytes=st.integers(4, 12),
)
@example(text='"𝄞𝄞𝄞𝄞𝄞𝄞', form=FORMS[2], block_bytes=1, max_row_bytes=8, scan_bytes=2, head_bytes=6)
@example(
    text="a,12345,12345\r\nb\r\n", form=FORMS[3], block_bytes=2, max_row_bytes=12, scan_bytes=2, head_bytes=4
)
def test_the_blocks_are_those_of_the_plain_file_and_so_are_resumes(
    scratch: Path,
    text: str,
    form: Form,
    block_bytes: int,
    max_row_bytes: int,
    scan_bytes: int,
    head_bytes: int,
) -> None:
    data = text.encode()
    options: dict[str, Any] = {
        "block_bytes": block_bytes,
        "max_row_bytes": max_row_bytes,
        "delimiter": ",",
        "header": False,
        "columns": ("c",),
    }
    with patch.object(cutter, "_SCAN_BYTES", scan_bytes), patch.object(cutter, "HEAD_BYTES", head_bytes):
        scratch.write_bytes(data)
        plain = blocks(open_csv(scratch, **options))
        scratch.write_bytes(form.file(data))
        found = blocks(open_csv(scratch, **options))
        for number, block in enumerate(found):
            assert blocks(open_csv(scratch, position=block.start, **options)) == found[number:]
            assert blocks(open_csv(scratch, position=block.end, **options)) == found[number + 1 :]
    for block, expected in zip(found, plain, strict=True):
        assert (block.data, block.rows) == (expected.data, expected.rows)
        assert block.start == form.position(data, expected.start)
        assert block.end == form.position(data, expected.end)
        assert block.encoding == "utf-8"
        _check_skipped(block.skipped, expected.skipped, data[expected.start.byte :], form)
    if found:
        assert found[-1].file_bytes == len(form.file(data))


def _check_skipped(found: SkippedRow | None, expected: SkippedRow | None, text: bytes, form: Form) -> None:
    if found is None or expected is None or not form.codec.startswith("utf-16"):
        assert found == expected
        return
    assert found.file_bytes == len(text[: expected.raw_bytes].decode().encode(form.codec))
    assert (found.code, found.raw_bytes) == (expected.code, expected.raw_bytes)
    assert found.raw_head == expected.raw_head.decode(errors="ignore").encode()


TEXT = "näme;№\n" + "".join(f'{n};"ä{n}\n{"𝄞" * (n % 9)}"\r\n' for n in range(40))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_block_may_end_at_every_offset(scratch: Path, form: Form) -> None:
    data = TEXT.encode()
    for block_bytes in range(1, 120):
        scratch.write_bytes(data)
        plain = blocks(open_csv(scratch, block_bytes=block_bytes))
        scratch.write_bytes(form.file(data))
        with closing(open_csv(scratch, block_bytes=block_bytes)) as reader:
            assert reader.columns == ("näme", "№")
            found = list(iter(reader.read_block, None))
        assert [block.data for block in found] == [block.data for block in plain]
        assert [b.end for b in found] == [form.position(data, b.end) for b in plain]


def test_a_single_byte_encoding_keeps_bytes_and_positions(scratch: Path) -> None:
    data = "größe;€\r\n1;\x80\x93é\r\n\r\n2;ü".encode("latin-1", "replace").replace(b";?", b";\x80")
    scratch.write_bytes(data)
    with closing(open_csv(scratch, encoding="cp1252", block_bytes=6)) as reader:
        assert reader.columns == ("größe", "€")
        first, second = iter(reader.read_block, None)
    assert (first.data, first.encoding, first.file_codec) == (b"1;\x80\x93\xe9\r\n", "cp1252", "cp1252")
    assert first.data.decode(first.encoding) == "1;€“é\r\n"
    assert second.start == Position(byte=18, row=1, line=3, block=1)
    assert second.end == Position(byte=21, row=2, line=3, block=2)


# damage


ROWS = [b"%d,name %d" % (n, n * 7919 % 1009) for n in range(20_000)]


@pytest.mark.parametrize("kind", ["plain members", "one stream"])
@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_the_whole_rows_before_the_damage_come_first(
    scratch: Path, pack: Callable[[bytes], bytes], kind: str
) -> None:
    text = b"id,name\n" + b"\n".join(ROWS) + b"\n"
    data = pack(text)
    scratch.write_bytes(data[: len(data) * 2 // 3] if kind == "one stream" else data + b"garbage")
    found, error = until_damage(open_csv(scratch, block_bytes=3000))
    rows = b"".join(block.data for block in found).splitlines()
    assert rows == ROWS[: len(rows)]
    assert len(rows) == len(ROWS) if kind == "plain members" else len(rows) > 5000
    assert error.code is JobCode.UNSUPPORTED_FILE_TYPE
    assert found[-1].data.endswith(b"\n")


def test_a_row_that_breaks_off_is_no_row(scratch: Path) -> None:
    stream = zlib.compressobj(wbits=31)
    data = stream.compress(b"id\n1\n2\n34") + stream.flush(zlib.Z_SYNC_FLUSH)
    for block_bytes in range(1, 12):
        scratch.write_bytes(data)
        found, error = until_damage(open_csv(scratch, block_bytes=block_bytes))
        assert b"".join(block.data for block in found) == b"1\n2\n"
        assert error.message == f"the gzip data is cut short: it ends at byte `{len(data)}` of the file"
        # and again from where it was committed
        again, error = until_damage(open_csv(scratch, block_bytes=block_bytes, position=found[-1].end))
        assert (again, error.code) == ([], JobCode.UNSUPPORTED_FILE_TYPE)


@pytest.mark.parametrize("text", [b"", b"\n\n", b"id,na", b'"id'])
def test_a_header_that_breaks_off_is_damage(scratch: Path, text: bytes) -> None:
    stream = zlib.compressobj(wbits=31)
    scratch.write_bytes(stream.compress(text) + stream.flush(zlib.Z_SYNC_FLUSH))
    with pytest.raises(JobError) as raised:
        open_csv(scratch)
    assert raised.value.code is JobCode.UNSUPPORTED_FILE_TYPE
    assert not isinstance(raised.value, HeaderError)


def test_a_quote_that_is_open_at_the_damage_is_not_unclosed(scratch: Path) -> None:
    stream = zlib.compressobj(wbits=31)
    data = stream.compress(b'id\n1\n"2\n' + b"x" * 5000) + stream.flush(zlib.Z_SYNC_FLUSH)
    scratch.write_bytes(data)
    found, error = until_damage(open_csv(scratch, block_bytes=100, max_row_bytes=200))
    assert [block.data for block in found] == [b"1\n"]
    assert error.code is JobCode.UNSUPPORTED_FILE_TYPE


def test_a_position_behind_the_damage_is_not_reached(scratch: Path) -> None:
    data = gzip.compress(b"id\n" + b"1\n" * 1000)
    scratch.write_bytes(data[:-10])
    with pytest.raises(JobError) as raised:
        open_csv(scratch, position=Position(byte=2003, row=1000, line=1001, block=1))
    assert raised.value.code is JobCode.UNSUPPORTED_FILE_TYPE


# memory


@pytest.mark.parametrize("form", [FORMS[0], FORMS[1], FORMS[4]], ids=lambda form: form.name)
@pytest.mark.parametrize("quoted", [False, True])
def test_a_giant_row_in_a_packed_file_is_not_held(scratch: Path, form: Form, quoted: bool) -> None:
    row = random.Random(4).randbytes(7_000_000).hex().encode()  # 14 MB, within the ratio of every packer
    row = b'"' + row + b'\n"' if quoted else row
    scratch.write_bytes(form.file(b"a\n1\n" + row + b"\r\n2\n"))
    tracemalloc.start()
    try:
        first, second, third = blocks(open_csv(scratch, block_bytes=65536))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12_000_000
    assert (first.data, third.data) == (b"1\n", b"2\n")
    assert second.skipped == SkippedRow(
        RowCode.ROW_TOO_LARGE, row[:HEAD_BYTES], len(row), len(row.decode().encode(form.codec))
    )
    assert third.end == form.position(b"a\n1\n" + row + b"\r\n2\n", replace(third.end, byte=len(row) + 8))
