"""What a file is, by its content, whatever its name says."""

from __future__ import annotations

import base64
import gzip
import io
import random
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd

from connectors.api import Position, SourceReader
from connectors.errors import JobCode, JobError
from connectors.model.options import Options
from connectors.registry import DETECT_BYTES, detect_file, detect_format, open_source


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"))
    return buffer.getvalue()


NO_BOM = "binary data or UTF-16 text without a byte order mark"
SUPPORTED = "supported are CSV, NDJSON and Parquet, CSV and NDJSON also with gzip or zstd"


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"{a},{b}\n",
        b"{",
        b"[1],[2]\n",
        b"<id>,<html5>\n",
        b"\n",
        b"a,b\n1,2\n",
        b"\xef\xbb\xbfa\n",
        "a,b\n1,é\n".encode("utf-16"),
        b"\xfe\xff" + "a,b\n1,é\n".encode("utf-16-be"),
        "größe\n".encode("latin-1"),
        b"ORCID,name\n",
        b"PK,name\n",
        b"BZh9,x\n",
        b"MZ,RIFF\n",
        b"x PAR1",
        b"a" * DETECT_BYTES + b"\x00",
    ],
)
def test_what_is_nothing_else_is_csv(head: bytes) -> None:
    assert detect_format(head) == "csv"


