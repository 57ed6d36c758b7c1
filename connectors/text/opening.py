"""Opens the text of a claimed file, unpacked, in the encoding that its byte order mark or an option says."""

from __future__ import annotations

import codecs
from pathlib import Path

from connectors.encodings import UTF_8, UTF_16
from connectors.errors import JobCode, JobError
from connectors.files import open_file
from connectors.text.compression import Compression
from connectors.text.encoded import AsciiText, Utf16Text
from connectors.text.plain import PlainFile
from connectors.text.source import ByteSource, TextSource
from connectors.text.unpacked import UnpackedFile

__all__ = ["open_text", "text_of"]

_BOM_BYTES = 3


def open_text(
    path: Path,
    *,
    encoding: str = UTF_8,
    compression: Compression | None = None,
    max_decompressed_bytes: int,
) -> TextSource:
    """Open the text of the file at `path`; see `text_of` for its encoding.

    Raises JobError FILE_GONE and ENCODING.
    """
    source = _open_bytes(path, compression, max_decompressed_bytes=max_decompressed_bytes)
    try:
        return text_of(source, encoding)
    except BaseException:
        source.close()
        raise


def _open_bytes(path: Path, compression: Compression | None, *, max_decompressed_bytes: int) -> ByteSource:
    """Open the bytes of the file at `path`, of a compressed one those that it unpacks to."""
    file = open_file(path)
    if compression is None:
        return PlainFile(file)
    return UnpackedFile(file, compression, max_bytes=max_decompressed_bytes)


def text_of(source: ByteSource, encoding: str) -> TextSource:
    """Return the text of `source`: a byte order mark decides about its encoding, else `encoding` does.

    That a mark outranks what is declared is the rule of https://encoding.spec.whatwg.org/#decode. Raises
    JobError ENCODING when `encoding` is `utf-16` and there is no mark, which alone tells the byte order.
    """
    head = source.read(0, _BOM_BYTES)
    if head == codecs.BOM_UTF8:
        return AsciiText(source, UTF_8, len(head))
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Utf16Text(source, big_endian=head.startswith(codecs.BOM_UTF16_BE), start=len(codecs.BOM_UTF16))
    if encoding != UTF_16:
        return AsciiText(source, encoding, 0)
    if not head:
        return AsciiText(source, UTF_8, 0)
    raise JobError(
        JobCode.ENCODING,
        f"the file begins with `{head.hex(' ')}` (byte `0` of the file), no byte order mark of UTF-16",
        "write it as UTF-16 with a byte order mark (FF FE or FE FF), or set the option `encoding` to what "
        "it is, such as `utf-8`",
    )
