"""Who this worker is, and that its data dir is nobody else's."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import socket
import string
from pathlib import Path

__all__ = ["IdentityError", "WorkerIdentity"]

_ALPHABET = string.ascii_lowercase + string.digits
_ID = re.compile(r"[a-zA-Z0-9._-]{1,64}")


class IdentityError(Exception):
    """The data dir is another worker's or cannot be written: the message says what to do."""


class WorkerIdentity:
    """The worker's id, made once and kept in `worker.id`; the data dir stays locked until `release`.

    Kafka knows the worker by this id after a restart and hands it its partitions back at once.
    """

    def __init__(self, worker_id: str, lock: int) -> None:
        self.worker_id = worker_id
        self._lock = lock

    @classmethod
    def acquire(cls, data_dir: Path, wanted: str | None = None) -> WorkerIdentity:
        """Lock the data dir, made if missing, and return the kept id, or `wanted`, which is kept from now on.

        Raises IdentityError when another process holds the lock or the folder cannot be written.
        """
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            lock = _lock(data_dir)
            return cls(_kept_id(data_dir / "worker.id", wanted), lock)
        except OSError as error:
            raise IdentityError(
                f"the data dir `{data_dir}` cannot be used: {error.strerror or error}; "
                "set BATCH_DATA_DIR to a folder that the worker may write"
            ) from error

    def release(self) -> None:
        """Let another worker have the data dir. The end of the process does the same."""
        os.close(self._lock)


def _lock(data_dir: Path) -> int:
    lock = os.open(data_dir / "worker.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise IdentityError(
            f"the data dir `{data_dir}` is in use by the worker with process id `{holder}`; "
            "stop it, or set BATCH_DATA_DIR to a folder of this worker's own"
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _kept_id(path: Path, wanted: str | None) -> str:
    kept = path.read_text().strip() if path.exists() else ""
    worker_id = wanted or (kept if _ID.fullmatch(kept) else _new_id())
    if worker_id != kept:
        part = path.with_suffix(".part")
        part.write_text(worker_id + "\n")
        part.replace(path)  # a crash leaves the old id or the new one
    return worker_id


def _new_id() -> str:
    host = re.sub(r"[^a-zA-Z0-9._-]", "-", socket.gethostname())[:48] or "worker"
    return f"{host}-{''.join(secrets.choice(_ALPHABET) for _ in range(6))}"
