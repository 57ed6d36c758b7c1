"""Compiles the kernels before they are needed, or loads them from the cache.

A build does it, or a process of its own beside a worker that serves meanwhile.
"""

from __future__ import annotations

from importlib import import_module

from connectors.csv.compiled.cache import mark_filled

__all__ = ["warm_up"]


def warm_up() -> None:
    """Compile what is not in the cache, load the rest. Blocking, thread-safe, idempotent.

    It takes about half a minute of one core, from the cache a second.
    """
    for user in ("run", "cutting"):  # the kernels are compiled when these import them
        import_module(f"connectors.csv.compiled.{user}")
    mark_filled()
