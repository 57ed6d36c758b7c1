"""The folders of claimed files: what lies in them, and where they go when their job ends or is retried.

How long they stay in `done/` is kept in `retained.py`.
"""

from __future__ import annotations

import json
import logging
import os
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from worker.intake.dropzone import Dropzone, is_job_id, sync_folder, write_durably
from worker.intake.names import ERROR_NAME, NEW_MANIFEST_NAME
from worker.jobs.job import Job, State
from worker.jobs.manifest import MANIFEST_NAME, Manifest

__all__ = ["JobFolders"]

_log = logging.getLogger(__name__)

_CLAIM_SECONDS = 60.0
"""A folder this old without its file was left by a process that died: a claim takes milliseconds."""


class JobFolders:
    """Reads and moves job folders. Blocking; thread-safe, since each step is one rename.

    A move ends the same however often it is begun: a crash on the way is made good by calling it again.
    `clock` gives Unix time in seconds, as file systems do.
    """

    def __init__(self, zone: Dropzone, clock: Callable[[], float] = time.time) -> None:
        self._zone = zone
        self._clock = clock
        self._reported: set[str] = set()

    def processing(self) -> Sequence[str]:
        """The ids of the folders in `processing/`, by name; also of those whose file is missing."""
        with os.scandir(self._zone.processing) as entries:
            return sorted(
                entry.name
                for entry in entries
                if is_job_id(entry.name) and entry.is_dir(follow_symlinks=False)
            )

    def read_manifest(self, job_id: str) -> Manifest | None:
        """The manifest in `processing/`; None when it is missing or was not written to its end."""
        return _read_manifest(self._zone.processing / job_id)

    def job_file(self, manifest: Manifest) -> Path:
        """The file of a job in `processing/`. It need not exist."""
        return self._zone.processing / manifest.job_id / manifest.stored_name

    def has_file(self, manifest: Manifest) -> bool:
        """Whether the file stands beside its manifest in `processing/`."""
        return _is_file(self.job_file(manifest))

    def manifest(self, job_id: str) -> Manifest | None:
        """The manifest of a job whose file stands in `processing/`, `failed/` or `done/`; None if it is gone.

        A file that moves on to `failed/` or `done/` meanwhile is not missed.
        """
        for parent in (self._zone.processing, self._zone.failed, self._zone.done):
            manifest = _read_manifest(parent / job_id)
            if manifest is not None and _is_file(parent / job_id / manifest.stored_name):
                return manifest
        return None

    def dispose(self, job: Job) -> None:
        """Move the folder of an ended job to `done/`, or with `error.json` to `failed/`. Idempotent."""
        completed = job.state is State.COMPLETED
        target = (self._zone.done if completed else self._zone.failed) / job.job_id
        standing = self._zone.job_folder(job.job_id)
        if standing is None:
            return
        if completed:
            (standing / ERROR_NAME).unlink(missing_ok=True)
        else:
            _write_error(standing, job)
        if standing != target:
            _move(standing, target)

    def reclaim(self, job_id: str) -> bool:
        """Bring the folder of a retried job back from `failed/` or `done/`; False when it is nowhere."""
        target = self._zone.processing / job_id
        for parent in (self._zone.failed, self._zone.done):
            source = parent / job_id
            if source.is_dir():
                (source / ERROR_NAME).unlink(missing_ok=True)
                _move(source, target)
        return target.is_dir()

    def rewrite_manifest(self, manifest: Manifest) -> None:
        """Put the manifest in the place of the one in `processing/`, whole or not at all."""
        folder = self._zone.processing / manifest.job_id
        new = folder / NEW_MANIFEST_NAME
        write_durably(new, manifest.to_bytes())
        new.replace(folder / MANIFEST_NAME)
        sync_folder(folder)

    def discard_unclaimed(self, job_id: str) -> None:
        """Remove a folder whose file was never moved in, unless a claim may still be under way."""
        folder = self._zone.processing / job_id
        try:
            names = {entry.name for entry in folder.iterdir()}
            age = self._clock() - folder.stat().st_mtime
        except FileNotFoundError:
            return
        if names - {MANIFEST_NAME, NEW_MANIFEST_NAME}:
            self._report_once(folder)
        elif age >= _CLAIM_SECONDS:
            for name in names:
                (folder / name).unlink(missing_ok=True)
            folder.rmdir()
            _log.info("removed `processing/%s/`: its file was never moved in", job_id)

    def _report_once(self, folder: Path) -> None:
        if folder.name not in self._reported:
            self._reported.add(folder.name)
            _log.warning(
                "`%s` holds files, but its manifest `%s` is missing or names another; "
                "they stay: move them into incoming/ to submit them",
                folder,
                MANIFEST_NAME,
            )


def _read_manifest(folder: Path) -> Manifest | None:
    try:
        return Manifest.from_bytes((folder / MANIFEST_NAME).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _write_error(folder: Path, job: Job) -> None:
    data = json.dumps(job.to_json(), ensure_ascii=False, indent=1).encode()
    path = folder / ERROR_NAME
    if not path.is_file() or path.read_bytes() != data:
        write_durably(path, data)
        sync_folder(folder)


def _move(source: Path, target: Path) -> None:
    """Move a job's folder; one that stands there already takes up what is missing in it."""
    if target.is_dir():
        for entry in sorted(source.iterdir(), key=lambda entry: entry.name == MANIFEST_NAME):
            entry.replace(target / entry.name)  # the manifest last: until then the move is known as open
        source.rmdir()
    else:
        source.rename(target)
    sync_folder(target.parent)
    sync_folder(source.parent)
