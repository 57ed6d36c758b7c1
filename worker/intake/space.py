"""The free space of the disks that files and state are written to."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

from worker.intake.reasons import Reason, disk_full, no_space, space_unknown
from worker.state.api import StateError

__all__ = ["DiskSpace", "is_full"]


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class DiskSpace:
    """Refuses new files below `min_free_bytes`; `free_bytes` asks the file system of a folder.

    The data dir counts, too: a worker that cannot write its table has to end, so it takes nothing before.
    """

    def __init__(
        self,
        folder: Path,
        min_free_bytes: int,
        free_bytes: Callable[[Path], int] = _free_bytes,
        *,
        data_dir: Path | None = None,
    ) -> None:
        self._folder = folder
        self._disks = [("drop zone", folder)]
        if data_dir is not None:
            self._disks.append(("data dir", data_dir))
        self._min_free_bytes = min_free_bytes
        self._free_bytes = free_bytes

    def shortage(self) -> Reason | None:
        """Why nothing may be taken now, or None. A limit of 0 asks nothing."""
        if self._min_free_bytes == 0:
            return None
        for name, folder in self._disks:
            try:
                free = self._free_bytes(folder)
            except OSError as error:
                return space_unknown(name, error)
            if free < self._min_free_bytes:
                return no_space(name, free, self._min_free_bytes)
        return None

    def check(self) -> None:
        """Raise StateError `NO_SPACE` when nothing may be taken now."""
        if (reason := self.shortage()) is not None:
            raise StateError(reason.code, reason.message, reason.hint)

    def error(self) -> StateError:
        """The error for a write to the drop zone that found the disk, or the user's quota, full."""
        try:
            free = self._free_bytes(self._folder)
        except OSError:
            free = None
        if free is not None and free < self._min_free_bytes:
            reason = no_space("drop zone", free, self._min_free_bytes)
        else:
            reason = disk_full("drop zone", free)
        return StateError(reason.code, reason.message, reason.hint)


def is_full(error: OSError) -> bool:
    """Whether a write failed because the disk or the user's quota is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
