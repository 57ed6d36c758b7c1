"""What a file is, by its content, whatever its name says."""

from __future__ import annotations

import io
import tarfile
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.api import Position
from connectors.errors import JobCode, JobError
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


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\n",
        b"a,b\n1,2\n",
        b"\xef\xbb\xbfa\n",
        b"\xff\xfea,b\n",
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
        (b"\x1f\x8b\x08\x08", "gzip data"),
        (b"\x28\xb5\x2f\xfd\x04", "Zstandard data"),
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
        ("a,b\n".encode("utf-16"), "UTF-16 text"),
        (b"a,b\n1,\x002\n", "binary data or UTF-16 text (a NUL at byte `6`)"),
        (b"a" * (DETECT_BYTES - 1) + b"\x00", "binary data or UTF-16 text (a NUL at byte `65535`)"),
    ],
)
def test_other_formats_are_named(head: bytes, name: str) -> None:
    with pytest.raises(JobError) as raised:
        detect_format(head)
    assert raised.value.code is JobCode.UNSUPPORTED_FILE_TYPE
    assert raised.value.message == f"the file looks like {name}; it is neither CSV nor Parquet"
    assert raised.value.hint


@dataclass(frozen=True)
class Options:
    delimiter: str | None = None
    header: bool = True
    columns: tuple[str, ...] | None = None


def test_content_decides_and_not_the_name(tmp_path: Path) -> None:
    csv, parquet = tmp_path / "a.parquet", tmp_path / "b.csv"
    csv.write_bytes(b"x;y\n1;2\n")
    pq.write_table(pa.table({"p": [1, 2], "q": [3, 4]}), parquet)
    assert (detect_file(csv), detect_file(parquet)) == ("csv", "parquet")
    for path, columns in ((csv, ("x", "y")), (parquet, ("p", "q"))):
        with closing(open_source(path, options=Options(), block_bytes=4096, max_row_bytes=1024)) as reader:
            assert reader.columns == columns


def test_the_options_reach_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1,5|2\n3|4\n")
    options = Options(delimiter="|", header=False, columns=("x", "y"))
    position = Position(byte=6, row=1, line=1, block=1)
    source = open_source(
        path, options=options, block_bytes=4096, max_row_bytes=1024, position=position, format="csv"
    )
    with closing(source) as reader:
        assert reader.columns == ("x", "y")
        block = reader.read_block()
    assert block is not None
    assert (block.start, block.end) == (position, Position(byte=10, row=2, line=2, block=2))


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(JobError) as raised:
        detect_file(tmp_path / "gone")
    assert raised.value.code is JobCode.FILE_GONE
