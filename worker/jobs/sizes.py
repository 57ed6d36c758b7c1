"""What counts as a small file, and as a tiny one."""

from __future__ import annotations

__all__ = ["SMALL_BYTES", "TINY_BYTES"]

SMALL_BYTES = 32 * 1024 * 1024
"""A file under this many bytes is small: it is hashed, and runs, where no big one may hold it up."""

TINY_BYTES = 1024 * 1024
"""A file under this many bytes is tiny: many of them run at once."""
