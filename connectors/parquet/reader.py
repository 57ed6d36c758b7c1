"""Reads a Parquet file row group by row group, in blocks of bounded size."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pyarrow as pa

from connectors.api import Position
from connectors.errors import JobCode, JobError
from connectors.files import open_file
from connectors.parquet.footer import open_footer
from connectors.parquet.row_group import RowGroup, plain_schema

__all__ = ["ParquetBlock", "ParquetReader"]

_START = Position()


@dataclass(frozen=True, slots=True)
class ParquetBlock:
    """Consecutive rows of one row group, decoded.

    `file_bytes` is the share of the file's bytes that its rows up to `end` are of all rows: how many of them
    a row takes is not known.
    """

    start: Position
    end: Position
    batch: pa.RecordBatch
    file_bytes: int = 0


class ParquetReader:
    """Cuts a Parquet file into blocks of about `block_bytes` decoded bytes. A SourceReader.

    A block never spans row groups. The blocks are a function of the file and of `block_bytes`; a resume
    decodes the row group again up to its position. INT96 timestamps are read in microseconds, since
    nanoseconds would wrap outside the years 1677 to 2262.

    Opening raises JobError FILE_GONE, PARQUET_INVALID, PARQUET_ROW_GROUP_TOO_LARGE, FILE_CHANGED when
    `position` is not inside the file, and HeaderError HEADER_MISSING, HEADER_DUPLICATE, ENCODING.
    """

    def __init__(self, path: Path, *, block_bytes: int, position: Position = _START) -> None:
        self._block_bytes = block_bytes
        self._source = open_file(path)
        try:
            self._file = open_footer(self._source)
            metadata = self._file.metadata
            sizes = (metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
            self._rows_before = list(accumulate(sizes, initial=0))
            self._check_inside(position)
        except BaseException:
            self._source.close()
            raise
        self._size = os.fstat(self._source.fileno()).st_size
        self._position = position
        self._group: RowGroup | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.schema.names)

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of every block's batch; dictionary columns have the type of their values."""
        return plain_schema(self._file.schema_arrow)

    def read_block(self) -> ParquetBlock | None:
        """Return the next block, or None at the end of the file. Raises JobError PARQUET_INVALID."""
        group = self._group = self._group or self._open_group()
        if group is None:
            return None
        batch = group.read()
        start = self._position
        self._position = Position(
            row=start.row + batch.num_rows,
            block=start.block + 1,
            row_group=group.number if group.left else group.number + 1,
        )
        if not group.left:
            self._group = None
        file_bytes = self._size * self._position.row // self._rows_before[-1]
        return ParquetBlock(start, self._position, batch, file_bytes)

    def snapshot(self) -> Position:
        return self._position

    def close(self) -> None:
        self._file.close()
        self._source.close()

    def _open_group(self) -> RowGroup | None:
        """The row group that the next row lies in; None after the last row. Empty ones are passed over."""
        number, row = self._position.row_group, self._position.row
        while number < self._file.num_row_groups and self._rows_before[number + 1] == row:
            number += 1
        if number == self._file.num_row_groups:
            return None
        skip = row - self._rows_before[number]
        return RowGroup(self._file, number, skip, block_bytes=self._block_bytes)

    def _check_inside(self, position: Position) -> None:
        first = self._rows_before[position.row_group : position.row_group + 2]
        if not first or not first[0] <= position.row <= first[-1]:
            raise JobError(
                JobCode.FILE_CHANGED,
                f"row `{position.row}` is not in row group `{position.row_group}` of the file",
                "the file is not the one that the job began with; submit it as a new job",
            )
