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

    @staticmethod
    def of(records: Sequence[bytes]) -> Tally:
        return Tally(len(records), sum(map(len, records)), sum(map(crc32, records)))

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.records + other.records,
            self.size_bytes + other.size_bytes,
            self.checksum + other.checksum,
        )

    def __str__(self) -> str:
        return f"{self.records:,} records, {self.size_bytes:,} bytes, checksum {self.checksum:x}"
