"""Text above a file's bytes: as it stands, or UTF-16 transcribed to UTF-8."""

from __future__ import annotations

from collections.abc import Callable

from connectors.encodings import UTF_8, UTF_16
from connectors.errors import JobError
from connectors.text.source import ByteSource

__all__ = ["AsciiText", "Utf16Text"]

_HALF = b"\xff"  # never in UTF-8: an odd byte at the end of UTF-16 stays recognisable


class AsciiText:
    """A TextSource of bytes in an encoding in which ASCII is ASCII, handed out as they stand."""

    def __init__(self, source: ByteSource, encoding: str, start: int) -> None:
        self._source = source
        self.width: Callable[[bytes], int] = len
        self.encoding = self.file_encoding = self.file_codec = encoding
        self.start = start
        self.read = source.read
        self.reach = source.reach
        self.file_bytes = source.file_bytes
        self.close = source.close

    @property
    def damage(self) -> JobError | None:
        return self._source.damage


class Utf16Text:
    """A TextSource of UTF-16 in one byte order, handed out as UTF-8.

    A surrogate that stands alone becomes the three bytes that UTF-8 has no use for, and an odd byte at the
    end becomes 0xFF: neither decodes.
    """

    encoding = UTF_8
    file_encoding = UTF_16

    def __init__(self, source: ByteSource, *, big_endian: bool, start: int) -> None:
        self._source = source
        self.file_codec = "utf-16-be" if big_endian else "utf-16-le"
        self.width = _utf16_width
        self._high_byte = 0 if big_endian else 1
        self.start = start
        self.damage: JobError | None = None
        self.reach = source.reach
        self.file_bytes = source.file_bytes
        self.close = source.close

    def read(self, position: int, size: int) -> bytes:
        wanted = 2 * size + 2  # a unit gives a byte at least, and a pair is not parted
        raw = self._source.read(position, wanted)
        half = _HALF if len(raw) % 2 else b""
        units = raw[: len(raw) - len(half)]
        if len(raw) == wanted and _is_high_surrogate(units[-2:][self._high_byte]):
            units = units[:-2]
        text = units.decode(self.file_codec, "surrogatepass").encode(UTF_8, "surrogatepass") + half
        self.damage = self._source.damage if len(text) < size else None
        end = size
        while end < len(text) and _is_continuation(text[end]):
            end += 1
        return text[:end]


def _utf16_width(text: bytes) -> int:
    """Return how many bytes UTF-8 text takes in UTF-16, whatever the byte order."""
    whole = text.removesuffix(_HALF)
    units = whole.decode(UTF_8, "surrogatepass").encode("utf-16-le", "surrogatepass")
    return len(units) + len(text) - len(whole)


def _is_high_surrogate(high_byte: int) -> bool:
    return 0xD8 <= high_byte <= 0xDB


def _is_continuation(byte: int) -> bool:
    return byte & 0xC0 == 0x80
