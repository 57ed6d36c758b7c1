"""Arrow columns into the cells of a strip: the texts that `connectors.parquet.values` gives, for kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from connectors.compiled.kernels import arrow, layout
from connectors.compiled.kernels.layout import CELL_BYTES, Bytes, Longs, Program, Table, bytes_of
from connectors.compiled.workspace import Workspace
from connectors.parquet.leaves import Array, Unwritable
from connectors.parquet.times import PER_SECOND
from connectors.parquet.values import ValueWriter

__all__ = ["CellFiller"]

_INTEGER_BYTES, _DOUBLE_BYTES, _BOOLEAN_BYTES, _DATE_BYTES, _TIMESTAMP_BYTES = 20, 24, 5, 10, 30
_Load = Callable[[int, int, Longs, Bytes, Bytes, int, Table, Table], int]

_PLAIN_FROM = 1e-4
"""Smaller floats have an exponent in Python, not all of them in Arrow, whose digits are the same."""


class CellFiller:
    """Fills the cells of `count` rows column by column; `need` are the most bytes that their values take.

    Rows with a value that has no text become ASK: the reference says why.
    """

    def __init__(self, work: Workspace, program: Program, count: int) -> None:
        width = int(program.facts[layout.WIDTH])
        self.need = CELL_BYTES * width * count
        self._work = work
        self._program = program
        self._width = width
        self._count = count
        self._at = 0

    def fill(self, column: int, array: Array, writer: ValueWriter) -> None:
        """Take the values of one column, of whose type `writer` is."""
        for holds, fill in _FILLS:
            if holds(array.type) and fill(self, column, array):
                return
        self._fill_written(column, array, writer)

    def _fill_written(self, column: int, array: Array, writer: ValueWriter) -> None:
        """The values of any type, each a Python object on its way."""
        values = writer.texts(array)
        texts = [value.encode() if isinstance(value, str) else b"" for value in values]
        for row, value in enumerate(values):
            if isinstance(value, Unwritable):
                self._work.rows[row, layout.VERDICT] = layout.ASK
        valid = np.array([value is not None for value in values], np.uint8)
        offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        self._load_texts(column, np.frombuffer(b"".join(texts), np.uint8), offsets, valid)

    def _load_texts(self, column: int, data: Bytes, offsets: Longs, valid: Bytes) -> None:
        size = int(offsets[-1] - offsets[0])
        self._room(size)[self._at : self._at + size] = data[offsets[0] : offsets[-1]]
        self.need += arrow.load_texts(
            column,
            self._width,
            offsets,
            valid,
            self._work.source,
            self._at,
            self._work.rows,
            self._work.cells,
        )
        self._at += size

    def _fill_strings(self, column: int, array: Array) -> bool:
        self._load_texts(column, *_texts(array), _valid(array))
        return True

    def _fill_decimals(self, column: int, array: Array) -> bool:
        data, offsets = _texts(array.cast(pa.string()))
        if (data[offsets[0] : offsets[-1]] == ord("E")).any():
            return False  # small ones come with an exponent
        self._load_texts(column, data, offsets, _valid(array))
        return True

    def _fill_doubles(self, column: int, array: Array) -> bool:
        source = self._room(_DOUBLE_BYTES * self._count)
        values, cells = _stored(array, np.float64), self._work.cells
        after = arrow.load_doubles(column, self._width, values, _valid(array), source, self._at, cells)
        if after < 0:
            return False
        self._go_on(after)
        return True

    def _fill_floats(self, column: int, array: Array) -> bool:
        stored = np.float64 if array.type.bit_width == 64 else np.float32
        valid = _valid(array)
        sizes = np.abs(_stored(array, stored)[valid.astype(bool)])
        if not (np.isfinite(sizes) & ((sizes == 0) | (sizes >= _PLAIN_FROM))).all():
            return False
        data, offsets = _texts(array.cast(pa.string()))
        if (data[offsets[0] : offsets[-1]] == ord("e")).any():
            return False  # large ones have an exponent in Arrow first
        text = bytes_of(data[offsets[0] : offsets[-1]].tobytes())
        source = self._room(len(text) + 2 * self._count)
        self._go_on(
            arrow.load_floats(column, self._width, text, offsets, valid, source, self._at, self._work.cells)
        )
        return True

    def _fill_integers(self, column: int, array: Array) -> bool:
        values = _stored(array if array.type == pa.int64() else array.cast(pa.int64()), np.int64)
        return self._write(arrow.load_integers, column, values, _valid(array), _INTEGER_BYTES)

    def _fill_booleans(self, column: int, array: Array) -> bool:
        values: Bytes = _stored(array.cast(pa.uint8()), np.uint8)
        source = self._room(_BOOLEAN_BYTES * self._count)
        self._go_on(
            arrow.load_booleans(
                column, self._width, values, _valid(array), source, self._at, self._work.cells
            )
        )
        return True

    def _fill_dates(self, column: int, array: Array) -> bool:
        days = _stored(array.cast(pa.date32()).view(pa.int32()), np.int32).astype(np.int64)
        return self._write(arrow.load_dates, column, days, _valid(array), _DATE_BYTES)

    def _fill_timestamps(self, column: int, array: Array) -> bool:
        source = self._room(_TIMESTAMP_BYTES * self._count)
        self._go_on(
            arrow.load_timestamps(
                column,
                self._width,
                _stored(array.view(pa.int64()), np.int64),
                _valid(array),
                len(str(PER_SECOND[array.type.unit])) - 1,
                layout.PRESENT | self._checked_by(column, layout.DATE_TIME),
                source,
                self._at,
                self._work.rows,
                self._work.cells,
            )
        )
        return True

    def _checked_by(self, column: int, format: int) -> int:
        """CHECKED, if the column has no other checks than that of `format`."""
        first, end = self._program.columns[column, layout.FIRST_CHECK : layout.END_CHECK + 1]
        return layout.CHECKED * bool((self._program.checks[first:end, layout.OPERATION] == format).all())

    def _write(self, load: _Load, column: int, values: Longs, valid: Bytes, most: int) -> bool:
        """Write values of at most `most` bytes each."""
        source = self._room(most * self._count)
        work = self._work
        self._go_on(load(column, self._width, values, valid, source, self._at, work.rows, work.cells))
        return True

    def _room(self, size: int) -> Bytes:
        self._work.make_source_room(self._at, size)
        return self._work.source

    def _go_on(self, at: int) -> None:
        self.need += at - self._at
        self._at = at


def _valid(array: Array) -> Bytes:
    if array.null_count == 0:
        return np.ones(len(array), np.uint8)
    valid: Bytes = array.is_valid().to_numpy(zero_copy_only=False).astype(np.uint8)
    return valid


def _stored(array: Array, dtype: Any) -> Any:
    """Return a copy of the values of an array of fixed width; those of nulls are anything."""
    return np.frombuffer(array.buffers()[1], dtype)[array.offset : array.offset + len(array)].copy()


def _texts(array: Array) -> tuple[Bytes, Longs]:
    """Return the bytes that the texts of an array are in, and where each starts and the last ends."""
    _, offsets, data = array.buffers()
    stored = np.int64 if array.type == pa.large_string() else np.int32
    places = np.frombuffer(offsets, stored)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data or b"", np.uint8), places.astype(np.int64)


_is = pa.types
_FILLS: tuple[tuple[Callable[[Any], bool], Callable[[CellFiller, int, Array], bool]], ...] = (
    (lambda type: _is.is_string(type) or _is.is_large_string(type), CellFiller._fill_strings),
    (lambda type: _is.is_integer(type) and type != pa.uint64(), CellFiller._fill_integers),
    (_is.is_float64, CellFiller._fill_doubles),
    (lambda type: _is.is_float32(type) or _is.is_float64(type), CellFiller._fill_floats),
    (lambda type: _is.is_decimal128(type) and type.scale >= 0, CellFiller._fill_decimals),
    (_is.is_boolean, CellFiller._fill_booleans),
    (_is.is_date, CellFiller._fill_dates),
    (_is.is_timestamp, CellFiller._fill_timestamps),
)
