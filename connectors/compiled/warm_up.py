"""Compiles the kernels before they are needed, or loads them from the cache.

A build does it, or a process of its own beside a worker that serves meanwhile.
"""

from __future__ import annotations

from importlib import import_module

from connectors.compiled.cache import mark_filled

__all__ = ["warm_up"]


def warm_up() -> None:
    """Compile what is not in the cache, load the rest. Blocking, thread-safe, idempotent.

    It takes about half a minute of one core, from the cache a second.
    """
    for user in ("run", "kernels.arrow", "kernels.cuts", "kernels.members", "kernels.scan"):
        import_module(f"connectors.compiled.{user}")  # kernels are compiled when they are imported
    mark_filled()
