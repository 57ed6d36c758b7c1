"""When the first block says that the file is in another encoding, and when rows are rejected one by one."""

from __future__ import annotations

import gzip
from contextlib import closing
from pathlib import Path

import pytest

from connectors.csv.reader import CsvReader
from connectors.errors import HeaderError, JobCode, JobError
from connectors.ndjson.reader import NdjsonReader
from connectors.text.compression import compression_of
from connectors.text.opening import open_text


def opened(path: Path, data: bytes, *, encoding: str = "utf-8", block_bytes: int = 4096) -> CsvReader:
    path.write_bytes(data)
    source = open_text(
        path, encoding=encoding, compression=compression_of(data), max_decompressed_bytes=1 << 20
    )
    return CsvReader(
        source, block_bytes=block_bytes, max_row_bytes=900_000, delimiter=None, header=True, columns=None
    )


def refused(path: Path, data: bytes, *, encoding: str = "utf-8", block_bytes: int = 4096) -> JobError:
    with pytest.raises(JobError) as raised:
        opened(path, data, encoding=encoding, block_bytes=block_bytes)
    assert raised.value.code is JobCode.ENCODING
    return raised.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


BAD, GOOD, ASCII = b"1,M\xfcller\n", "1,Müller\n".encode(), b"1,Miller\n"


@pytest.mark.parametrize(
    ("rows", "accepted"),
    [
        ([BAD], True),
        ([BAD, ASCII, BAD], True),
        ([BAD, BAD, BAD], False),
        ([ASCII] * 200 + [BAD] * 3, False),
        ([BAD] * 3 + [GOOD] * 2, False),
        ([BAD] * 3 + [GOOD] * 3, True),
        ([GOOD] * 10 + [BAD] * 9, True),
        ([GOOD] * 10, True),
        ([b'"\xfc\n\xfc\n\xfc\n\xfc",x\n'], True),
    ],
)
def test_more_than_stray_rows_and_than_half_of_those_beyond_ascii(
    path: Path, rows: list[bytes], accepted: bool
) -> None:
    data = b"id,name\n" + b"".join(rows)
    if not accepted:
        refused(path, data)
        refused(path, gzip.compress(data))
        return
    with closing(opened(path, data)) as reader:
        blocks = list(iter(reader.read_block, None))
    assert b"".join(block.data for block in blocks) == b"".join(rows)


def test_only_the_first_block_counts(path: Path) -> None:
    data = b"id,name\n" + GOOD * 5 + BAD * 50
    with closing(opened(path, data, block_bytes=5 * len(GOOD))) as reader:
        first, second, *_ = iter(reader.read_block, None)
    assert (first.data, second.rows) == (GOOD * 5, 5)
    refused(path, b"id,name\n" + BAD * 5 + GOOD * 50, block_bytes=5 * len(BAD))


def test_the_error_names_the_first_byte_and_what_to_set(path: Path) -> None:
    error = refused(path, "id,name\n1,x\n\n2,é\n3,é\n4,é\n".encode("cp1252"))
    assert not isinstance(error, HeaderError)
    assert error.message == (
        "the row in line `4` is not valid UTF-8: `0xE9` (byte `15` of the file); nor are 3 of the 3 rows "
        "with characters outside ASCII at the file's start"
    )
    assert error.hint == (
        "set the option `encoding` to the file's encoding, such as `cp1252`, or save the file as UTF-8"
    )


def test_the_header_alone_is_enough(path: Path) -> None:
    error = refused(path, "id,größe\n1,x\n".encode("cp1252"))
    assert isinstance(error, HeaderError)
    assert error.message == "the header in line `1` is not valid UTF-8: `0xF6` (byte `5` of the file)"
    assert "`encoding`" in error.hint
    assert "`cp1252`" in error.hint


def test_a_character_that_the_block_cuts_is_no_error(path: Path) -> None:
    row = ("1," + "é" * 50 + "\n").encode()
    for block_bytes in range(1, 3 * len(row)):
        with closing(opened(path, b"id,name\n" + row * 6, block_bytes=block_bytes)) as reader:
            assert sum(block.rows for block in iter(reader.read_block, None)) == 6


def test_a_single_byte_encoding_has_holes_too(path: Path) -> None:
    error = refused(path, b"id,name\n" + b"1,\x81\n" * 3, encoding="cp1252")
    assert "is not valid `cp1252`: `0x81` (byte `10` of the file)" in error.message
    assert "such as `utf-8`" in error.hint
    with closing(opened(path, b"id,name\n" + b"1,\x81\n" * 2, encoding="cp1252")) as reader:
        assert reader.columns == ("id", "name")


def test_utf_16_is_judged_in_its_own_positions(path: Path) -> None:
    text = "id,näme\n1,x\n2,\ud800\n3,\udc00\n4,\ud800\n"
    data = b"\xff\xfe" + text.encode("utf-16-le", "surrogatepass")
    error = refused(path, data)
    assert error.message == (
        "the row in line `3` is not valid UTF-16: half a character (byte `30` of the file); nor are 3 of "
        "the 3 rows with characters outside ASCII at the file's start"
    )
    assert error.hint == "write the file again, or save it as UTF-8"


def test_a_utf_16_header_names_its_own_positions(path: Path) -> None:
    data = b"\xfe\xff" + "id,ä\ud800\n".encode("utf-16-be", "surrogatepass")
    error = refused(path, data)
    assert (
        error.message
        == "the header in line `1` is not valid UTF-16: half a character (byte `10` of the file)"
    )


def test_ndjson_is_judged_alike(path: Path) -> None:
    path.write_bytes('{"a": "é"}\n'.encode("cp1252") * 3)
    with pytest.raises(JobError) as raised:
        NdjsonReader(open_text(path, max_decompressed_bytes=1), block_bytes=4096, max_row_bytes=1000)
    assert raised.value.code is JobCode.ENCODING
    assert "the row in line `1` is not valid UTF-8: `0xE9` (byte `7` of the file)" in raised.value.message
