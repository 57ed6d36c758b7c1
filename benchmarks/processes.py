"""What processes take: CPU seconds and resident memory of a whole tree, read from /proc."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from benchmarks.api import RunError, Usage

__all__ = ["Finished", "Meter", "cpu_seconds", "end", "run_metered"]

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SAMPLE_SECONDS = 0.02
_LOOKS_AT_A_TREE = 10


class Meter:
    """Measures the process `pid` and all its descendants while the `with` block runs.

    Memory is the sum of the processes' resident sets, looked at every 20 ms; a new process is among them
    within 200 ms, and pages that they share count for each of them.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self._peak = 0
        self._cpu = 0.0
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.usage = Usage(0.0, 0)

    def __enter__(self) -> Meter:
        self._cpu = cpu_seconds(self._pid)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.usage = Usage(cpu_seconds(self._pid) - self._cpu, self._peak)

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of the tree so far."""
        return cpu_seconds(self._pid)

    def _sample(self) -> None:
        while True:
            tree = _tree(self._pid)  # costs more than all the looks at it
            for _ in range(_LOOKS_AT_A_TREE):
                self._peak = max(self._peak, sum(map(_resident, tree)))
                if self._stop.wait(_SAMPLE_SECONDS):
                    return


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process tree so far, those of children that have ended among them."""
    return sum(map(_cpu, _tree(pid)))


def end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """End a process: kill it if it still runs so many `seconds` after it was asked to stop."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has run to its end with exit code 0."""

    seconds: float
    usage: Usage
    output: str


def run_metered(
    argv: Sequence[str], log: Path, timeout: float, environment: Mapping[str, str] | None = None
) -> Finished:
    """Run a command and measure it; its output goes to the file `log`, too. Raises RunError.

    CPU seconds are the kernel's own count (wait4), those of ended children among them. Its count of peak
    memory is of no use: a child begins with its parent's.
    """
    with log.open("w+b") as file:
        begin = time.monotonic()
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, env=environment
        )
        timer = threading.Timer(timeout, process.kill)
        timer.start()
        with Meter(process.pid) as meter:
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.monotonic() - begin
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        file.seek(0)
        output = file.read().decode(errors="replace")
    if process.returncode != 0:
        what = f"ended after {seconds:.1f} s with exit code {process.returncode}"
        raise RunError(f"`{Path(argv[0]).name}` {what}: {output[-500:].strip()}")
    return Finished(seconds, Usage(used.ru_utime + used.ru_stime, meter.usage.peak_rss), output)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        found.extend(_children(parent))
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for task in _listed(Path(f"/proc/{pid}/task")):
        try:
            children.extend(map(int, (task / "children").read_text().split()))
        except OSError:
            continue  # the thread has ended meanwhile
    return children


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []  # the process has ended meanwhile


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def _cpu(pid: int) -> float:
    try:
        # the name in parentheses may hold anything; utime, stime, cutime, cstime come 11 fields after it
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK
