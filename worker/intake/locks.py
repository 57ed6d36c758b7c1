"""Locks by name: among the tasks of this process, and among all workers that share a drop zone."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from pathlib import Path

from worker.state.api import UnavailableError

__all__ = ["KeyLocks", "NamedLocks"]

_LOOK_SECONDS = 0.02
_PATIENCE_SECONDS = 30.0
_SHOWN = 100


class NamedLocks:
    """Locks of this process, one a name; a name that nobody holds or waits for costs nothing."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, asyncio.Lock] = {}
        self._users: Counter[Hashable] = Counter()

    @asynccontextmanager
    async def hold(self, name: Hashable) -> AsyncIterator[None]:
        """Hold the lock of `name` for the block, waiting as long as it takes."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        self._users[name] += 1
        try:
            async with lock:
                yield
        finally:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name], self._locks[name]


class KeyLocks:
    """Locks for keys of clients that hold for every worker on the drop zone, by files in `folder`.

    A lock is the flock of a file that is named by the key's hash; it ends with its process. Who unlinks the
    file holds its lock, so that nobody can hold a lock of the same key on another file.
    """

    def __init__(self, folder: Path, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._folder = folder
        self._patience_seconds = patience_seconds
        self._here = NamedLocks()

    @asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Hold the key for the block.

        Raises UnavailableError `NOT_READY` when another worker has it for 30 s. A block that is cancelled
        keeps it: that happens only when the worker stops, a thread may still be moving the file, and the end
        of the process gives the key free.
        """
        path = self._folder / f"{hashlib.sha256(key.encode()).hexdigest()}.lock"
        async with self._here.hold(key):
            descriptor = await self._acquire(path, key)
            try:
                yield
            except asyncio.CancelledError:
                raise
            except BaseException:
                _release(path, descriptor)
                raise
            _release(path, descriptor)

    async def _acquire(self, path: Path, key: str) -> int:
        deadline = asyncio.get_running_loop().time() + self._patience_seconds
        while (descriptor := await asyncio.to_thread(_try_lock, path)) is None:
            if asyncio.get_running_loop().time() > deadline:
                raise UnavailableError(
                    "NOT_READY",
                    f"another request with the key `{key[:_SHOWN]}` is still under way at another worker",
                    "repeat the request in a moment",
                )
            await asyncio.sleep(_LOOK_SECONDS)
        return descriptor


def _try_lock(path: Path) -> int | None:
    """Return the locked file, or None when another holds it or has just removed it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if os.fstat(descriptor).st_nlink == 0:  # it was released between the open and the lock
        os.close(descriptor)
        return None
    return descriptor


def _release(path: Path, descriptor: int) -> None:
    path.unlink(missing_ok=True)
    os.close(descriptor)
