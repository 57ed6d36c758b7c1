"""What the texts of a column have in common: a format, or that they are a few values again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from connectors.model import JsonType
from connectors.model.formats import FORMATS

__all__ = ["ColumnSchema", "TextProfile", "column_schema"]

ColumnSchema = tuple[dict[str, Any], bool]
"""The schema of a column, and whether every row has a value."""

_MAX_VALUES = 10
_MAX_VALUE_CHARACTERS = 100
_MIN_TEXTS = 100
_MIN_TIMES = 5


class TextProfile:
    """Sums up the texts of one column."""

    def __init__(self) -> None:
        self.count = 0
        self._formats = list(FORMATS)
        self._values: Counter[str] | None = Counter()

    def add(self, texts: Mapping[str, int]) -> None:
        """Add texts and how often each of them stands there."""
        self.count += sum(texts.values())
        if self._formats:
            self._formats = [name for name in self._formats if all(map(FORMATS[name], texts))]
        if self._values is not None:
            self._values.update(texts)
            if len(self._values) > _MAX_VALUES or any(len(text) > _MAX_VALUE_CHARACTERS for text in texts):
                self._values = None

    def spoil(self) -> None:
        """Take note of texts that nothing more is known of than that they are there."""
        self._formats, self._values = [], None

    @property
    def format(self) -> str | None:
        """The asserted format that all texts have; None without any."""
        return self._formats[0] if self._formats and self.count else None

    @property
    def values(self) -> list[str] | None:
        """The values, sorted, if there are a few among many texts, each of them several times."""
        values = self._values
        if values is None or len(values) < 2 or self.count < _MIN_TEXTS or min(values.values()) < _MIN_TIMES:
            return None
        return sorted(values)


def column_schema(types: Iterable[JsonType], *, nullable: bool, texts: TextProfile) -> dict[str, Any]:
    """Return the schema of a column of these types; `texts` are those of its strings."""
    names = [type.value for type in types] or [JsonType.STRING.value]
    only_string = names == [JsonType.STRING.value]
    if nullable:
        names.append(JsonType.NULL.value)
    schema: dict[str, Any] = {"type": names if len(names) > 1 else names[0]}
    if not only_string:
        return schema
    if texts.format is not None:
        schema["format"] = texts.format
    elif texts.values is not None:
        schema["enum"] = [*texts.values, None] if nullable else texts.values
    return schema
