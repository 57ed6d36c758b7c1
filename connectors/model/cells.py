"""How a file writes the cells of its columns: which texts stand for null, and its decimal sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connectors.model.column import ColumnRule, Outcome
from connectors.model.grammar import BLANK

__all__ = ["PLAIN_CELLS", "CellFormat"]


@dataclass(frozen=True, slots=True)
class CellFormat:
    """The options `null_values` and `decimal` (contract §4). They are about cells of text, not typed values.

    A cell that is one of `null_values`, whether quoted or not and trimmed of spaces and tabs, is null where
    its column allows null, and left out elsewhere, also in a column of strings. With a decimal comma a
    number's sign is the comma alone; numbers inside the JSON of an object or array stay as they are.
    """

    null_values: frozenset[str] = frozenset()
    decimal_comma: bool = False

    def reader(self, rule: ColumnRule) -> Callable[[str], Outcome]:
        """Return the function that reads the cells of a column: their texts without quotes."""
        read = (rule.with_decimal_comma() if self.decimal_comma else rule).cell_reader()
        if not self.null_values:
            return read
        null_values, null = self.null_values, "null" if rule.nullable else None
        return lambda text: null if text.strip(BLANK) in null_values else read(text)


PLAIN_CELLS = CellFormat()
