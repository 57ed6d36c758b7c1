"""The cells that the reference reads one by one, as the kernels take its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from connectors.compiled.kernels import layout
from connectors.model import Outcome

__all__ = ["SideCells", "answer_of"]

_MAX_KNOWN = 2000
_MAX_KNOWN_BYTES = 64


def answer_of(outcome: Outcome) -> tuple[bytes, int]:
    """Return the JSON text of what became of a cell, and the flags that say why it has none."""
    if isinstance(outcome, str):
        return outcome.encode(), 0
    return b"", layout.MISSING if outcome is None else layout.UNKNOWN


class SideCells:
    """Reads the cells of a file's SIDE columns. Thread-safe.

    Short cells are remembered, as long as they are few: a pattern is often that of a code.
    """

    def __init__(self, columns: Iterable[int], readers: Sequence[Callable[[str], Outcome]]) -> None:
        self._readers = readers
        self._known: dict[int, dict[bytes, tuple[bytes, int]]] = {column: {} for column in columns}

    def read(self, column: int, cell: bytes) -> tuple[bytes, int]:
        known = self._known[column]
        if (answer := known.get(cell)) is None:
            answer = answer_of(self._readers[column](cell.decode()))
            if len(known) < _MAX_KNOWN and len(cell) <= _MAX_KNOWN_BYTES:
                known[cell] = answer
        return answer
