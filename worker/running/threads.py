"""The threads on which files are read and converted."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

__all__ = ["NICENESS", "converter_threads"]

NICENESS = 5
"""How far the threads step back: enough to let the event loop go first, too little to starve one that has
the GIL, which the loop would wait for.
"""


def converter_threads() -> ThreadPoolExecutor:
    """Return as many threads as there are cores, two at least, and one more, which may read meanwhile.

    They use all the cores there are: where the kernel can tell threads apart, the event loop's goes first.
    """
    return ThreadPoolExecutor(max(2, os.cpu_count() or 1) + 1, "convert", initializer=_step_back)


def _step_back() -> None:
    if sys.platform != "linux":
        return  # this would be the whole process
    thread = threading.get_native_id()
    with suppress(OSError):  # where it is not allowed all are equal
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)
