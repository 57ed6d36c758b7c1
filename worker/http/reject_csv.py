"""Dead letters as CSV (RFC 4180), for those who look at them in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable

__all__ = ["CSV_HEAD", "csv_line"]

_PLAIN = ("file", "row", "line", "byte_offset", "attempt")
_RAW = ("raw", "raw_encoding", "raw_truncated")


def csv_line(letter: bytes) -> bytes:
    """Return a RejectedRow as one CSV row without its end; a raw row of several lines stands in quotes.

    What is no RejectedRow, as another program may write into a shared topic, raises ValueError or KeyError.
    """
    reject = json.loads(letter)
    errors = "; ".join(
        (f"{error['column']}: " if error["column"] is not None else "")
        + f"{error['message']} ({error['code']})"
        for error in reject["errors"]
    )
    return _row([*(reject[name] for name in _PLAIN), errors, *(reject[name] for name in _RAW)])


def _row(cells: Iterable[object]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="").writerow(
        str(cell).lower() if isinstance(cell, bool) else cell for cell in cells
    )
    return text.getvalue().encode("utf-8", "replace")


CSV_HEAD = _row([*_PLAIN, "errors", *_RAW]) + b"\n"
"""The line that names the columns."""
