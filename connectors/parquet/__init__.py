"""Parquet. Its memory goes back to the system, which Arrow's usual allocator would keep for the next file."""

from __future__ import annotations

import os
import sys

if sys.platform == "linux":  # Arrow is built without jemalloc on others; it reads this when it is loaded
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