def test_parquet_by_its_magic() -> None:
    assert detect_format(b"PAR1\x15\x00") == "parquet"
    assert detect_format(b"PAR1") == "parquet"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (zipped("a.csv"), "a ZIP archive"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook"),
        (zipped("word/document.xml"), "a Word document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00", "an old Microsoft Office document (such as .xls)"),
        (b"BZh91AY&SY", "bzip2 data"),
        (b"\xfd7zXZ\x00", "xz data"),
        (tarred(), "a tar archive"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a PNG image"),
        (b"\xff\xd8\xff\xe0", "a JPEG image"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"SQLite format 3\x00", "an SQLite database"),
        (b"ORC\x0a\x00", "an ORC file"),
        (b"Obj\x01\x04\x14avro.codec", "an Avro file"),
        (b"ARROW1\x00\x00", "an Arrow IPC (Feather) file"),
        (b"PARE\x00", "a Parquet file with an encrypted footer"),
        ("a,b\n".encode("utf-32"), "UTF-32 text"),
        ("a,b\n".encode("utf-16-le"), f"{NO_BOM} (a NUL at byte `1`)"),
        (b"a,b\n1,\x002\n", f"{NO_BOM} (a NUL at byte `6`)"),
        (b"a" * (DETECT_BYTES - 1) + b"\x00", f"{NO_BOM} (a NUL at byte `65535`)"),
        (b'[{"a": 1}, {"a": 2}]', "a JSON array"),
        (b'\xef\xbb\xbf\n[\n  {\n    "a": 1\n  }\n]\n', "a JSON array"),
        (b' \n[{"a": 1}]', "a JSON array"),
        (b'{\n  "a": 1\n}\n', "JSON over several lines"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<rows/>', "an XML document"),
        ('<?xml version="1.0"?>'.encode("utf-16"), "an XML document"),
        (b"\r\n<!DOCTYPE html>\n<html>", "an HTML page"),
        (b'<table border="1"><tr><td>1</td></tr></table>', "an HTML page"),
        (zipped("a.csv") + b"xl/", "a ZIP archive"),
        (gzip.compress(zipped("a.csv"), mtime=0), "a ZIP archive inside gzip data"),
        (gzip.compress(tarred(), mtime=0), "a tar archive inside gzip data"),
        (zstd.compress(b"PAR1\x15\x00"), "a Parquet file inside zstd data"),
        (zstd.compress(gzip.compress(b"a,b\n", mtime=0)), "gzip data inside zstd data"),
        (gzip.compress(zstd.compress(b"a,b\n"), mtime=0), "zstd data inside gzip data"),
        (gzip.compress(b"a,\x00b\n", mtime=0), f"{NO_BOM} (a NUL at byte `2`) inside gzip data"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_formats_are_named(head: bytes, name: str) -> None:
    with pytest.raises(JobError) as raised:
        detect_format(head)
    assert raised.value.code is JobCode.UNSUPPORTED_FILE_TYPE
    assert raised.value.message == f"the file looks like {name}; {SUPPORTED}"
    assert raised.value.hint


@pytest.mark.parametrize(
    "head",
    [
        b'{"a": 1}\n',
        b'{ \t"a": 1}',
        b' \t{"a": 1}\n',
        b"{}\n{}\n",
        b"{ }",
        b'\xef\xbb\xbf\n\r\n{"a": 1}\n',
        b"\xff\xfe" + '\n{"a": 1}\n'.encode("utf-16-le"),
    ],
)
def test_ndjson_begins_with_an_object(head: bytes) -> None:
    assert detect_format(head) == "ndjson"


PACKED = [
    pytest.param(gzip.compress(b"a,b\n1,2\n"), "csv+gzip", id="gzip"),
    pytest.param(zstd.compress(b"a,b\n1,2\n"), "csv+zstd", id="zstd"),
    pytest.param(gzip.compress(b'{"a": 1}\n'), "ndjson+gzip", id="gzip of NDJSON"),
    pytest.param(zstd.compress(b'{"a": 1}\n'), "ndjson+zstd", id="zstd of NDJSON"),
    pytest.param(gzip.compress(b""), "csv+gzip", id="gzip of nothing"),
    pytest.param(b"\x50\x2a\x4d\x18\x02\x00\x00\x00??" + zstd.compress(b"a\n"), "csv+zstd", id="skippable"),
    pytest.param(gzip.compress("a,b\n".encode("utf-16")), "csv+gzip", id="gzip of UTF-16"),
    pytest.param(gzip.compress(b"a,b\n" * 1000)[:-9], "csv+gzip", id="cut short"),
]


@pytest.mark.parametrize(("data", "format"), PACKED)
def test_what_is_packed_counts_by_its_head_and_in_its_file(tmp_path: Path, data: bytes, format: str) -> None:
    (path := tmp_path / "a.csv").write_bytes(data)
    assert (detect_format(data), detect_file(path)) == (format, format)


@pytest.mark.parametrize(
    ("pack", "start", "format"),
    [
        (gzip.compress, b"a,b\n", "csv+gzip"),
        (gzip.compress, b'{"a": "', "ndjson+gzip"),
        # its first block, of up to 128 KiB, does not fit into the head: nothing speaks against CSV
        (zstd.compress, b'{"a": "', "csv+zstd"),
    ],
)
def test_the_head_of_a_large_packed_file_is_cut_anywhere(
    tmp_path: Path, pack: Callable[[bytes], bytes], start: bytes, format: str
) -> None:
    data = pack(start + base64.b64encode(random.Random(6).randbytes(300_000)))
    assert detect_format(data[:DETECT_BYTES]) == format
    (path := tmp_path / "a").write_bytes(data)
    assert detect_file(path).partition("+")[0] == ("ndjson" if start.startswith(b"{") else "csv")


@pytest.mark.parametrize("data", [b"\x1f\x8b\x08\x08", b"\x1f\x8b\x09" + bytes(20), b"\x28\xb5\x2f\xfd\x04"])
def test_packed_data_that_gives_nothing_is_refused(tmp_path: Path, data: bytes) -> None:
    (path := tmp_path / "a.gz").write_bytes(data)
    for detect in (lambda: detect_format(data), lambda: detect_file(path)):
        with pytest.raises(JobError) as raised:
            detect()
        assert raised.value.code is JobCode.UNSUPPORTED_FILE_TYPE
        assert "data is" in raised.value.message


def open_any(path: Path, options: Options, **how: Any) -> SourceReader:
    return open_source(
        path,
        options=options,
        block_bytes=4096,
        max_row_bytes=1024,
        max_decompressed_bytes=100_000,
        **how,
    )


@pytest.mark.parametrize(
    ("data", "encoding", "columns"),
    [
        ("größe,€\n1,2\n".encode("cp1252"), "cp1252", ("größe", "€")),
        ("größe,€\n1,2\n".encode("utf-16"), "utf-8", ("größe", "€")),
        (gzip.compress("größe,€\n1,2\n".encode("cp1252"), mtime=0), "cp1252", ("größe", "€")),
        (zstd.compress("größe,€\n1,2\n".encode("utf-16")), "utf-16", ("größe", "€")),
        (b'{"a": 1}\n', "utf-8", ()),
    ],
)
def test_any_text_is_opened_as_it_was_detected(
    tmp_path: Path, data: bytes, encoding: str, columns: tuple[str, ...]
) -> None:
    (path := tmp_path / "a").write_bytes(data)
    with closing(open_any(path, Options(encoding=encoding))) as reader:
        assert reader.columns == columns
        block = reader.read_block()
    assert block is not None
    assert block.end.row == 1


def test_the_limit_of_what_is_unpacked_reaches_the_reader(tmp_path: Path) -> None:
    (path := tmp_path / "a").write_bytes(gzip.compress(b"a\n" + b"1\n" * 50_000))
    with closing(open_any(path, Options())) as reader, pytest.raises(JobError) as raised:
        list(iter(reader.read_block, None))
    assert raised.value.code is JobCode.DECOMPRESSION_LIMIT


def test_content_decides_and_not_the_name(tmp_path: Path) -> None:
    csv, parquet = tmp_path / "a.parquet", tmp_path / "b.csv"
    csv.write_bytes(b"x;y\n1;2\n")
    pq.write_table(pa.table({"p": [1, 2], "q": [3, 4]}), parquet)
    assert (detect_file(csv), detect_file(parquet)) == ("csv", "parquet")
    for path, columns in ((csv, ("x", "y")), (parquet, ("p", "q"))):
        with closing(open_any(path, Options())) as reader:
            assert reader.columns == columns


def test_the_options_reach_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1,5|2\n3|4\n")
    options = Options(delimiter="|", header=False, columns=("x", "y"))
    position = Position(byte=6, row=1, line=1, block=1)
    with closing(open_any(path, options, position=position, format="csv")) as reader:
        assert reader.columns == ("x", "y")
        block = reader.read_block()
    assert block is not None
    assert (block.start, block.end) == (position, Position(byte=10, row=2, line=2, block=2))


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(JobError) as raised:
        detect_file(tmp_path / "gone")
    assert raised.value.code is JobCode.FILE_GONE
