"""Why a file is not taken, in words: code, message and hint of every case."""

from __future__ import annotations

import errno
import stat
from dataclasses import dataclass

from worker.intake.names import MAX_FOLDERS, MAX_PATH_BYTES, printable
from worker.state.api import Health

__all__ = [
    "Reason",
    "WaitingFile",
    "disk_full",
    "linked",
    "model_not_found",
    "name_ignored",
    "no_model",
    "no_space",
    "options_refused",
    "path_too_long",
    "space_unknown",
    "still_changing",
    "too_deep",
    "too_large",
    "unavailable",
    "unreadable",
]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is not taken: `code` is one of the contract's (§10), `hint` says what to do."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """Something in `incoming/` that is not taken. `path` is relative to `incoming/`.

    `size_bytes` is None for what has no size; `since` (RFC 3339) is when this code was first given.
    """

    path: str
    code: str
    message: str
    hint: str
    size_bytes: int | None
    since: str


_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def name_ignored(path: str) -> Reason:
    return Reason(
        "NAME_IGNORED",
        f"`{printable(path)}` is named like a hidden or unfinished file",
        "rename it when it is complete: no `.` or `_` at its start, no `.part`, `.tmp`, `.crdownload` or "
        "`~` at its end",
    )


def linked(path: str, mode: int, links: int) -> Reason:
    """Refuse what is not a plain file with one name; `mode` and `links` as `lstat` gives them."""
    if stat.S_ISREG(mode):
        message = f"`{printable(path)}` is a hard link: the file has `{links}` names"
    else:
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "a special file")
        message = f"`{printable(path)}` is {kind}, not a file"
    return Reason("LINK_REFUSED", message, "put a copy of the file here instead")


def no_model(path: str, folder: str) -> Reason:
    return Reason(
        "NO_MODEL",
        f"`{printable(path)}` lies in `{printable(folder)}/`, which cannot be a model's name",
        "move the file into `incoming/<model>/`; model names are 1 to 64 of a-z, 0-9, `_` and `-`",
    )


def too_deep(path: str) -> Reason:
    return Reason(
        "NO_MODEL",
        f"the folder `{printable(path)}/` lies more than `{MAX_FOLDERS}` folders below its model's",
        "move its files up; folders further down are not read",
    )


def path_too_long(path: str) -> Reason:
    return Reason(
        "NO_MODEL",
        f"the path of `{printable(path)}` below its model's folder is over `{MAX_PATH_BYTES}` bytes",
        "give the file and its folders shorter names",
    )


def model_not_found(model: str) -> Reason:
    return Reason(
        "MODEL_NOT_FOUND",
        f"model `{model}` does not exist",
        f"create it with `batch model create {model} schema.json`; the file is taken then",
    )


def still_changing(path: str, seconds: float) -> Reason:
    return Reason(
        "STILL_CHANGING",
        f"`{printable(path)}` must stand still for `{seconds:.1f}` more seconds",
        "nothing to do; BATCH_SETTLE_SECONDS sets how long size and time must not change",
    )


def too_large(size: int, limit: int) -> Reason:
    return Reason(
        "FILE_TOO_LARGE",
        f"the file has `{size}` bytes; at most `{limit}` are taken",
        "split it, or raise BATCH_MAX_UPLOAD_BYTES",
    )


def no_space(disk: str, free: int, limit: int) -> Reason:
    """`disk` is what lies on it: the drop zone or the data dir."""
    return Reason(
        "NO_SPACE",
        f"the {disk}'s disk has `{free}` bytes free; nothing is taken below `{limit}`",
        "free some space (only a retry reads `done/` again), or lower BATCH_MIN_FREE_BYTES",
    )


def disk_full(disk: str, free: int | None) -> Reason:
    """A write found no room although the limit is kept, or is 0. `free` is None where nobody knows."""
    known = "" if free is None else f" (`{free}` bytes free)"
    return Reason(
        "NO_SPACE",
        f"the {disk}'s disk is full{known}, or the worker's user has used up its quota on it",
        "free some space (only a retry reads `done/` again), or raise the quota",
    )


def space_unknown(disk: str, error: OSError) -> Reason:
    """Nothing is taken on a guess."""
    return Reason(
        "NO_SPACE",
        f"the free space of the {disk}'s disk cannot be found out: {error.strerror or error}",
        f"look whether the {disk} is mounted, and may be read by the worker's user",
    )


def unavailable(health: Health) -> Reason:
    """Kafka is away, or the worker has not caught up with it yet."""
    return Reason("KAFKA_UNAVAILABLE", health.message, health.hint)


def unreadable(path: str, error: OSError) -> Reason:
    if error.errno == errno.EXDEV:
        return Reason(
            "INTERNAL",
            f"`{printable(path)}` lies on another file system than `processing/`",
            "mount the drop zone as a whole, not a folder inside it",
        )
    return Reason(
        "INTERNAL",
        f"`{printable(path)}` cannot be taken: {error.strerror or error}",
        "give the worker's user permission to read it and to move it out of its folder",
    )


def options_refused(model: str, error: Exception, hint: str = "") -> Reason:
    """`hint` says what to write instead, if that is known."""
    return Reason(
        "INTERNAL",
        f"the options of model `{model}` cannot be used: {error}",
        "make a new version of the model" + (f": {hint}" if hint else ""),
    )
