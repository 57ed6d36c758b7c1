"""Sets of texts as open hash tables in arrays: `enum`, `const` and `null_values`."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from connectors.compiled.kernels.layout import (
    HASH_MASK,
    HASH_PRIME,
    HASH_START,
    Bytes,
    Longs,
    bytes_of,
)

__all__ = ["TextSets"]

_FREE = -1


class TextSets:
    """Several sets in the same arrays; a slot holds a member's number, and a free one ends a search."""

    def __init__(self) -> None:
        self._slots: list[int] = []
        self._members: list[bytes] = []

    def add(self, texts: Iterable[bytes]) -> tuple[int, int]:
        """Add a set; return its first slot and the mask of its hashes."""
        members = list(dict.fromkeys(texts))
        size = 4
        while size < 2 * len(members):
            size *= 2
        slots = [_FREE] * size
        for member in members:
            place = _hash(member) & (size - 1)
            while slots[place] != _FREE:
                place = (place + 1) & (size - 1)
            slots[place] = len(self._members)
            self._members.append(member)
        first = len(self._slots)
        self._slots += slots
        return first, size - 1

    def arrays(self) -> tuple[Longs, Longs, Bytes]:
        """Return the slots, where each member starts and the last one ends, and the members' texts."""
        ends = np.cumsum([0, *map(len, self._members)])
        return np.array(self._slots, np.int64), ends.astype(np.int64), bytes_of(b"".join(self._members))


def _hash(text: bytes) -> int:
    value = HASH_START ^ len(text)
    for start in range(0, len(text), 8):
        word = int.from_bytes(text[start : start + 8], "little")
        value = (value ^ (word & HASH_MASK)) * HASH_PRIME & HASH_MASK
        value = (value ^ value >> 15 ^ word >> 32) * HASH_PRIME & HASH_MASK
    return value ^ value >> 15
