"""Formats of files: which one a file is, by its content, and the reader of each."""

from __future__ import annotations

import codecs
import re
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

from connectors.api import Position, SourceReader
from connectors.csv.reader import CsvReader, CutRows
from connectors.csv.rows import cut_rows
from connectors.encodings import UTF_8
from connectors.errors import JobCode, JobError
from connectors.files import open_file
from connectors.foreign import foreign_bytes, foreign_text
from connectors.ndjson.reader import NdjsonReader
from connectors.text.compression import Compression, compression_of
from connectors.text.lines import skip_blank_lines
from connectors.text.opening import open_text
from connectors.text.unpacked import UnpackedFile

__all__ = [
    "CSV",
    "DETECT_BYTES",
    "NDJSON",
    "PARQUET",
    "SourceOptions",
    "detect_file",
    "detect_format",
    "open_source",
]

CSV = "csv"
NDJSON = "ndjson"
PARQUET = "parquet"

DETECT_BYTES = 65536
"""How much of a file's start, and of what it unpacks to, decides about its format (bytes)."""

_FILE_START = Position()
_PARQUET_MAGIC = b"PAR1"
_JSON_OBJECT = re.compile(rb'\s*+\{\s*+["}]')
_SUPPORTED = "supported are CSV, NDJSON and Parquet, CSV and NDJSON also with gzip or zstd"


class SourceOptions(Protocol):
    """The options that say how a file is read."""

    @property
    def delimiter(self) -> str | None: ...

    @property
    def encoding(self) -> str: ...

    @property
    def header(self) -> bool: ...

    @property
    def columns(self) -> tuple[str, ...] | None: ...


def detect_format(head: bytes) -> str:
    """Return the format of a file that starts with `head`: its first DETECT_BYTES, or all of it.

    `csv`, `ndjson` or `parquet`, and of a compressed file what it unpacks to and how it is compressed:
    `csv+gzip`, `csv+zstd`, `ndjson+gzip`, `ndjson+zstd`. NDJSON begins with an object, CSV is what is nothing
    else. Raises JobError UNSUPPORTED_FILE_TYPE for what is known to be neither.
    """
    head = head[:DETECT_BYTES]
    if (compression := compression_of(head)) is None:
        return _content(head)
    return _compressed(BytesIO(head), compression, whole=len(head) < DETECT_BYTES)


def detect_file(path: Path) -> str:
    """Return the format of the file at `path`, as `detect_format` does. Raises JobError, also FILE_GONE."""
    with open_file(path) as file:
        head = file.read(DETECT_BYTES)
        if (compression := compression_of(head)) is None:
            return _content(head)
        file.seek(0)
        return _compressed(file, compression, whole=True)


def open_source(
    path: Path,
    *,
    options: SourceOptions,
    block_bytes: int,
    max_row_bytes: int,
    max_decompressed_bytes: int,
    position: Position = _FILE_START,
    format: str | None = None,
    cut: CutRows = cut_rows,
) -> SourceReader:
    """Open the reader of a file at `position`; `format` as it was detected before, None: detect it now.

    `cut` finds the rows of CSV. Raises JobError for a file or header that cannot be read.
    """
    content, _, compression = (format or detect_file(path)).partition("+")
    if content == PARQUET:
        from connectors.parquet.reader import ParquetReader  # pyarrow loads only where it is needed

        return ParquetReader(path, block_bytes=block_bytes, position=position)
    source = open_text(
        path,
        encoding=options.encoding,
        compression=Compression(compression) if compression else None,
        max_decompressed_bytes=max_decompressed_bytes,
    )
    if content == NDJSON:
        return NdjsonReader(source, block_bytes=block_bytes, max_row_bytes=max_row_bytes, position=position)
    return CsvReader(
        source,
        block_bytes=block_bytes,
        max_row_bytes=max_row_bytes,
        delimiter=options.delimiter,
        header=options.header,
        columns=options.columns,
        position=position,
        cut=cut,
    )


def _compressed(file: BinaryIO, compression: Compression, *, whole: bool) -> str:
    """Return the format of compressed data. `whole`: it does not end only because the rest was not read."""
    unpacked = UnpackedFile(file, compression, max_bytes=DETECT_BYTES)
    head = unpacked.read(0, DETECT_BYTES)
    if not head and whole and unpacked.damage is not None:
        raise unpacked.damage
    if (inner := compression_of(head)) is not None:
        raise _unsupported(f"{inner} data inside {compression} data", "unpack it once and submit that")
    if head.startswith(_PARQUET_MAGIC):
        raise _unsupported(
            f"a Parquet file inside {compression} data",
            "unpack it and submit the Parquet file, which is compressed by itself",
        )
    return f"{_content(head, f' inside {compression} data')}+{compression}"


def _content(head: bytes, where: str = "") -> str:
    """Return the format of what starts with `head` and is not compressed."""
    if head.startswith(_PARQUET_MAGIC):
        return PARQUET
    text, start = _text(head)
    start = skip_blank_lines(text, start)
    if (foreign := foreign_bytes(head) or foreign_text(text, start)) is not None:
        name, advice = foreign
        raise _unsupported(f"{name}{where}", advice)
    return NDJSON if _JSON_OBJECT.match(text, start) else CSV


def _text(head: bytes) -> tuple[bytes, int]:
    """Return the text that starts with `head`, UTF-16 as UTF-8, and where it begins behind the mark."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", "replace").encode(UTF_8, "replace"), 0
    return head, len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0


def _unsupported(name: str, advice: str) -> JobError:
    return JobError(JobCode.UNSUPPORTED_FILE_TYPE, f"the file looks like {name}; {_SUPPORTED}", advice)
