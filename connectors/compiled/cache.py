"""Where compiled kernels are kept, and whether all are there; without numba, whose import takes a second.

numba's disk cache looks at the file of a function alone, not at those of the functions that it calls. So the
cache has a directory for each state of the kernels' source, and code compiled from another state is never
loaded. `NUMBA_CACHE_DIR` says where these directories are; without it they stand beside the source.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from importlib.metadata import version
from pathlib import Path

__all__ = ["cache_directory", "is_filled", "mark_filled"]

_SOURCE = Path(__file__).parent / "kernels"
_CPU = Path("/proc/cpuinfo")
_CPU_LINES = ("model name", "flags", "Features")  # of one core; numba compiles for what it can do


def cache_directory() -> Path:
    digest = hashlib.sha256(os.environ.get("NUMBA_BOUNDSCHECK", "").encode())
    for path in sorted(_SOURCE.glob("*.py")):
        digest.update(path.read_bytes())
    base = os.environ.get("NUMBA_CACHE_DIR") or _SOURCE / "__pycache__"
    return Path(base) / f"kernels-{digest.hexdigest()[:16]}"


def is_filled() -> bool:
    """Whether everything was compiled before, for this machine and place: loading it takes a second."""
    return _marker().exists()


def mark_filled() -> None:
    with contextlib.suppress(OSError):  # then it is looked at again
        _marker().touch()


def _marker() -> Path:
    # numba finds nothing of a function whose file stood somewhere else
    compiled_from = f"{version('numba')} {version('llvmlite')} {platform.machine()} {_SOURCE}"
    digest = hashlib.sha256(compiled_from.encode())
    lines = _CPU.read_text().splitlines() if _CPU.exists() else []
    for name in _CPU_LINES:
        digest.update(next((line for line in lines if line.startswith(name)), "").encode())
    return cache_directory() / f"filled-{digest.hexdigest()[:16]}"
