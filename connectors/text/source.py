"""Ports of reading text: a file's bytes, unpacked if need be, and above them its text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from connectors.errors import JobError

__all__ = ["ByteSource", "TextSource"]


class ByteSource(Protocol):
    """The bytes of a file, those of a compressed one unpacked. A position is an offset in them.

    Read forward only: no read starts before the one that came last. Blocking; not thread-safe.
    """

    @property
    def damage(self) -> JobError | None:
        """Why the bytes broke off before the end of the last read; None: nothing is wrong with them."""

    def read(self, position: int, size: int) -> bytes:
        """Return `size` bytes at `position`, fewer only where they end or break off (`damage`)."""

    def reach(self, position: int) -> int:
        """Return where the bytes end if that is before `position`, else a position from there to the end.

        Raises `damage` that lies before `position`.
        """

    def file_bytes(self, position: int) -> int:
        """Return how much of the file was needed to read up to `position` (bytes of the file)."""

    def close(self) -> None:
        """Idempotent."""


class TextSource(Protocol):
    """The text of a file in an encoding in which ASCII is ASCII. Positions are those of its bytes.

    Read forward only: no read starts before the one that came last. Blocking; not thread-safe.
    """

    @property
    def encoding(self) -> str:
        """Python's name of the codec of the text that is handed out."""

    @property
    def file_encoding(self) -> str:
        """Python's name of the codec of the file: `utf-16` where the text is a transcription."""

    @property
    def file_codec(self) -> str:
        """Python's name of the codec of the file's own bytes, with its byte order."""

    @property
    def start(self) -> int:
        """Position of the text's first character, behind a byte order mark."""

    @property
    def damage(self) -> JobError | None:
        """Why the text broke off before the end of the last read; None: nothing is wrong with it."""

    def read(self, position: int, size: int) -> bytes:
        """Return text at `position`: whole characters where the text is a transcription.

        At least `size` bytes and at most three more; fewer only where the text ends or breaks off
        (`damage`).
        """

    @property
    def width(self) -> Callable[[bytes], int]:
        """Returns how many bytes of position text takes: whole characters as `read` returned them.

        A function of the file's encoding alone.
        """

    def reach(self, position: int) -> int:
        """Return where the text ends if that is before `position`, else a position from there to the end.

        Raises `damage` that lies before `position`.
        """

    def file_bytes(self, position: int) -> int:
        """Return how much of the file was needed to read up to `position` (bytes of the file)."""

    def close(self) -> None:
        """Close the file. Idempotent."""
