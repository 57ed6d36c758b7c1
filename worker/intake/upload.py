"""A file on its way in over HTTP: a hidden part file in `.uploads/`, hashed as it arrives."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
import os
import secrets
from pathlib import Path
from typing import Any

from worker.intake.claim import Submission
from worker.intake.dropzone import Dropzone
from worker.intake.names import MAX_FOLDERS, MAX_PATH_BYTES, path_fits, upload_name
from worker.intake.received import Identity, ReceivedFile
from worker.intake.space import DiskSpace, is_full
from worker.intake.submit import Submitter
from worker.jobs.job import Job, Source
from worker.state.api import Model, StateError

__all__ = ["Upload", "open_upload", "sweep_uploads"]

_log = logging.getLogger(__name__)

_BUFFER_BYTES = 1024 * 1024


class Upload:
    """One upload. Whoever opened it calls `discard` at the end, whatever happened.

    The part file is locked as long as its upload lives, so that other workers can tell it from one that a
    dead process left. Errors are StateError; after any of them only `discard` may follow. At most 1 MiB of
    the file, and the piece that was written last, is in memory.
    """

    def __init__(
        self,
        path: Path,
        descriptor: int,
        file: str,
        *,
        submitter: Submitter,
        space: DiskSpace,
        max_bytes: int,
    ) -> None:
        self.file = file
        self._path = path
        self._descriptor: int | None = descriptor
        self._submitter = submitter
        self._space = space
        self._max_bytes = max_bytes
        self._digest = hashlib.sha256()
        self._buffer = bytearray()
        self._received = 0
        self._flushing: asyncio.Future[None] | None = None

    async def write(self, data: bytes) -> None:
        """Append. Raises `FILE_TOO_LARGE` one byte over the limit, and `NO_SPACE`."""
        self._received += len(data)
        if self._received > self._max_bytes:
            raise StateError(
                "FILE_TOO_LARGE",
                f"the file is larger than `{self._max_bytes}` bytes",
                "split it, or raise BATCH_MAX_UPLOAD_BYTES",
            )
        self._buffer += data
        if len(self._buffer) >= _BUFFER_BYTES:
            await self._in_thread_flush()

    async def submit(
        self,
        model: Model,
        options: dict[str, Any],
        *,
        overrides: dict[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[Job, bool]:
        """Claim the file as a job. From its return on the job exists, even if Kafka has gone away.

        `options` are those of the model with the request's `overrides` over them. (job, False) is the job
        that the same request with the same key has made before. Raises also `IDEMPOTENCY_MISMATCH`,
        `DUPLICATE_FILE` and UnavailableError; the file is not claimed then.
        """
        submission = Submission(self.file, model, options, Source.UPLOAD, overrides or {})
        try:
            return await self._submitter.submit(await self.finish(), submission, idempotency_key)
        except OSError as error:
            if is_full(error):  # the file of the key's lock had no room
                raise self._space.error() from error
            raise

    async def finish(self) -> ReceivedFile:
        """Write what is left, so that it survives a power loss, and return the whole file."""
        await self._in_thread_flush(sync=True)
        assert self._descriptor is not None
        return ReceivedFile(self._path, Identity.of(os.fstat(self._descriptor)), self._digest.hexdigest())

    async def discard(self) -> None:
        """Remove the part file unless it was claimed. Idempotent."""
        if self._flushing is not None:
            # a thread may still write for a caller that was cancelled
            await asyncio.gather(self._flushing, return_exceptions=True)
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            await asyncio.to_thread(self._remove, descriptor)

    def _remove(self, descriptor: int) -> None:
        """Blocking: the close of an unlinked file frees it, which takes a second for some GiB."""
        self._path.unlink(missing_ok=True)
        os.close(descriptor)

    async def _in_thread_flush(self, sync: bool = False) -> None:
        data, self._buffer = self._buffer, bytearray()
        self._flushing = asyncio.ensure_future(asyncio.to_thread(self._flush, data, sync))
        await asyncio.shield(self._flushing)

    def _flush(self, data: bytearray, sync: bool) -> None:
        assert self._descriptor is not None
        self._space.check()
        self._digest.update(data)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
            if sync:
                os.fsync(self._descriptor)
        except OSError as error:
            if is_full(error):
                raise self._space.error() from error
            raise


def open_upload(
    zone: Dropzone, sent_name: str, *, submitter: Submitter, space: DiskSpace, max_bytes: int
) -> Upload:
    """Begin a part file for a file that the client calls `sent_name`.

    Raises StateError `INVALID_REQUEST` for a name with too many folders, and `NO_SPACE`.
    """
    file = upload_name(sent_name)
    if not path_fits(file):
        raise StateError(
            "INVALID_REQUEST",
            f"the file's path has more than {MAX_FOLDERS} folders or {MAX_PATH_BYTES} bytes",
            "send a shorter path: the folders that `partition_columns` needs, or the bare name",
        )
    space.check()
    try:
        path, descriptor = _new_part(zone.uploads)
    except OSError as error:
        if is_full(error):
            raise space.error() from error
        raise
    return Upload(path, descriptor, file, submitter=submitter, space=space, max_bytes=max_bytes)


def sweep_uploads(zone: Dropzone) -> int:
    """Remove the part files and key locks that dead processes left; return how many. Blocking."""
    removed = 0
    for path in zone.uploads.iterdir():
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue  # taken meanwhile, or none of ours
        try:
            # a file without a name was released meanwhile: what has its name now is another's
            if _lock(descriptor) and os.fstat(descriptor).st_nlink:
                path.unlink(missing_ok=True)
                removed += 1
        finally:
            os.close(descriptor)
    if removed:
        _log.info("removed %d files of uploads whose process has ended", removed)
    return removed


def _new_part(folder: Path) -> tuple[Path, int]:
    while True:
        path = folder / f"{secrets.token_hex(8)}.part"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        if _lock(descriptor) and os.fstat(descriptor).st_nlink == 1:
            return path, descriptor
        os.close(descriptor)  # another worker's sweep was faster than the lock


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
