"""Opens a Parquet file by its footer, and refuses what cannot be read in bounded memory, before any row.

Source: https://github.com/apache/parquet-format (README, "File format", and parquet.thrift).
"""

from __future__ import annotations

from collections import Counter
from io import SEEK_END, FileIO

import pyarrow as pa
import pyarrow.parquet as pq

from connectors.errors import HeaderError, JobCode, JobError

__all__ = ["MAX_CHUNK_BYTES", "READ_ERRORS", "invalid", "open_footer", "rows_per_step"]

MAX_CHUNK_BYTES = 256 * 1024 * 1024

# what pyarrow raises on damaged bytes: a wrong length may show as ArrowMemoryError
READ_ERRORS = (pa.ArrowException, OSError, ValueError, OverflowError)

# with a buffer and without pre-buffering, column chunks are streamed instead of loaded whole
_BUFFER_BYTES = 1024 * 1024

_MAGIC, _ENCRYPTED_MAGIC = b"PAR1", b"PARE"
_LEAST_BYTES = 12  # both magics and the length of the footer
_MAX_STEP_ROWS = 1024
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}


def invalid(what: str, cause: str | Exception) -> JobError:
    """Return the JobError PARQUET_INVALID that says what could not be read and why."""
    if isinstance(cause, Exception):
        cause = (str(cause).strip() or type(cause).__name__).splitlines()[0].rstrip(". ")
    return JobError(
        JobCode.PARQUET_INVALID,
        f"{what}: {cause[:1].lower()}{cause[1:200]}",
        "write the file again, or check that it was copied whole",
    )


def open_footer(source: FileIO) -> pq.ParquetFile:
    """Read the footer and check names and sizes.

    Raises JobError PARQUET_INVALID or PARQUET_ROW_GROUP_TOO_LARGE, HeaderError HEADER_MISSING,
    HEADER_DUPLICATE or ENCODING.
    """
    _check_magic(source)
    try:
        file = pq.ParquetFile(
            source,
            pre_buffer=False,
            buffer_size=_BUFFER_BYTES,
            page_checksum_verification=True,
            coerce_int96_timestamp_unit="us",
        )
        names = file.schema_arrow.names
    except UnicodeDecodeError as error:
        raise HeaderError(
            JobCode.ENCODING,
            f"the name of a column is not valid UTF-8: `{error.object.decode('utf-8', 'replace')}`",
            "rename the column and write the file again",
        ) from None
    except READ_ERRORS as error:
        raise invalid("the footer of the Parquet file cannot be read", error) from None
    _check_names(names)
    _check_chunks(file.metadata)
    return file


def rows_per_step(metadata: pq.FileMetaData, number: int, block_bytes: int) -> int:
    """Return how many rows of a row group to decode at once: a function of its metadata alone, 1 to 1,024.

    Few, because repeated values can be far larger decoded than the footer tells.
    """
    group = metadata.row_group(number)
    widths = (_width(metadata.schema.column(index)) for index in range(metadata.num_columns))
    row_bytes = max(sum(widths), group.total_byte_size // group.num_rows, 1)
    return min(max(1, block_bytes // row_bytes), _MAX_STEP_ROWS)


def _width(column: pq.ColumnSchema) -> int:
    """Bytes of a decoded value; 0 where they vary."""
    return _WIDTHS.get(column.physical_type) or max(0, column.length or 0)


def _check_magic(source: FileIO) -> None:
    size = source.seek(0, SEEK_END)
    if size < _LEAST_BYTES:
        raise invalid("the Parquet file is cut short", f"it has only `{size}` bytes")
    source.seek(size - len(_MAGIC))
    magic = source.read(len(_MAGIC))
    if magic == _ENCRYPTED_MAGIC:
        raise invalid("the Parquet file cannot be read", "its footer is encrypted")
    if magic != _MAGIC:
        raise invalid("the Parquet file is cut short", f"its `{size}` bytes do not end with a footer")


def _check_names(names: list[str]) -> None:
    for number, name in enumerate(names, 1):
        if not name:
            raise HeaderError(
                JobCode.HEADER_MISSING,
                f"column `{number}` has an empty name",
                "give every column a name and write the file again",
            )
    for name, count in Counter(names).items():
        if count > 1:
            raise HeaderError(
                JobCode.HEADER_DUPLICATE,
                f"`{count}` columns have the name `{name}`",
                "give every column a name of its own and write the file again",
            )


def _check_chunks(metadata: pq.FileMetaData) -> None:
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        # not for every row group: pyarrow 26 aborts the process on some damaged column metadata
        if group.total_byte_size > MAX_CHUNK_BYTES:
            for index in range(group.num_columns):
                _check_chunk(number, group.column(index))


def _check_chunk(group: int, column: pq.ColumnChunkMetaData) -> None:
    size = column.total_uncompressed_size
    if size > MAX_CHUNK_BYTES:
        raise JobError(
            JobCode.PARQUET_ROW_GROUP_TOO_LARGE,
            f"column `{column.path_in_schema}` of row group {group} has `{size}` bytes uncompressed; "
            f"the limit is {MAX_CHUNK_BYTES}",
            "write the file again with smaller row groups "
            "(pyarrow: row_group_size, Spark: parquet.block.size, DuckDB: ROW_GROUP_SIZE)",
        )
