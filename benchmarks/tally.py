"""A sum over records that does not depend on their order: how many, how many bytes, which contents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

__all__ = ["Tally"]


@dataclass(frozen=True, slots=True)
class Tally:
    """Records counted, their bytes, and the sum of their CRC-32s.

    A record lost, doubled, cut or changed changes it; a change of order does not, since partitions have none
    between them.
    """

    records: int = 0
    size_bytes: int = 0
    checksum: int = 0

    def plus(self, records: Sequence[bytes]) -> Tally:
        """Return the tally with these records added."""
        return Tally(
            self.records + len(records),
            self.size_bytes + sum(map(len, records)),
            self.checksum + sum(map(crc32, records)),
        )

    def __str__(self) -> str:
        return f"{self.records:,} records, {self.size_bytes:,} bytes, checksum {self.checksum:x}"
