"""What the kernels share: tables of integers, and what stands in which of their columns.

A kernel works on one strip of a block at a time: as many rows as there is room for. Texts are never copied
into a table: it says where they start and end.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["PADDING", "Bytes", "Doubles", "Longs", "Pieces", "Program", "Table", "Text", "bytes_of"]

Bytes: TypeAlias = NDArray[np.uint8]
Text: TypeAlias = Annotated[Bytes, "read only"]
Longs: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]
Doubles: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]
Table: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.int64]]

SLACK = 64
"""Bytes at the end of every array that hold nothing: copies take whole chunks."""

PADDING = 8
"""Bytes behind a block that may be read without being part of it."""

MAX_REJECTED_ROW = 40_000
"""Longer rows, in bytes, are rejected by the reference, which cuts them."""

PLACES = 18
"""Digits that the whole part and the fraction of a number may have."""

# --- the table of rows: where each stands in the block, what it became, where its value and key are

(
    START,
    END,
    LINE,
    CELLS,
    VERDICT,
    VALUE_START,
    VALUE_END,
    KEY_IN,
    KEY_START,
    KEY_END,
    ERROR_START,
    ERROR_END,
) = range(12)
ROW_FIELDS = 12

OPEN, RECORD, REJECT, ASK, SIDE_RECORD, SIDE_REJECT = range(6)
"""Verdicts: not yet known; a record; a reject; only the reference knows; what the reference made of it."""

NO_KEY, KEY_IN_SOURCE, KEY_IN_OUT, KEY_IN_PROGRAM, KEY_IN_SIDE = range(5)

# --- the table of cells: the text without quotes, row by row, as many cells as there are columns

CELL_START, CELL_END, FLAGS = range(3)
CELL_FIELDS = 3

ESCAPES, BEYOND_ASCII, MISSING, UNKNOWN, PRESENT, CHECKED = 1, 2, 4, 8, 16, 32
"""Something in the cell needs an escape in JSON; it has characters beyond ASCII; its column is left out of
the row; only the reference knows; it is a value even if it is empty, which stands for none otherwise; all
checks of a text are known to hold."""

CELL_BYTES = 5
"""Most bytes that a value has more than its cell: quotes around a string, `null` for nothing."""

# --- the table of errors: the check that failed, the value that it shows, an integer that it names

CHECK, TEXT_START, TEXT_END, COUNT = range(4)
ERROR_FIELDS = 4

# --- the table of columns

(
    KIND, NULLABLE, EMPTY, NAME_START, NAME_END, TYPE_CHECK, FIRST_CHECK, END_CHECK, EASY_FROM, EASY_TO,
) = range(10)  # fmt: skip
COLUMN_FIELDS = 10
"""All checks hold for texts of EASY_FROM to EASY_TO characters, for positive numbers of so many digits before
the fraction (0: it is less than 1)."""

MAX_EASY = 20
"""Numbers of more digits are never easy."""

STRING, INTEGER, NUMBER, BOOLEAN, SIDE = range(5)
"""Kinds of a column. The cells of a SIDE column are read by the reference, one by one."""

WRITTEN, ABSENT, NULL, DOUBTFUL = -1, -2, -3, -4
"""What became of a cell, as far as it did not fail; what is not negative is the check that failed. EMPTY has
WRITTEN for an empty string."""

# --- the table of checks, in the order in which they report: what is checked, and against what

OPERATION, FIRST, SECOND = range(3)

(
    TYPE, TEXT_SET, NUMBER_SET, BOOLEAN_SET, EXPONENT, MINIMUM, ABOVE, MAXIMUM, BELOW, MULTIPLE, MIN_LENGTH,
    MAX_LENGTH, DATE, DATE_TIME, TIME, UUID, EMAIL, IPV4, MISSING_VALUE, CELL_COUNT,
) = range(20)  # fmt: skip

HASH_START, HASH_PRIME, HASH_MASK = 0x811C9DC5, 0x01000193, 0xFFFFFFFF
"""As in FNV-1a, 32 bits, but of four bytes at once: a set of texts is an open hash table."""

# --- facts about the model and the file

(
    WIDTH, KEY_COLUMN, KEY_FIXED, NULL_SET, NULL_MASK, DECIMAL_POINT, COUNT_CHECK, MAX_ROW, HEADER_BYTES,
    ROW_HEADER, MAX_ERRORS, MAX_SHOWN,
) = range(12)  # fmt: skip
FACTS = 12


class Program(NamedTuple):
    """A plan as the kernels read it.

    `literals` are the names, `,"name":` each, then what every row ends with. `required` has column and check
    in the schema's order. A set of texts is an open hash table: `slots` of members or -1, whose texts stand
    in `members` from `member_at` on; NUMBER_SET is a range of `numbers`, whole and fraction each.
    """

    facts: Longs
    columns: Table
    checks: Table
    required: Table
    literals: Bytes
    slots: Longs
    member_at: Longs
    members: Bytes
    numbers: Table
    key: Bytes


class Pieces(NamedTuple):
    """Texts: number `n` goes from `at[n]` to `at[n + 1]`."""

    text: Bytes
    at: Longs


def bytes_of(data: bytes | bytearray) -> Bytes:
    """Return a copy of `data` as the kernels take bytes: writable, with slack."""
    return np.frombuffer(bytearray(data) + bytes(SLACK), np.uint8)
