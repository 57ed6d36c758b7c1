"""Rows made fast and the same every time: an id that counts, and the rest of a row from a pool."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

__all__ = ["Cell", "PooledRows", "cell"]

_NEEDS_QUOTES = frozenset('",\n\r')
_encode = json.JSONEncoder(ensure_ascii=False).encode


class Cell(NamedTuple):
    """A value as CSV writes it, as JSON writes it, and as Python has it (for Parquet)."""

    csv: str
    json: str
    value: object


def cell(value: str | int | bool, number: str | None = None) -> Cell:
    """Make a cell; `number` is the exact text of a number that is no integer, and `value` then ignored."""
    if number is not None:
        return Cell(number, number, float(number))
    if isinstance(value, str):
        quoted = '"' + value.replace('"', '""') + '"' if not _NEEDS_QUOTES.isdisjoint(value) else value
        return Cell(quoted, _encode(value), value)
    text = _encode(value)
    return Cell(text, text, value)


class PooledRows:
    """Rows of which the first column counts from `first_id` and the others come from a pool, in turn.

    A pool larger than a codec's window keeps what compression gains honest; the id makes every row unique,
    so that one lost or doubled is seen. The pool is made when rows are first asked for.
    """

    def __init__(
        self,
        columns: Sequence[str],
        schema: Mapping[str, Any],
        make_pool: Callable[[], Sequence[Sequence[Cell]]],
        first_id: int = 10_000_000,
    ) -> None:
        self.columns = columns
        self.schema = schema
        self.first_id = first_id
        self.header = ",".join(columns).encode()
        self._make_pool = make_pool

    @cached_property
    def pool(self) -> Sequence[Sequence[Cell]]:
        """The cells of the columns but the first."""
        return self._make_pool()

    @property
    def line_sizes(self) -> list[int]:
        """Bytes of each row of a pool in a CSV file, line end included; ids do not grow in length."""
        return [len(tail) + len(str(self.first_id)) + 1 for _, tail in self._lines]

    def chunks(self, rows: int) -> Iterator[tuple[int, int]]:
        """Cut `rows` into (start, stop) of at most one pool each."""
        for start in range(0, rows, len(self.pool)):
            yield start, min(start + len(self.pool), rows)

    def lines(self, start: int, stop: int) -> list[bytes]:
        """Return rows as CSV lines without their line ends. `start` is a multiple of the pool's length."""
        return self._with_ids(self._lines, start, stop)

    def typed(self, start: int, stop: int) -> list[bytes]:
        """Return rows as compact JSON objects."""
        return self._with_ids(self._typed, start, stop)

    def strings(self, start: int, stop: int) -> list[bytes]:
        """Return rows as compact JSON objects whose values are all strings, members sorted by name."""
        return self._with_ids(self._strings, start, stop)

    def strings_or_null(self, start: int, stop: int) -> list[bytes]:
        """Return the same with null for an empty string."""
        return self._with_ids(self._strings_or_null, start, stop)

    @cached_property
    def _lines(self) -> list[tuple[bytes, bytes]]:
        return [(b"", ("," + ",".join(c.csv for c in row)).encode()) for row in self.pool]

    @cached_property
    def _typed(self) -> list[tuple[bytes, bytes]]:
        names = [json.dumps(name) for name in self.columns]
        return [_around(names, ["%", *(c.json for c in row)]) for row in self.pool]

    @cached_property
    def _strings(self) -> list[tuple[bytes, bytes]]:
        return self._sorted([_as_string(c) for c in row] for row in self.pool)

    @cached_property
    def _strings_or_null(self) -> list[tuple[bytes, bytes]]:
        return self._sorted([_as_string(c) if c.csv else "null" for c in row] for row in self.pool)

    def _sorted(self, rows: Iterable[Sequence[str]]) -> list[tuple[bytes, bytes]]:
        order = sorted(range(len(self.columns)), key=lambda i: self.columns[i])
        names = [json.dumps(self.columns[i]) for i in order]
        texts = (['"%"', *row] for row in rows)
        return [_around(names, [row[i] for i in order]) for row in texts]

    def _with_ids(self, around: list[tuple[bytes, bytes]], start: int, stop: int) -> list[bytes]:
        ids = range(self.first_id + start, self.first_id + stop)
        return [b"%b%d%b" % (head, i, tail) for i, (head, tail) in zip(ids, around, strict=False)]


def _as_string(value: Cell) -> str:
    return value.json if isinstance(value.value, str) else f'"{value.json}"'


def _around(names: Sequence[str], values: Sequence[str]) -> tuple[bytes, bytes]:
    """Return what stands before and after the id, which `%` stands for among the values."""
    place = next(i for i, value in enumerate(values) if value.strip('"') == "%")
    members = [f"{name}:{value}" for name, value in zip(names, values, strict=True)]
    member, _, rest = members[place].partition("%")
    head = ",".join([*members[:place], member])
    tail = ",".join([rest, *members[place + 1 :]])
    return f"{{{head}".encode(), f"{tail}}}".encode()
