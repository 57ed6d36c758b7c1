"""The reference converter of Parquet: typed values through the same column rules as CSV cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from connectors.api import Block, Converted, Record, Reject, RowError
from connectors.errors import HeaderError, JobCode
from connectors.model import ColumnRule, JsonType, Outcome, RowKey, RowRules
from connectors.model.grammar import quote
from connectors.parquet.leaves import Unwritable, Value
from connectors.parquet.reader import ParquetBlock
from connectors.parquet.values import ValueWriter, value_writer
from connectors.records import RecordLimit, row_error

__all__ = ["ParquetColumn", "ParquetReferenceConverter", "writer_of"]


class ParquetReferenceConverter:
    """Turns the blocks of one Parquet file into records and rejects. A Converter; pure and thread-safe.

    `rules` are the model's, bound to the file's columns and behind them those of `fixed`, outcomes that every
    row has. `schema` is that of the reader's blocks, `key` names the column whose written values are the
    keys. A row whose record is over its `limit` is a reject. `columns` read the values of the file's columns.

    Raises HeaderError: COLUMN_TYPE when a column's type can become none of the model's, COLUMN_MISSING when
    there is no column `key`.
    """

    def __init__(
        self,
        rules: RowRules,
        schema: pa.Schema,
        *,
        key: str | None,
        limit: RecordLimit,
        fixed: Sequence[Outcome] = (),
    ) -> None:
        self.rules = rules
        self.key = key
        self.limit = limit
        self.fixed = tuple(fixed)
        of_file = rules.rules[: len(rules.rules) - len(self.fixed)]
        self._row_key = RowKey(rules, key)
        self.columns = [_bind(rule, field) for rule, field in zip(of_file, schema, strict=True)]

    def convert(self, block: Block) -> Converted:
        assert isinstance(block, ParquetBlock)
        records: list[Record] = []
        rejects: list[Reject] = []
        columns = [c.writer.texts(array) for c, array in zip(self.columns, block.batch.columns, strict=True)]
        for number, values in enumerate(zip(*columns, strict=True), start=block.start.row + 1):
            result = self._convert_row(number, values)
            if isinstance(result, Record):
                records.append(result)
            else:
                raw = self._raw(values)
                rejects.append(Reject(number, None, None, result, raw, len(raw)))
        return Converted(records, rejects)

    def _convert_row(self, number: int, values: Sequence[Value]) -> Record | tuple[RowError, ...]:
        outcomes = [column.read(value) for column, value in zip(self.columns, values, strict=True)]
        outcomes += self.fixed
        value = self.rules.check(outcomes)
        if isinstance(value, tuple):
            return self._encoding_error(values) or value
        return self.limit.record(number, self._row_key.of(outcomes), value)

    def _encoding_error(self, values: Sequence[Value]) -> tuple[RowError, ...]:
        """Bytes that are not UTF-8 stand alone, as in a row of CSV; their place is that in `raw`."""
        raw = self._raw(values)
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            return row_error("encoding", byte=raw[error.start], offset=error.start, encoding="UTF-8")
        return ()

    def _raw(self, values: Sequence[Value]) -> bytes:
        """The row as JSON, with the values that no record can hold."""
        members = [column.raw(value) for column, value in zip(self.columns, values, strict=True)]
        return f"{{{','.join(members)}}}".encode("utf-8", "surrogateescape")


class ParquetColumn:
    """Reads the values of one column: the texts of `writer` by `rule`; `empty` is what a null becomes."""

    def __init__(self, rule: ColumnRule, writer: ValueWriter) -> None:
        self.writer = writer
        self.rule = rule.narrow(writer.types)
        self.empty = rule.empty
        self._name = rule.name
        self._member = quote(rule.name)
        self._read = self.rule.value_reader()

    def read(self, value: Value) -> Outcome:
        if isinstance(value, str):
            return self._read(value)
        if value is None:
            return self.empty
        return RowError(self._name, value.code, value.message)

    def raw(self, value: Value) -> str:
        text = value.raw if isinstance(value, Unwritable) else self.writer.json(value)
        return f"{self._member}:{text}"


def writer_of(field: pa.Field[Any]) -> ValueWriter:
    """Return the writer of a column's values. Raises HeaderError COLUMN_TYPE for a type that has none."""
    writer = value_writer(field.type)
    if writer is None:
        raise HeaderError(
            JobCode.COLUMN_TYPE,
            f"column `{field.name}` has the type `{field.type}`, which has no form in JSON",
            "cast the column when the file is written, or leave it out",
        )
    return writer


def _bind(rule: ColumnRule, field: pa.Field[Any]) -> ParquetColumn:
    """Raises HeaderError COLUMN_TYPE."""
    writer = writer_of(field)
    natural = JsonType(writer.types[0])
    if not rule.typed and natural not in (JsonType.NULL, JsonType.STRING):
        rule = rule.own(natural)
    if not rule.narrow(writer.types).types and natural is not JsonType.NULL:
        wanted = " or ".join(f"`{type}`" for type in rule.types) or "`null`"
        raise HeaderError(
            JobCode.COLUMN_TYPE,
            f"column `{field.name}` has the type `{field.type}`, but the model asks for {wanted}",
            "cast the column when the file is written, or change its type in the model",
        )
    return ParquetColumn(rule, writer)
