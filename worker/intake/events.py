"""File system events of `incoming/`: they only wake the watcher; what lies there is seen by its scan."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

__all__ = ["IncomingEvents"]

_log = logging.getLogger(__name__)

# no modifications: a file that is being copied has thousands; no deletions: each claim is one
_WAKING: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
]


class _Waker(FileSystemEventHandler):
    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop = loop
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._loop.call_soon_threadsafe(self._wake)


class IncomingEvents:
    """Calls `wake` on the event loop's thread when something happens in a folder or below it.

    Where the system gives no events (no watches left, some mounts) it says so once, and the watcher's
    rescan does alone.
    """

    def __init__(self, folder: Path, wake: Callable[[], None]) -> None:
        self._folder = folder
        self._wake = wake
        self._observer = Observer()
        self._started = False

    def start(self) -> None:
        """Begin; called on the event loop's thread."""
        waker = _Waker(asyncio.get_running_loop(), self._wake)
        try:
            self._observer.schedule(waker, self._folder, recursive=True, event_filter=_WAKING)
            self._observer.start()
        except OSError as error:
            _log.warning("no file system events of `%s` (%s); it is rescanned only", self._folder, error)
            return
        self._started = True

    def stop(self) -> None:
        """End; no call comes after this one. Blocking, for milliseconds."""
        if self._started:
            self._started = False
            self._observer.stop()
            self._observer.join()
