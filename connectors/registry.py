"""Formats of files: which one a file is, by its content, and the reader of each."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from connectors.api import Position, SourceReader
from connectors.csv.reader import CsvReader
from connectors.errors import JobCode, JobError
from connectors.files import open_file

__all__ = ["CSV", "DETECT_BYTES", "PARQUET", "SourceOptions", "detect_file", "detect_format", "open_source"]

CSV = "csv"
PARQUET = "parquet"

DETECT_BYTES = 65536
"""How much of a file's start decides about its format (bytes)."""

_FILE_START = Position()
_EXPORT = "export it as CSV or Parquet and submit that"
_UNPACK = "unpack it and submit the CSV or Parquet file inside"
_OTHER = "submit a CSV or Parquet file"
_RECODE = "save it as UTF-8 text and submit that"

# first bytes, what they are, what to do; of several that fit the first counts
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"PARE", "a Parquet file with an encrypted footer", "write it without encryption and submit that"),
    (b"\x1f\x8b", "gzip data", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "Zstandard data", _UNPACK),
    (b"\x04\x22\x4d\x18", "LZ4 data", _UNPACK),
    (b"\xfd7zXZ\x00", "xz data", _UNPACK),
    *((b"BZh%d1AY&SY" % level, "bzip2 data", _UNPACK) for level in range(1, 10)),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"PK\x05\x06", "an empty ZIP archive", _OTHER),
    (b"PK\x07\x08", "a split ZIP archive", _UNPACK),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document (such as .xls)", _EXPORT),
    (b"%PDF-", "a PDF document", _EXPORT),
    (b"{\\rtf", "an RTF document", _EXPORT),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", _OTHER),
    (b"\xff\xd8\xff", "a JPEG image", _OTHER),
    (b"GIF87a", "a GIF image", _OTHER),
    (b"GIF89a", "a GIF image", _OTHER),
    (b"II*\x00", "a TIFF image", _OTHER),
    (b"MM\x00*", "a TIFF image", _OTHER),
    (b"ARROW1\x00\x00", "an Arrow IPC (Feather) file", _EXPORT),
    (b"Obj\x01", "an Avro file", _EXPORT),
    (b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", _EXPORT),
    (b"\x7fELF", "a program (ELF)", _OTHER),
    (b"<?xml ", "an XML document", _EXPORT),
)

# only beside a NUL: these bytes alone could be text
_BINARY_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"ORC", "an ORC file", _EXPORT),
    (b"FEA1", "a Feather file", _EXPORT),
    (b"MZ", "a program (Windows)", _OTHER),
    (b"RIFF", "a RIFF media file", _OTHER),
    (b"\xff\xfe", "UTF-16 text", _RECODE),
    (b"\xfe\xff", "UTF-16 text", _RECODE),
)

_ZIP_PARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"xl/", "an Excel workbook", _EXPORT),
    (b"word/", "a Word document", _EXPORT),
    (b"application/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet", _EXPORT),
)


class SourceOptions(Protocol):
    """The options that say how a file is read."""

    @property
    def delimiter(self) -> str | None: ...

    @property
    def header(self) -> bool: ...

    @property
    def columns(self) -> tuple[str, ...] | None: ...


def detect_format(head: bytes) -> str:
    """Return `csv` or `parquet` for a file that starts with `head`: its first DETECT_BYTES, or all of it.

    Raises JobError UNSUPPORTED_FILE_TYPE for the magic of another format or a NUL; the rest is CSV.
    """
    if head.startswith(b"PAR1"):
        return PARQUET
    head = head[:DETECT_BYTES]
    nul = head.find(b"\x00")
    if head.startswith(b"PK\x03\x04"):
        raise _unsupported(*_zip_kind(head))
    for magic, name, advice in _MAGIC if nul < 0 else (*_MAGIC, *_BINARY_MAGIC):
        if head.startswith(magic):
            raise _unsupported(name, advice)
    if head.startswith(b"ustar", 257):
        raise _unsupported("a tar archive", _UNPACK)
    if nul >= 0:
        raise _unsupported(
            f"binary data or UTF-16 text (a NUL at byte `{nul}`)", "submit UTF-8 CSV or Parquet"
        )
    return CSV


def detect_file(path: Path) -> str:
    """Return the format of the file at `path`. Raises JobError as `detect_format`, and FILE_GONE."""
    with open_file(path) as file:
        return detect_format(file.read(DETECT_BYTES))


def open_source(
    path: Path,
    *,
    options: SourceOptions,
    block_bytes: int,
    max_row_bytes: int,
    position: Position = _FILE_START,
    format: str | None = None,
) -> SourceReader:
    """Open the reader of a file at `position`; `format` as it was detected before, None: detect it now.

    Raises JobError for a file or header that cannot be read.
    """
    if (format or detect_file(path)) == CSV:
        return CsvReader(
            path,
            block_bytes=block_bytes,
            max_row_bytes=max_row_bytes,
            delimiter=options.delimiter,
            header=options.header,
            columns=options.columns,
            position=position,
        )
    from connectors.parquet.reader import ParquetReader  # pyarrow loads only where it is needed

    return ParquetReader(path, block_bytes=block_bytes, position=position)


def _zip_kind(head: bytes) -> tuple[str, str]:
    for part, name, advice in _ZIP_PARTS:
        if part in head:
            return name, advice
    return "a ZIP archive", _UNPACK


def _unsupported(name: str, advice: str) -> JobError:
    return JobError(
        JobCode.UNSUPPORTED_FILE_TYPE, f"the file looks like {name}; it is neither CSV nor Parquet", advice
    )
