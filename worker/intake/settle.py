"""When a file counts as complete: size and mtime have stood still long enough."""

from __future__ import annotations

from collections.abc import Callable, Collection

from worker.intake.received import Identity

__all__ = ["Settling"]

_EMPTY_FACTOR = 10  # programs create a file long before they write to it


class Settling:
    """Remembers since when each file has been as it is.

    A file counts from when it is first seen here, whatever its mtime says: one that is moved in, or that lay
    here before the worker started, may still be written to. `clock` gives monotonic seconds.
    """

    def __init__(self, settle_seconds: float, clock: Callable[[], float]) -> None:
        self._settle_seconds = settle_seconds
        self._clock = clock
        self._still: dict[str, tuple[Identity, float]] = {}

    def remaining(self, name: str, identity: Identity) -> float:
        """Note how the file looks now; return for how many more seconds it must not change (0: settled)."""
        now = self._clock()
        known, since = self._still.get(name, (None, now))
        if known != identity:
            since = now
            self._still[name] = (identity, now)
        needed = self._settle_seconds * (1 if identity.size else _EMPTY_FACTOR)
        return max(0.0, since + needed - now)

    def restart(self, name: str) -> None:
        """Begin anew with a file that turned out to have changed."""
        self._still.pop(name, None)

    def keep_only(self, names: Collection[str]) -> None:
        """Forget all files but these."""
        for name in self._still.keys() - names:
            del self._still[name]
