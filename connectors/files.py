"""Opening a claimed file."""

from __future__ import annotations

from io import FileIO
from pathlib import Path

from connectors.errors import JobCode, JobError

__all__ = ["open_file"]


def open_file(path: Path) -> FileIO:
    """Open the file at `path` for unbuffered reading. Raises JobError FILE_GONE, else OSError."""
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        raise JobError(
            JobCode.FILE_GONE,
            f"the file `{path.name}` is no longer in the job's folder",
            "submit the file again",
        ) from None
