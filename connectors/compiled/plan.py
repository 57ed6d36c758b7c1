"""A model bound to a file's columns, as the kernels read it: the compile-time half of the converter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from connectors.api import RowError
from connectors.compiled.column import COUNT_MARK, CheckPlan, plan_column, type_check
from connectors.compiled.kernels import layout
from connectors.compiled.kernels.layout import Pieces, Program, bytes_of
from connectors.compiled.pieces import check_pieces, longest_error
from connectors.compiled.sets import TextSets
from connectors.errors import RowCode
from connectors.headers import NO_HEADERS, OriginHeaders
from connectors.model import CellFormat, ColumnRule, Outcome, RowRules, key_of
from connectors.model.grammar import quote
from connectors.model.messages import MAX_VALUE, failure
from connectors.model.row import MAX_ERRORS
from connectors.rejects import ERRORS_JSON_BYTES, shown_column

__all__ = ["MAX_COLUMNS", "Plan", "compile_plan"]

MAX_COLUMNS = 4096
"""Files with more columns are converted by the reference."""

_MAX_LITERALS = 256 * 1024
_NO_SET = -1
_VALUE_BYTES = 6 * MAX_VALUE + 20  # escapes, and the digits of a length


@dataclass(frozen=True, slots=True)
class Plan:
    """What the kernels know of a file. Immutable.

    `side` are the columns whose cells the reference reads. `codes` and `messages` are those of the checks
    that `program` names by number, `columns` their columns as they are shown. `row_bytes` are the bytes of a
    row's JSON beside its values, `error_bytes` the most that an error takes in a RejectedRow.
    """

    program: Program
    side: tuple[int, ...]
    codes: tuple[RowCode, ...]
    columns: tuple[str | None, ...]
    messages: Pieces
    row_bytes: int
    error_bytes: int

    @property
    def width(self) -> int:
        return int(self.program.facts[layout.WIDTH])

    @property
    def key_column(self) -> int:
        """The column of the file that the key is in; -1: there is none."""
        return int(self.program.facts[layout.KEY_COLUMN])


def compile_plan(
    rules: RowRules,
    columns: Sequence[tuple[ColumnRule, str | None]],
    fixed: Sequence[Outcome],
    *,
    key: str | None,
    cells: CellFormat,
    max_row_bytes: int,
    headers: OriginHeaders = NO_HEADERS,
    shows_rejects: bool = True,
) -> Plan | None:
    """Return the plan of a converter by `rules`, None where the rows are for the reference alone.

    `columns` are the rules by which the file's columns are read, and what a row has where one has nothing;
    `fixed` the outcomes behind them that every row has. `headers` are those of the records. `shows_rejects`
    is False where the kernels cannot show a rejected row.
    """
    width = len(columns)
    left_out = {width + place for place, outcome in enumerate(fixed) if outcome is None}
    if not 0 < width <= MAX_COLUMNS or any(isinstance(outcome, RowError) for outcome in fixed):
        return None
    if any(place is None or place in left_out for _, place in rules.required):
        return None  # no row at all is a record
    builder = _Builder(cells)
    for rule, empty in columns:
        builder.add_column(rule, empty)
    builder.add_end(rules.rules[width:], fixed)
    for name, place in rules.required:
        if place is not None and place < width:
            builder.add_required(name, place)
    if len(builder.literals) > _MAX_LITERALS:
        return None
    builder.set_key(rules, key, fixed)
    return builder.plan(max_row_bytes, headers, shows_rejects)


class _Builder:
    def __init__(self, cells: CellFormat) -> None:
        self._cells = cells
        self.literals = bytearray()
        self._columns: list[list[int]] = []
        self._checks: list[CheckPlan] = []
        self._rows: list[tuple[int, int, int]] = []
        self._required: list[tuple[int, int]] = []
        self._numbers: list[tuple[int, int]] = []
        self._sets = TextSets()
        self._key_column = -1
        self._key: bytes | None = None

    def add_column(self, rule: ColumnRule, empty: str | None) -> None:
        """Add a column of the file; `empty` is what a row has where the column has nothing."""
        plan = plan_column(rule)
        row = [0] * layout.COLUMN_FIELDS
        row[layout.KIND] = plan.kind
        row[layout.NULLABLE] = rule.nullable
        row[layout.EMPTY] = {"null": layout.NULL, '""': layout.WRITTEN, None: layout.ABSENT}[empty]
        row[layout.NAME_START], row[layout.NAME_END] = self._add_literal(f",{quote(rule.name)}:")
        row[layout.TYPE_CHECK] = self._add_check(type_check(rule))
        row[layout.FIRST_CHECK] = len(self._checks)
        for check in plan.checks:
            self._add_check(check)
        row[layout.END_CHECK] = len(self._checks)
        row[layout.EASY_FROM], row[layout.EASY_TO] = plan.easy_sizes()
        self._columns.append(row)

    def add_end(self, rules: Sequence[ColumnRule], fixed: Sequence[Outcome]) -> None:
        """Add what every row ends with: the columns that are the same in all rows."""
        pairs = [(rule, text) for rule, text in zip(rules, fixed, strict=True) if isinstance(text, str)]
        end = "".join(f",{quote(rule.name)}:{text}" for rule, text in pairs) + "}"
        row = [0] * layout.COLUMN_FIELDS
        row[layout.NAME_START], row[layout.NAME_END] = self._add_literal(end)
        self._columns.append(row)

    def add_required(self, name: str, place: int) -> None:
        check = CheckPlan(layout.MISSING_VALUE, RowError(name, *failure("required")))
        self._required.append((place, self._add_check(check)))

    def set_key(self, rules: RowRules, key: str | None, fixed: Sequence[Outcome]) -> None:
        if key is None:
            return
        place, width = rules.columns.index(key), len(self._columns) - 1
        if place < width:
            self._key_column = place
        else:
            self._key = key_of(fixed[place - width])

    def plan(self, max_row_bytes: int, headers: OriginHeaders, shows_rejects: bool) -> Plan:
        width = len(self._columns) - 1
        count = RowError(None, *failure("column_count", found=COUNT_MARK, expected=width))
        facts = np.zeros(layout.FACTS, np.int64)
        facts[layout.WIDTH] = width
        facts[layout.KEY_COLUMN] = self._key_column
        facts[layout.KEY_FIXED] = self._key is not None
        facts[layout.NULL_SET], facts[layout.NULL_MASK] = self._null_set()
        facts[layout.DECIMAL_POINT] = ord("," if self._cells.decimal_comma else ".")
        facts[layout.COUNT_CHECK] = self._add_check(CheckPlan(layout.CELL_COUNT, count))
        facts[layout.MAX_ROW] = max_row_bytes
        facts[layout.ROW_HEADER] = headers.with_row
        facts[layout.HEADER_BYTES] = headers.size(1) - headers.with_row  # without the digit of row 1
        messages = check_pieces(self._checks)
        error_bytes = longest_error(messages) + _VALUE_BYTES
        if shows_rejects:
            facts[layout.MAX_ERRORS] = min(MAX_ERRORS, ERRORS_JSON_BYTES // error_bytes)
        facts[layout.MAX_SHOWN] = MAX_VALUE
        slots, member_at, members = self._sets.arrays()
        program = Program(
            facts=facts,
            columns=np.array(self._columns, np.int64),
            checks=np.array(self._rows, np.int64),
            required=np.array(self._required, np.int64).reshape(-1, 2),
            literals=bytes_of(bytes(self.literals)),
            slots=slots,
            member_at=member_at,
            members=members,
            numbers=np.array(self._numbers, np.int64).reshape(-1, 2),
            key=bytes_of(self._key or b""),
        )
        side = [column for column in range(width) if program.columns[column, layout.KIND] == layout.SIDE]
        codes = tuple(check.error.code for check in self._checks)
        shown = tuple(shown_column(check.error) for check in self._checks)
        row_bytes = len(self.literals) + len("{}")
        return Plan(program, tuple(side), codes, shown, messages, row_bytes, error_bytes)

    def _add_literal(self, text: str) -> tuple[int, int]:
        start = len(self.literals)
        self.literals += text.encode()
        return start, len(self.literals)

    def _add_check(self, check: CheckPlan) -> int:
        first, second = check.first, check.second
        if check.operation == layout.TEXT_SET:
            first, second = self._sets.add(check.texts)
        elif check.operation == layout.NUMBER_SET:
            first = len(self._numbers)
            self._numbers += check.numbers
            second = len(self._numbers)
        self._checks.append(check)
        self._rows.append((check.operation, first, second))
        return len(self._checks) - 1

    def _null_set(self) -> tuple[int, int]:
        if not self._cells.null_values:
            return 0, _NO_SET
        return self._sets.add([text.encode() for text in sorted(self._cells.null_values)])
