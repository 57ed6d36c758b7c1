"""What counts as a small file."""

from __future__ import annotations

__all__ = ["SMALL_BYTES"]

SMALL_BYTES = 32 * 1024 * 1024
"""A file under this many bytes is small: it is hashed, and runs, where no big one may hold it up."""
