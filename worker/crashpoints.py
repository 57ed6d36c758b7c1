"""Named points where a test can make the worker die as kill -9 would. Off unless BATCH_CRASH_AT names one."""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from pathlib import Path

__all__ = ["CrashPoint", "crash_point"]


class CrashPoint(StrEnum):
    """The path of one job, in order."""

    AFTER_MANIFEST = "after-manifest"
    AFTER_RENAME = "after-rename"
    AFTER_SUBMISSION = "after-submission"
    AFTER_START_PROGRESS = "after-start-progress"
    AFTER_BEGIN = "after-begin"
    MID_SEND = "mid-send"
    BEFORE_COMMIT = "before-commit"
    AFTER_COMMIT = "after-commit"
    AFTER_ENDED_EVENT = "after-ended-event"
    AFTER_MOVE = "after-move"


_passed: dict[str, int] = {}


def crash_point(point: CrashPoint) -> None:
    """Die here if BATCH_CRASH_AT is `<point>` or `<point>:<n>` and this is the n-th time (from 1).

    `@<path>` reads the wish from a file, anew each time: a running worker can be armed.
    """
    wanted = os.environ.get("BATCH_CRASH_AT")
    if not wanted:
        return
    if wanted.startswith("@"):
        wanted = Path(wanted[1:]).read_text() if Path(wanted[1:]).exists() else ""
    name, _, count = wanted.partition(":")
    if name != point:
        return
    _passed[name] = _passed.get(name, 0) + 1
    if _passed[name] == int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)
