"""Decodes one row group of a Parquet file, in steps of bounded size."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.parquet.footer import READ_ERRORS, invalid, rows_per_step

__all__ = ["RowGroup", "plain_schema"]


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema of what `RowGroup.read` returns: dictionary columns have the type of their values."""
    for index, field in enumerate(schema):
        if pa.types.is_dictionary(field.type):
            schema = schema.set(index, field.with_type(field.type.value_type))
    return schema


class RowGroup:
    """The rows of one row group from row `skip` on; `left` counts those not read yet.

    What `read` returns is made of whole steps, whose rows depend on the row group's metadata alone, so the
    same batches follow from wherever one of them ended.
    """

    def __init__(self, file: pq.ParquetFile, number: int, skip: int, *, block_bytes: int) -> None:
        self.left = file.metadata.row_group(number).num_rows - skip
        self.number = number
        self._block_bytes = block_bytes
        self._steps = self._decode(file, rows_per_step(file.metadata, number, block_bytes), skip)

    def read(self) -> pa.RecordBatch:
        """Return the next rows: steps until they hold `block_bytes`, or up to the row group's end.

        Raises JobError PARQUET_INVALID.
        """
        batches: list[pa.RecordBatch] = []
        size = 0
        while self.left and size < self._block_bytes:
            batch = self._next_step()
            batches.append(batch)
            self.left -= batch.num_rows
            size += batch.nbytes
        return pa.concat_batches(batches)  # type: ignore[attr-defined, no-any-return]  # not in the stubs

    def _next_step(self) -> pa.RecordBatch:
        try:
            batch = next(self._steps, None)
        except READ_ERRORS as error:
            raise invalid(f"row group `{self.number}` of the Parquet file cannot be read", error) from None
        if batch is None:
            raise invalid(
                f"row group `{self.number}` of the Parquet file is cut short",
                f"it has `{self.left}` rows fewer than the footer says",
            )
        return batch

    def _decode(self, file: pq.ParquetFile, step_rows: int, skip: int) -> Iterator[pa.RecordBatch]:
        """A column can only be read from its start: the rows to skip are decoded and dropped."""
        plain = plain_schema(file.schema_arrow)
        decode = plain != file.schema_arrow
        for step in file.iter_batches(batch_size=step_rows, row_groups=[self.number], use_threads=False):
            if step.num_rows > skip:
                rest = step.slice(skip)
                yield _decoded(rest, plain) if decode else rest
            skip = max(0, skip - step.num_rows)


def _decoded(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Decode dictionaries: each step brings its own, which would be copied and counted again and again."""
    columns = [
        column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
