"""Files that are not read, known by their bytes: what they are, and what to do instead."""

from __future__ import annotations

import re

__all__ = ["Foreign", "foreign_bytes", "foreign_text"]

_EXPORT = "export it as CSV, NDJSON or Parquet and submit that"
_UNPACK = "unpack it and submit each file inside"
_REPACK = "unpack it and submit the file inside, as it is or compressed with gzip or zstd"
_OTHER = "submit a CSV, NDJSON or Parquet file"
_RECODE = "save it as UTF-8, or as UTF-16 with a byte order mark, and submit that"

# first bytes, what they are, what to do; of several that fit the first counts
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\xff\xfe\x00\x00", "UTF-32 text", _RECODE),
    (b"\x00\x00\xfe\xff", "UTF-32 text", _RECODE),
    (b"PARE", "a Parquet file with an encrypted footer", "write it without encryption and submit that"),
    (b"\x04\x22\x4d\x18", "LZ4 data", _REPACK),
    (b"\xfd7zXZ\x00", "xz data", _REPACK),
    *((b"BZh%d1AY&SY" % level, "bzip2 data", _REPACK) for level in range(1, 10)),
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
)

# only beside a NUL: these bytes alone could be text
_BINARY_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"ORC", "an ORC file", _EXPORT),
    (b"FEA1", "a Feather file", _EXPORT),
    (b"MZ", "a program (Windows)", _OTHER),
    (b"RIFF", "a RIFF media file", _OTHER),
)

# the name of a file in the archive stands 30 bytes behind the start of its header
_ZIP_PARTS: tuple[tuple[re.Pattern[bytes], str, str], ...] = (
    (re.compile(rb"PK\x03\x04.{26}xl/", re.DOTALL), "an Excel workbook", _EXPORT),
    (re.compile(rb"PK\x03\x04.{26}word/", re.DOTALL), "a Word document", _EXPORT),
    (
        re.compile(rb"application/vnd\.oasis\.opendocument\.spreadsheet"),
        "an OpenDocument spreadsheet",
        _EXPORT,
    ),
)

# text that is known by how it starts
_TEXT_STARTS: tuple[tuple[re.Pattern[bytes], str, str], ...] = (
    (re.compile(rb"\s*+<\?xml\s"), "an XML document", _EXPORT),
    (
        re.compile(rb"\s*+<(?:!doctype\s++html|html|head|table)[\s>]", re.IGNORECASE),
        "an HTML page",
        "check that the download was the file itself and no page to sign in, or export it as CSV",
    ),
    (
        re.compile(rb'\s*+\[\s*+\{\s*+["}]'),
        "a JSON array",
        "write one object a line (`jq -c '.[]'`) and submit that",
    ),
    (
        re.compile(rb'\s*+\{[ \t\r]*+\n\s*+["}]'),
        "JSON over several lines",
        "write one object a line (`jq -c .`) and submit that",
    ),
)

Foreign = tuple[str, str]
"""What a file is, and what to do instead."""


def foreign_bytes(head: bytes) -> Foreign | None:
    """Return what a file is that starts with `head`; None: nothing that is known here."""
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(head)
    for magic, name, advice in (*_MAGIC, *_BINARY_MAGIC) if b"\x00" in head else _MAGIC:
        if head.startswith(magic):
            return name, advice
    return ("a tar archive", _UNPACK) if head.startswith(b"ustar", 257) else None


def foreign_text(text: bytes, start: int) -> Foreign | None:
    """Return what text is whose first line that is not blank is at `start`; None: nothing known here."""
    if (nul := text.find(b"\x00")) >= 0:
        return f"binary data or UTF-16 text without a byte order mark (a NUL at byte `{nul}`)", _RECODE
    for pattern, name, advice in _TEXT_STARTS:
        if pattern.match(text, start):
            return name, advice
    return None


def _zip_kind(head: bytes) -> Foreign:
    for part, name, advice in _ZIP_PARTS:
        if part.search(head):
            return name, advice
    return "a ZIP archive", _UNPACK
