"""What every converter does with a row once its columns are read: a record, or the errors of a reject."""

from __future__ import annotations

from connectors.api import Record, RowError
from connectors.headers import NO_HEADERS, OriginHeaders
from connectors.model.messages import failure

__all__ = ["RecordLimit", "row_error"]


class RecordLimit:
    """The size that a row may have, and its JSON together with its key and headers. Immutable."""

    def __init__(self, max_row_bytes: int, headers: OriginHeaders = NO_HEADERS) -> None:
        self.max_row_bytes = max_row_bytes
        self._headers = headers

    def oversized(self, row_bytes: int) -> tuple[RowError, ...]:
        """Return the error of a row of this size, which is more than `max_row_bytes`."""
        return row_error("row_bytes", size=row_bytes, limit=self.max_row_bytes)

    def record(self, row: int, key: bytes | None, value: bytes) -> Record | tuple[RowError, ...]:
        """Return the record of data row `row`, or the error that it is too large."""
        size = len(value) + len(key or b"") + self._headers.size(row)
        if size > self.max_row_bytes:
            return row_error("json_bytes", size=size, limit=self.max_row_bytes)
        return Record(row, key, value)


def row_error(name: str, **values: object) -> tuple[RowError, ...]:
    """Return the error of a whole row, which stands alone, as a message template has it."""
    return (RowError(None, *failure(name, **values)),)
