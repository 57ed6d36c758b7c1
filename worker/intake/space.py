"""The free space of the drop zone's disk."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

from worker.intake.reasons import Reason, no_space
from worker.state.api import StateError

__all__ = ["DiskSpace", "is_full"]


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class DiskSpace:
    """Refuses new files below `min_free_bytes`; `free_bytes` asks the file system of a folder."""

    def __init__(
        self, folder: Path, min_free_bytes: int, free_bytes: Callable[[Path], int] = _free_bytes
    ) -> None:
        self._folder = folder
        self._min_free_bytes = min_free_bytes
        self._free_bytes = free_bytes

    def shortage(self) -> Reason | None:
        """Why nothing may be taken now, or None."""
        free = self._free_bytes(self._folder)
        return no_space(free, self._min_free_bytes) if free < self._min_free_bytes else None

    def check(self) -> None:
        """Raise StateError `NO_SPACE` when nothing may be taken now."""
        if (reason := self.shortage()) is not None:
            raise StateError(reason.code, reason.message, reason.hint)

    def error(self) -> StateError:
        """The error for a write that found the disk, or the user's quota, full."""
        reason = no_space(self._free_bytes(self._folder), self._min_free_bytes)
        return StateError(reason.code, reason.message, reason.hint)


def is_full(error: OSError) -> bool:
    """Whether a write failed because the disk or the user's quota is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
