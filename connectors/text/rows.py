"""What every converter of text does with a block: row by row, to records and rejects in file order."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from connectors.api import Converted, Record, Reject, RowError
from connectors.records import RecordLimit
from connectors.text.lines import RawRow
from connectors.text.rejected import RejectedRows, TextBlock, undecodable

__all__ = ["convert_rows"]

RowConverter = Callable[[int, bytes, str], Record | tuple[RowError, ...]]
"""Takes the number of a data row (from 1), its bytes and its text; returns a record, or why there is none."""


def convert_rows(
    block: TextBlock, places: Iterable[RawRow], limit: RecordLimit, convert: RowConverter
) -> Converted:
    """Convert the rows that stand at `places` of a block, or reject the one that its reader skipped.

    Rows over the limit and rows that do not decode are rejects without `convert`.
    """
    rejected = RejectedRows(block, limit)
    records: list[Record] = []
    rejects: list[Reject] = []
    if block.skipped is not None:
        return Converted(records, [rejected.skipped(block.skipped)])
    for number, place in enumerate(places, start=block.start.row + 1):
        result = _convert_row(number, block.data[place.start : place.end], block, limit, convert)
        if isinstance(result, Record):
            records.append(result)
        else:
            rejects.append(rejected.reject(number, place, result))
    return Converted(records, rejects)


def _convert_row(
    number: int, row: bytes, block: TextBlock, limit: RecordLimit, convert: RowConverter
) -> Record | tuple[RowError, ...]:
    if len(row) > limit.max_row_bytes:
        return limit.oversized(len(row))
    try:
        text = row.decode(block.encoding)
    except UnicodeDecodeError as error:
        return undecodable(row, block, error.start)
    return convert(number, row, text)
