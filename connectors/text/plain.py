"""The bytes of a file as they stand."""

from __future__ import annotations

import os
from io import FileIO

from connectors.errors import JobError

__all__ = ["PlainFile"]


class PlainFile:
    """A ByteSource of an open file that is not compressed. It may be read in any order."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.damage: JobError | None = None

    def read(self, position: int, size: int) -> bytes:
        file = self._file.fileno()
        data = os.pread(file, size, position)
        while len(data) < size:  # less than asked for is not yet the end
            more = os.pread(file, size - len(data), position + len(data))
            if not more:
                break
            data += more
        return data

    def reach(self, position: int) -> int:
        return os.fstat(self._file.fileno()).st_size

    def file_bytes(self, position: int) -> int:
        return position

    def close(self) -> None:
        self._file.close()
