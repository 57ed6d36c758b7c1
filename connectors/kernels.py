"""The kernels of the compiled converter, made ready in the background: compiling them takes many seconds."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

from connectors.compiled import is_filled

__all__ = ["Kernels"]

_COMPILE = (sys.executable, "-c", "from connectors.compiled import warm_up; warm_up()")
_SOURCE = Path(__file__).parent / "compiled"
_log = logging.getLogger(__name__)


class Kernels:
    """Whether the compiled converter can be used. Thread-safe.

    Compiled code is kept where NUMBA_CACHE_DIR says, else beside the source, else in `cache`.

    `start` returns at once. A process of its own compiles what the cache lacks, since that would hold the GIL
    of this one; then a thread loads it. `ready` stays False where either fails, which is said once, with what
    to do.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._compiling: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self.ready = False

    def start(self) -> None:
        threading.Thread(target=self._make_ready, name="kernels", daemon=True).start()

    def wait(self) -> bool:
        """Wait until they are ready or will not be; return which."""
        self._over.wait()
        return self.ready

    def stop(self) -> None:
        """End what is under way."""
        with self._lock:
            self._stopped = True
            if self._compiling is not None:
                self._compiling.kill()
        self._over.set()

    def _make_ready(self) -> None:
        if not os.access(_SOURCE, os.W_OK):
            os.environ.setdefault("NUMBA_CACHE_DIR", str(self._cache))
        try:
            if is_filled() or self._compile():
                self._load()
        finally:
            self._over.set()

    def _compile(self) -> bool:
        with self._lock:
            if self._stopped:
                return False
            self._compiling = subprocess.Popen(
                _COMPILE, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        _, errors = self._compiling.communicate()
        if self._compiling.returncode and not self._stopped:
            lines = errors.decode(errors="replace").strip().splitlines()
            _unavailable(lines[-1] if lines else f"exit code {self._compiling.returncode}")
        return self._compiling.returncode == 0

    def _load(self) -> None:
        try:
            from connectors.compiled import warm_up

            warm_up()  # numba loads here
        except Exception as error:  # noqa: BLE001 (whatever it is, the reference converter goes on)
            _unavailable(f"{type(error).__name__}: {error}")
            return
        self.ready = True
        _log.info("the compiled converter is ready")


def _unavailable(reason: str) -> None:
    _log.warning(
        "the compiled converter is not available, files are converted by the reference, which is slower: "
        "%s; NUMBA_CACHE_DIR has to name a directory that the worker may write to",
        reason,
    )
