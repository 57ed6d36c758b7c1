"""File names: what a user calls a file, what it is called on disk, and which names are left alone."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from worker.jobs.manifest import MANIFEST_NAME

__all__ = ["ERROR_NAME", "is_ignored", "printable", "readable", "stored_name", "upload_name"]

ERROR_NAME = "error.json"
"""The final Job JSON beside a file in `failed/`."""

_RESERVED = frozenset({MANIFEST_NAME, ERROR_NAME})
_NAME_BYTES = 255  # what Linux, macOS and Windows file systems allow
_SUFFIX_BYTES = 32
_UNNAMED = "unnamed"
_SURROGATES = re.compile("[\ud800-\udfff]")
_IGNORED_STARTS = (".", "_")
_IGNORED_ENDS = (".part", ".tmp", ".crdownload", "~")


def is_ignored(name: str) -> bool:
    """Whether a name in `incoming/` is that of a hidden or unfinished file (contract §6)."""
    return name.startswith(_IGNORED_STARTS) or name.endswith(_IGNORED_ENDS)


def readable(name: str) -> str:
    """Return the name as valid Unicode: each byte that is not UTF-8 becomes U+FFFD."""
    return _SURROGATES.sub("\ufffd", name)


def printable(name: str) -> str:
    """Return the name for a message of one line: control characters become U+FFFD too."""
    return "".join(char if char.isprintable() else "\ufffd" for char in readable(name))


def upload_name(sent: str) -> str:
    """Reduce the name that an HTTP client sent to its last path component, with `/` or `\\` between them.

    Never empty, `.` or `..`, and free of NULs, which no file system can store.
    """
    last = readable(re.split(r"[/\\]", sent)[-1]).replace("\0", "_")
    return _UNNAMED if last in ("", ".", "..") else last


def stored_name(file: str) -> str:
    """Return the name that a file gets in its job's folder: at most 255 bytes, never that of our own files.

    A longer name loses the end of its stem; its suffix stays.
    """
    name = f"_{file}" if file in _RESERVED else file
    if len(name.encode()) <= _NAME_BYTES:
        return name
    suffix = PurePosixPath(name).suffix
    if len(suffix.encode()) > _SUFFIX_BYTES:
        suffix = ""
    stem = name.removesuffix(suffix).encode()[: _NAME_BYTES - len(suffix.encode())]
    return stem.decode(errors="ignore") + suffix
