"""Whether text is in the encoding that it is read in: stray rows are rejects, a whole file is a mistake."""

from __future__ import annotations

import codecs

from connectors.api import Position
from connectors.encodings import UTF_8, UTF_16
from connectors.errors import JobCode, JobError
from connectors.text.cutter import RowGrammar
from connectors.text.source import TextSource

__all__ = [
    "STRAY_ROWS",
    "check_first_block",
    "encoding_hint",
    "encoding_name",
    "row_bytes",
    "undecodable",
]

STRAY_ROWS = 2
"""So many rows of the first block that do not decode are rejects whatever the others are."""

_NAMES = {UTF_8: "UTF-8", UTF_16: "UTF-16"}


def check_first_block(
    source: TextSource, grammar: RowGrammar, position: Position, *, block_bytes: int
) -> None:
    """Raise JobError ENCODING if the block at `position`, the file's first, is in another encoding.

    It is when more than STRAY_ROWS of its rows do not decode, and these are more than half of its rows with
    bytes outside ASCII. Fewer are left to the converter, which rejects them one by one.
    """
    window = source.read(position.byte, block_bytes + 1)
    if _decodes(window, source.encoding):
        return
    ends = source.damage is None and len(window) <= block_bytes
    window = window[: grammar.cut(window, block_bytes, ends=ends).size]
    beyond_ascii = [row for row in grammar.split(window) if not window[row.start : row.end].isascii()]
    wrong = [row for row in beyond_ascii if undecodable(window[row.start : row.end], source) is not None]
    if len(wrong) <= STRAY_ROWS or 2 * len(wrong) <= len(beyond_ascii):
        return
    first = wrong[0]
    offset, what = undecodable(window[first.start : first.end], source) or (0, "")
    byte = position.byte + source.width(window[: first.start + offset])
    raise JobError(
        JobCode.ENCODING,
        f"the row in line `{position.line + first.line + 1}` is not valid {encoding_name(source)}: {what} "
        f"(byte `{byte}` of the file); nor are {len(wrong)} of the {len(beyond_ascii)} rows with characters "
        "outside ASCII at the file's start",
        encoding_hint(source),
    )


def undecodable(text: bytes, source: TextSource) -> tuple[int, str] | None:
    """Return the offset in `text` of what does not decode, and what it is; None: all of it does."""
    try:
        text.decode(source.encoding)
    except UnicodeDecodeError as error:
        if source.file_encoding == UTF_16:
            return error.start, "half a character"
        return error.start, f"`0x{text[error.start]:02X}`"
    return None


def encoding_name(source: TextSource) -> str:
    """Return the name of the file's encoding for a message."""
    return _NAMES.get(source.file_encoding, f"`{source.file_encoding}`")


def encoding_hint(source: TextSource) -> str:
    """Return what to do about a file that is not in its encoding."""
    if source.file_encoding == UTF_16:
        return "write the file again, or save it as UTF-8"
    other = "`cp1252`" if source.file_encoding == UTF_8 else f"`{UTF_8}`"
    return f"set the option `encoding` to the file's encoding, such as {other}, or save the file as UTF-8"


def _decodes(text: bytes, encoding: str) -> bool:
    """Whether `text`, which may end within a character, decodes."""
    if text.isascii():
        return True
    try:
        codecs.getincrementaldecoder(encoding)().decode(text)
    except UnicodeDecodeError:
        return False
    return True


def row_bytes(source: TextSource, raw: bytes, *, text: bool) -> bytes | None:
    """Return a row as `source` would hand it out, from its `text` in UTF-8 or the file's own bytes.

    None where that cannot be told without the file.
    """
    if not text:
        return raw if source.file_codec == source.encoding else None
    try:
        return raw.decode().encode(source.encoding)
    except UnicodeEncodeError:
        return None
