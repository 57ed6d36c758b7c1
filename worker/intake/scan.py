"""One look through `incoming/`: what lies there, and what can be refused by its name or kind alone."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from worker.intake.names import MAX_FOLDERS, is_ignored, path_fits, readable
from worker.intake.reasons import (
    Reason,
    linked,
    name_ignored,
    no_model,
    path_too_long,
    too_deep,
    unreadable,
)
from worker.intake.received import Identity

__all__ = ["Found", "scan_incoming"]

_MODEL_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_NO_LONGER_A_FOLDER = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_MAX_FILES = 5000
"""Of a model in one look; the next ones come when these are taken."""
_MAX_REFUSED = 1000
"""That are listed of a model; more of them are passed over."""


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

    @property
    def file(self) -> str:
        """The path below the model's folder, as valid Unicode; what the file's job calls it."""
        return readable(self.name.partition("/")[2] or self.name)


def scan_incoming(incoming: Path, default_model: str) -> list[Found]:
    """Return what lies in `incoming/` and its folders, by name. Blocking.

    A tree is read to 16 folders below its model's, and for each model so many of its entries are returned
    that a huge one costs a bounded time and memory. What cannot be read is reported as such, and the rest
    goes on; what vanishes meanwhile is left out. No symbolic link is followed below `incoming/`, whatever is
    put into a folder's place meanwhile.
    """
    try:
        with _opened(incoming) as top:
            entries = _entries(top)
            found = _bounded(_files(entries, incoming, default_model, top))
            for entry in filter(_is_folder, entries):
                path, model = incoming / entry.name, _model_of(entry.name)
                found += _bounded(_folder(entry, entry.name, path, model, top))
    except OSError as error:
        return [Found(".", incoming, refusal=unreadable("incoming", error))]
    return sorted(found, key=lambda item: item.name)


def _files(
    entries: list[os.DirEntry[str]], incoming: Path, default_model: str, top: int
) -> Generator[Found, None, None]:
    """The files that name no model."""
    for entry in entries:
        if not _is_folder(entry):
            yield from _file(entry, entry.name, incoming / entry.name, default_model, top)


def _bounded(found: Generator[Found, None, None]) -> list[Found]:
    taken: list[Found] = []
    refused: list[Found] = []
    with closing(found):
        for item in found:
            if item.refusal is None:
                taken.append(item)
            elif len(refused) < _MAX_REFUSED:
                refused.append(item)
            if len(taken) == _MAX_FILES:
                break
    return taken + refused


def _folder(
    entry: os.DirEntry[str], name: str, path: Path, model: str, parent: int
) -> Generator[Found, None, None]:
    """Yield what lies in the folder at `path`, `name` below `incoming/`, and in the folders in it.

    `parent` is the open folder that holds it. `model` is empty where the first folder's name cannot be one.
    """
    if (refusal := _folder_refusal(entry, name)) is not None:
        yield Found(name, path, refusal=refusal)
        return
    try:
        with _opened(Path(entry.name), parent) as descriptor:
            for inner in _entries(descriptor):
                look = _folder if _is_folder(inner) else _file
                yield from look(inner, f"{name}/{inner.name}", path / inner.name, model, descriptor)
    except OSError as error:
        if error.errno not in _NO_LONGER_A_FOLDER:
            yield Found(name, path, refusal=unreadable(name, error))


def _folder_refusal(entry: os.DirEntry[str], name: str) -> Reason | None:
    if is_ignored(entry.name):
        return name_ignored(name)
    return too_deep(name) if name.count("/") > MAX_FOLDERS else None


def _file(entry: os.DirEntry[str], name: str, path: Path, model: str, _: int) -> Generator[Found, None, None]:
    """Judge one entry that is no folder; none if it vanished."""
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
    found = Found(name, path, model, identity, refusal)
    yield found if refusal or path_fits(found.file) else replace(found, refusal=path_too_long(name))


def _model_of(folder: str) -> str:
    return folder if _MODEL_NAME.fullmatch(folder) else ""


@contextmanager
def _opened(folder: Path, parent: int | None = None) -> Iterator[int]:
    """Open a folder of the open `parent`; only `incoming/` itself, which has none, may be a link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if parent is None else os.O_NOFOLLOW)
    descriptor = os.open(folder, flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _entries(descriptor: int) -> list[os.DirEntry[str]]:
    with os.scandir(descriptor) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
