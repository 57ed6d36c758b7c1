"""The kernels with numba's bounds check on: no file makes them read or write outside their arrays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

CHECKS = """
import numpy as np, pytest, sys
from tests.unit.compiled.both import Both, block

both = Both({}, ("a", "b"))
both.check(block(b"x,y\\n" * 100))
[workspace] = both.compiled._idle
workspace.out = np.empty(40, np.uint8)
with pytest.raises(IndexError):  # the check is on, also for what is copied by the chunk
    both.compiled.encode(block(b"x,y\\n" * 100))
names = ("edges", "against_the_reference", "cutting", "parquet", "ndjson")
tests = [f"tests/unit/compiled/test_{name}.py" for name in names]
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *tests]))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_index_is_out_of_bounds() -> None:
    run = subprocess.run(
        [sys.executable, "-c", CHECKS],
        cwd=ROOT,
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
