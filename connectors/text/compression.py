"""Unpacks gzip and Zstandard data piece by piece, in bounded memory.

Sources: RFC 1952 (gzip: members follow each other, and zeros may pad the end), RFC 8878 (Zstandard: frames
follow each other, and skippable ones hold nothing).
"""

from __future__ import annotations

import re
import zlib
from enum import StrEnum
from typing import Protocol

from backports import zstd

__all__ = ["STEP_BYTES", "Compression", "Unpacker", "compression_of"]

STEP_BYTES = 256 * 1024
"""About how much is unpacked at once (bytes)."""

_GZIP_MAGIC = b"\x1f\x8b"
# a frame, or a skippable one as parallel compressors write it first
_ZSTD_MAGIC = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")
_GZIP_WBITS = 31
_ZSTD_OPTIONS: dict[int, int] = {
    zstd.DecompressionParameter.window_log_max: 27
}  # 128 MiB: the limit of `zstd -d`, too
_ERRORS = (zlib.error, zstd.ZstdError)


class Compression(StrEnum):
    """How a file is compressed."""

    GZIP = "gzip"
    ZSTD = "zstd"


def compression_of(head: bytes) -> Compression | None:
    """Return how a file is compressed that starts with `head`; None: not in a way that is unpacked here."""
    if head.startswith(_GZIP_MAGIC):
        return Compression.GZIP
    return Compression.ZSTD if _ZSTD_MAGIC.match(head) else None


class Unpacker:
    """Unpacks one file. `broken` says what is wrong with the data, once that is found; None: nothing."""

    def __init__(self, compression: Compression) -> None:
        self._compression = compression
        self._frame: _Frame | None = None
        self._rest = b""  # begins with the next frame
        self._frames = 0
        self.broken: str | None = None

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes without more data."""
        return self._frame.needs_input if self._frame is not None else not self._rest

    @property
    def complete(self) -> bool:
        """Whether the data may end here."""
        return self._frame is None and not self._rest and self._frames > 0

    @property
    def unused(self) -> int:
        """How many bytes of the data have not been looked at yet, as far as that is known."""
        return len(self._rest) + (self._frame.unused if self._frame is not None else 0)

    def unpack(self, data: bytes) -> bytes:
        """Take more data (empty: none) and return what it unpacks to: about STEP_BYTES, maybe nothing.

        After bytes that are broken, what came before them in `data` may be lost.
        """
        self._rest += data
        pieces: list[bytes] = []
        size = 0
        while size < STEP_BYTES and (self._rest or not self.needs_input) and self.broken is None:
            pieces.append(self._unpack_some())
            size += len(pieces[-1])
        return b"".join(pieces)

    def _unpack_some(self) -> bytes:
        if self._frame is None:
            if self._compression is Compression.GZIP and self._frames:
                self._rest = self._rest.lstrip(b"\x00")
                if not self._rest:
                    return b""
            self._frame = _GzipMember() if self._compression is Compression.GZIP else _ZstdFrame()
            self._frames += 1
        data, self._rest = self._rest, b""
        try:
            unpacked = self._frame.unpack(data)
        except _ERRORS as error:
            self.broken = str(error).rpartition(": ")[2]
            return b""
        if self._frame.ended:
            self._rest = self._frame.after
            self._frame = None
        return unpacked


class _Frame(Protocol):
    """A part of the data that is compressed by itself."""

    @property
    def needs_input(self) -> bool: ...

    @property
    def ended(self) -> bool: ...

    @property
    def after(self) -> bytes:
        """The data behind the end."""

    @property
    def unused(self) -> int: ...

    def unpack(self, data: bytes) -> bytes: ...


class _GzipMember:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP_WBITS)
        self.needs_input = True

    @property
    def ended(self) -> bool:
        return self._stream.eof

    @property
    def after(self) -> bytes:
        return self._stream.unused_data

    @property
    def unused(self) -> int:
        return len(self._stream.unconsumed_tail)

    def unpack(self, data: bytes) -> bytes:
        unpacked = self._stream.decompress(self._stream.unconsumed_tail + data, STEP_BYTES)
        # a full step may have left more in the stream, even without data
        self.needs_input = not self._stream.unconsumed_tail and len(unpacked) < STEP_BYTES
        return unpacked


class _ZstdFrame:
    unused = 0  # the library does not tell

    def __init__(self) -> None:
        self._stream = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS)

    @property
    def needs_input(self) -> bool:
        return self._stream.needs_input

    @property
    def ended(self) -> bool:
        return self._stream.eof

    @property
    def after(self) -> bytes:
        return self._stream.unused_data

    def unpack(self, data: bytes) -> bytes:
        return self._stream.decompress(data, STEP_BYTES)
