"""Converting steps back behind the event loop."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from worker.running.threads import NICENESS, converter_threads


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux only")
def test_the_threads_step_back_and_nothing_else_does() -> None:
    before = niceness()
    with converter_threads() as threads:
        assert threads.submit(niceness).result(10) == min(before + NICENESS, 19)
        assert niceness() == before
