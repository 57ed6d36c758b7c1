"""File names: what a user calls a file, what it is called on disk, and which names are left alone."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from worker.jobs.manifest import MANIFEST_NAME

__all__ = [
    "ERROR_NAME",
    "MAX_FOLDERS",
    "MAX_PATH_BYTES",
    "NEW_MANIFEST_NAME",
    "is_ignored",
    "path_fits",
    "printable",
    "readable",
    "stored_name",
    "upload_name",
]

ERROR_NAME = "error.json"
"""The final Job JSON beside a file in `failed/`."""

NEW_MANIFEST_NAME = f"{MANIFEST_NAME}.new"
"""A manifest that is about to replace the one beside it."""

MAX_FOLDERS = 16
"""How many folders may lie between a model's folder and a file."""

MAX_PATH_BYTES = 1024
"""How long a file's path below its model's folder may be, in UTF-8."""

_RESERVED = frozenset({MANIFEST_NAME, NEW_MANIFEST_NAME, ERROR_NAME})
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
    """Return the name that an HTTP client sent: a path down from a folder of its own, or a bare file name.

    The folders stay (`year=2024/x.csv`) where the path is a plain one. One that is absolute, goes up or has a
    `\\` in it, as browsers of other systems sent them, is reduced to its last component. Never empty, `.` or
    `..`, and free of NULs, which no file system can store.
    """
    name = readable(sent).replace("\0", "_")
    parts = name.split("/")
    last = re.split(r"[/\\]", name)[-1]
    if last in ("", ".", ".."):
        return _UNNAMED
    if name.startswith("/") or "\\" in name or ".." in parts:
        return last
    return "/".join(part for part in parts if part not in ("", "."))


def path_fits(file: str) -> bool:
    """Whether the folders before a file's name are few and short enough; a bare name always is."""
    folders = file.count("/")
    return folders == 0 or (folders <= MAX_FOLDERS and len(file.encode()) <= MAX_PATH_BYTES)


def stored_name(file: str) -> str:
    """Return the name that a file gets in its job's folder: at most 255 bytes, never that of our own files.

    That is the last component of its path. A longer name loses the end of its stem; its suffix stays.
    """
    name = file.rpartition("/")[2]
    if name in _RESERVED:
        name = f"_{name}"
    if len(name.encode()) <= _NAME_BYTES:
        return name
    suffix = PurePosixPath(name).suffix
    if len(suffix.encode()) > _SUFFIX_BYTES:
        suffix = ""
    stem = name.removesuffix(suffix).encode()[: _NAME_BYTES - len(suffix.encode())]
    return stem.decode(errors="ignore") + suffix
