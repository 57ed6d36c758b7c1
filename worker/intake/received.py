"""A file that has arrived whole, with what tells whether it is still the same."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Identity", "ReceivedFile", "SourceChangedError", "hash_file"]

_READ_BYTES = 1024 * 1024


class SourceChangedError(Exception):
    """The file vanished or was altered since it was looked at; nothing was taken."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What changes when a file is altered or replaced. `size` in bytes."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A whole file; `sha256` (hex) is that of its bytes while it had `identity`."""

    path: Path
    identity: Identity
    sha256: str

    @property
    def size(self) -> int:
        return self.identity.size

    @property
    def mtime_ns(self) -> int:
        return self.identity.mtime_ns


def hash_file(path: Path, identity: Identity, stopped: Callable[[], bool]) -> ReceivedFile:
    """Hash a file that had `identity`. Blocking; holds 1 MiB.

    Neither follows a link nor waits at a pipe that took the file's place. Raises SourceChangedError when it
    is not, or does not stay, the file of that identity, or when `stopped` says to give up; OSError when it
    cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise SourceChangedError(f"`{path}` vanished") from error
    digest = hashlib.sha256()
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        _check_same(file.fileno(), path, identity)
        count = 0
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
            count += len(piece)
            if count > identity.size:
                break  # it grows, perhaps as fast as it is read
            if stopped():
                raise SourceChangedError(f"hashing `{path}` was given up")
        _check_same(file.fileno(), path, identity)
    return ReceivedFile(path, identity, digest.hexdigest())


def _check_same(descriptor: int, path: Path, identity: Identity) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or Identity.of(status) != identity:
        raise SourceChangedError(f"`{path}` changed")
