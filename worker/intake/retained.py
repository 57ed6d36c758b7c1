"""What is kept for a time only: the folders in `done/`, and what dead processes left.

What lies in `failed/` is kept for good.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from worker.intake.dropzone import Dropzone, is_job_id
from worker.intake.upload import sweep_uploads

__all__ = ["RetainedFolders"]

_REMOVED = re.compile(r"\.[a-z0-9]{12}\.removed")
_log = logging.getLogger(__name__)


class RetainedFolders:
    """Finds and removes folders of completed jobs by their age. Blocking; several workers may do it at once.

    A folder leaves its name first, in one rename, then the disk: a retry of the job meets all of it or
    nothing. What a crash leaves of a folder goes at the next `sweep`.
    """

    def __init__(self, zone: Dropzone) -> None:
        self._zone = zone

    def done_before(self, moment: float) -> Sequence[str]:
        """The ids of the folders that came into `done/` before `moment` (Unix seconds).

        Judged by the inode's change time, which a rename sets: one that was touched since is kept longer.
        """
        with os.scandir(self._zone.done) as entries:
            return sorted(entry.name for entry in entries if _is_due(entry, moment))

    def remove_done(self, job_id: str) -> bool:
        """Remove the job's folder; False when it is not in `done/`, or when another hand was faster.

        Raises OSError.
        """
        leaving = self._zone.done / f".{job_id}.removed"
        try:
            (self._zone.done / job_id).rename(leaving)
        except FileNotFoundError:
            return False
        _remove_tree(leaving)
        return True

    def sweep(self) -> None:
        """Remove what dead processes left of removals and of uploads. Raises OSError."""
        sweep_uploads(self._zone)
        with os.scandir(self._zone.done) as entries:
            left = [entry.path for entry in entries if _REMOVED.fullmatch(entry.name)]
        for path in left:
            _remove_tree(Path(path))


def _is_due(entry: os.DirEntry[str], moment: float) -> bool:
    if not is_job_id(entry.name) or not entry.is_dir(follow_symlinks=False):
        return False
    try:
        return entry.stat(follow_symlinks=False).st_ctime < moment
    except FileNotFoundError:
        return False  # another worker was faster


def _remove_tree(folder: Path) -> None:
    while True:
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            if not folder.exists():
                return  # another worker was faster, with all of it
        else:
            return
