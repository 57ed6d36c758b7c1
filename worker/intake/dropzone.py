"""The drop zone: one folder, in which a file moves by renames only.

incoming/[<model>/]file    watched; folders below a model's nest; what is not taken stays here
.uploads/                  files on their way in over HTTP, and locks of their keys
processing/<job_id>/       claimed: the manifest `.job.json` and the file
done/<job_id>/             COMPLETED
failed/<job_id>/           FAILED or CANCELLED, with `error.json`
"""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["Dropzone", "DropzoneError", "is_job_id", "sync_folder", "write_durably"]

_JOB_ID = re.compile(r"[a-z0-9]{12}")


class DropzoneError(Exception):
    """The drop zone cannot be used; the message says why and what to do."""


class Dropzone:
    """The layout below `root`. Several workers may share one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.incoming = root / "incoming"
        self.uploads = root / ".uploads"
        self.processing = root / "processing"
        self.done = root / "done"
        self.failed = root / "failed"

    def create(self) -> None:
        """Make the folders that are missing.

        Raises DropzoneError when that cannot be done, or when they are not on one file system: between two,
        a move would be a copy that a crash can cut in half.
        """
        folders = (self.incoming, self.uploads, self.processing, self.done, self.failed)
        try:
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
            devices = {folder.stat().st_dev for folder in folders}
        except OSError as error:
            raise DropzoneError(
                f"the drop zone `{self.root}` cannot be used: {error.strerror} (`{error.filename}`); "
                "give the worker's user write permission, or set BATCH_DROPZONE to another folder"
            ) from error
        if len(devices) > 1:
            raise DropzoneError(
                f"the folders of the drop zone `{self.root}` lie on {len(devices)} file systems; "
                "mount the drop zone as a whole, or set BATCH_DROPZONE to another folder"
            )

    def job_folder(self, job_id: str) -> Path | None:
        """Return the job's folder wherever it stands, or None."""
        for parent in (self.processing, self.failed, self.done):
            folder = parent / job_id
            if folder.is_dir():
                return folder
        return None


def is_job_id(name: str) -> bool:
    """Whether `name` has the form of a job id."""
    return _JOB_ID.fullmatch(name) is not None


def write_durably(path: Path, data: bytes) -> None:
    """Write a file so that it survives a power loss; its folder's entry needs `sync_folder`.

    A file that could not be written to its end, on a full disk say, is removed.
    """
    try:
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
