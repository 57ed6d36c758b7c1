"""What the cells of a CSV column have in common, and what all columns say of how cells are written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from connectors.inference.texts import ColumnSchema, TextProfile, column_schema
from connectors.model import JsonType
from connectors.model.exact import exponent_fits
from connectors.model.grammar import (
    BLANK,
    array_text,
    comma_number_text,
    exponents_fit,
    integer_text,
    number_text,
    object_text,
)

__all__ = ["NULL_TEXTS", "CellProfile", "decimal_sign", "null_values"]

NULL_TEXTS = (
    "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "Null", "null", "None", "none", "nil", "\\N",
    "-", "--", "?",
)  # fmt: skip
"""Texts that stand for null in columns whose other cells are of one type or format."""

_POINT, _COMMA = ".", ","
# what the canonical text of a number would lose: codes with leading zeros, numbers of telephones
_CODE = re.compile(r"[+]|-?0[0-9]")
_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2},[0-9]{3}")


def _is_number(text: str | None, cell: str) -> bool:
    return text is not None and exponent_fits(text) and not _CODE.match(cell)


def _is_json(text: str | None) -> bool:
    return text is not None and exponents_fit(text)


# in the order in which a column takes the first that accepts all of its cells
_KINDS: dict[str, Callable[[str], bool]] = {
    "integer": lambda cell: integer_text(cell) == cell,
    _POINT: lambda cell: _is_number(number_text(cell), cell),
    _COMMA: lambda cell: _is_number(comma_number_text(cell), cell),
    "boolean": lambda cell: cell.lower() in ("true", "false"),
    "object": lambda cell: _is_json(object_text(cell)),
    "array": lambda cell: _is_json(array_text(cell)),
}


class CellProfile:
    """Sums up the cells of one column. `null_texts` are set apart: they may turn out to stand for null."""

    def __init__(self, null_texts: Collection[str]) -> None:
        self._null_texts = frozenset(null_texts)
        self._kinds = dict(_KINDS)
        self._texts = TextProfile()
        self._nulls: Counter[str] = Counter()
        self._padded: set[str] = set()
        self._empty = self._blank = 0
        self.decimal_commas = False

    def add(self, cells: Mapping[str, int]) -> None:
        """Add cells and how often each of them stands there."""
        texts: dict[str, int] = {}
        for cell, times in cells.items():
            text = cell.strip(BLANK)
            if not cell:
                self._empty += times
            elif text in self._null_texts:
                self._nulls[text] += times
                if text != cell:
                    self._padded.add(text)
            elif not text:
                self._blank += times
            else:
                texts[cell] = times
                self._look(text)
        self._texts.add(texts)

    def _look(self, text: str) -> None:
        if self._kinds:
            self._kinds = {kind: accepts for kind, accepts in self._kinds.items() if accepts(text)}
        if _COMMA in self._kinds and _COMMA in text and not _THOUSANDS.fullmatch(text):
            self.decimal_commas = True

    @property
    def numbers_need(self) -> str | None:
        """The decimal sign without which the column is not one of numbers; None: there is no such sign."""
        point, comma = _POINT in self._kinds, _COMMA in self._kinds
        if "integer" in self._kinds or not self._texts.count or point is comma:
            return None
        return _POINT if point else _COMMA

    def null_texts(self, decimal: str) -> set[str]:
        """Return the texts that stand for null here: only where all others have a type or format."""
        regular = self._type(decimal) is not JsonType.STRING or self._texts.format is not None
        return set(self._nulls) if regular else set()

    def schema(self, decimal: str, nulls: Collection[str]) -> ColumnSchema:
        """Return the column's schema, and whether every row has a value. To be called once, at the end."""
        type = self._type(decimal)
        null = self._empty + sum(times for text, times in self._nulls.items() if text in nulls)
        if type is not JsonType.STRING:
            null += self._blank
        texts = {text: times for text, times in self._nulls.items() if text not in nulls}
        self._texts.add(texts)
        if self._blank or self._padded & texts.keys():
            self._texts.spoil()
        return column_schema([type], nullable=null > 0, texts=self._texts), not null

    def _type(self, decimal: str) -> JsonType:
        if not self._texts.count:
            return JsonType.STRING
        for kind in self._kinds:
            if kind in (_POINT, _COMMA):
                if kind == decimal:
                    return JsonType.NUMBER
            else:
                return JsonType(kind)
        return JsonType.STRING


def decimal_sign(columns: Sequence[CellProfile], delimiter: bytes) -> str:
    """Return the decimal sign that more columns need.

    Between commas `1,234` is rather a number with a thousands separator: a column of only such has no say.
    """
    comma = sum(
        column.numbers_need == _COMMA and (column.decimal_commas or delimiter != b",") for column in columns
    )
    return _COMMA if comma > sum(column.numbers_need == _POINT for column in columns) else _POINT


def null_values(columns: Sequence[CellProfile], decimal: str) -> list[str]:
    """Return the texts that stand for null in the file."""
    found = set().union(*(column.null_texts(decimal) for column in columns))
    return [text for text in NULL_TEXTS if text in found]
