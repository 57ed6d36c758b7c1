"""One look through `incoming/`: what lies there, and what can be refused by its name or kind alone."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from worker.intake.names import is_ignored, readable
from worker.intake.reasons import Reason, linked, name_ignored, no_model, too_deep, unreadable
from worker.intake.received import Identity

__all__ = ["Found", "scan_incoming"]

_MODEL_NAME = re.compile(r"[a-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Found:
    """Something in `incoming/`.

    `name` is its path below `incoming/` as the file system gives it. A file that may be taken has a `model`
    (a name; the model need not exist), all else has a `refusal`. `identity` is None for what has no size.
    """

    name: str
    path: Path
    model: str = ""
    identity: Identity | None = None
    refusal: Reason | None = None

    @property
    def shown(self) -> str:
        """The name as valid Unicode."""
        return readable(self.name)


def scan_incoming(incoming: Path, default_model: str) -> list[Found]:
    """Return all that lies in `incoming/` and its folders, by name. Blocking.

    What cannot be read is reported as such, and the rest goes on; what vanishes meanwhile is left out.
    """
    found: list[Found] = []
    for entry in _entries(incoming, "", found):
        if _is_folder(entry):
            found.extend(_scan_folder(entry))
        else:
            found.extend(_look(entry, entry.name, default_model))
    return sorted(found, key=lambda item: item.name)


def _scan_folder(folder: os.DirEntry[str]) -> Iterator[Found]:
    if is_ignored(folder.name):
        yield Found(folder.name, Path(folder.path), refusal=name_ignored(folder.name))
        return
    model = folder.name if _MODEL_NAME.fullmatch(folder.name) else ""
    broken: list[Found] = []
    for entry in _entries(Path(folder.path), folder.name, broken):
        name = f"{folder.name}/{entry.name}"
        if not _is_folder(entry):
            yield from _look(entry, name, model)
        elif is_ignored(entry.name):
            yield Found(name, Path(entry.path), refusal=name_ignored(name))
        else:
            yield Found(name, Path(entry.path), refusal=too_deep(name))
    yield from broken


def _look(entry: os.DirEntry[str], name: str, model: str) -> Iterator[Found]:
    """Judge one entry that is no folder. `model` is empty where the folder's name cannot be one."""
    path = Path(entry.path)
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    except OSError as error:
        yield Found(name, path, refusal=unreadable(name, error))
        return
    identity = Identity.of(status) if stat.S_ISREG(status.st_mode) else None
    refusal = None
    if is_ignored(entry.name):
        refusal = name_ignored(name)
    elif identity is None or status.st_nlink > 1:
        refusal = linked(name, status.st_mode, status.st_nlink)
    elif not model:
        refusal = no_model(name, name.split("/")[0])
    yield Found(name, path, model, identity, refusal)


def _entries(folder: Path, name: str, broken: list[Found]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        if not (name and isinstance(error, FileNotFoundError)):
            broken.append(Found(name or ".", folder, refusal=unreadable(name or "incoming", error)))
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
