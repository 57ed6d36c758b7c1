"""The schema of a Parquet file: the types that its columns have, nulls, and what its texts have in common."""

from __future__ import annotations

from collections import Counter
from typing import Any

from connectors.inference.file import InferredFile
from connectors.inference.texts import ColumnSchema, TextProfile, column_schema
from connectors.model import JsonType
from connectors.parquet.leaves import Array
from connectors.parquet.reader import ParquetBlock, ParquetReader
from connectors.parquet.reference import writer_of
from connectors.parquet.values import ValueWriter

__all__ = ["infer_parquet"]


class _Profile:
    """Sums up the values of one column."""

    def __init__(self, writer: ValueWriter) -> None:
        self._writer = writer
        self._type = JsonType(writer.types[0])
        self._texts = TextProfile()
        self._nulls = 0

    def add(self, array: Array) -> None:
        self._nulls += array.null_count
        if self._type is JsonType.STRING:
            self._texts.add(Counter(text for text in self._writer.texts(array) if isinstance(text, str)))

    def schema(self) -> ColumnSchema:
        """Return the column's schema, and whether every row has a value."""
        types = [] if self._type is JsonType.NULL else [self._type]
        return column_schema(types, nullable=self._nulls > 0, texts=self._texts), not self._nulls


def infer_parquet(file: InferredFile) -> dict[str, Any]:
    """Return the schema of a Parquet file. Raises HeaderError COLUMN_TYPE for a type that JSON has not."""
    rows = 0
    with file.open(file.options) as reader:
        assert isinstance(reader, ParquetReader)
        names = reader.columns
        profiles = [_Profile(writer_of(field)) for field in reader.schema]
        for block in file.blocks(reader):
            assert isinstance(block, ParquetBlock)
            rows += block.batch.num_rows
            for profile, array in zip(profiles, block.batch.columns, strict=True):
                profile.add(array)
    columns = {name: profile.schema() for name, profile in zip(names, profiles, strict=True)}
    return file.schema(columns, rows, {})
