"""A reference converter that counts the rows it was asked for."""

from __future__ import annotations

from connectors.api import Block, Converted
from connectors.csv.reference import CsvReferenceConverter

__all__ = ["CountedConverter"]


class CountedConverter(CsvReferenceConverter):
    asked = 0

    def convert(self, block: Block) -> Converted:
        converted = super().convert(block)
        self.asked += len(converted.records) + len(converted.rejects)
        return converted
