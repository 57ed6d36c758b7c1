"""The strips of a block of NDJSON: its bytes scanned for lines and the values of their members."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from connectors.compiled.kernels.layout import MISSING, UNKNOWN, Longs, Pieces
from connectors.compiled.kernels.members import scan_lines
from connectors.compiled.plan import Plan
from connectors.compiled.scanned import ScannedText
from connectors.compiled.side import answer_of
from connectors.compiled.workspace import Workspace
from connectors.model import MemberRules
from connectors.model.grammar import JsonSyntaxError
from connectors.ndjson.members import parse_members
from connectors.ndjson.reader import NdjsonBlock

__all__ = ["NdjsonStrips"]


class NdjsonStrips:
    """The Strips of a block of UTF-8. `names` are those of the columns, `pieces` as JSON has them."""

    def __init__(
        self,
        plan: Plan,
        rules: MemberRules,
        names: Sequence[str],
        pieces: Pieces,
        work: Workspace,
        block: NdjsonBlock,
    ) -> None:
        self._text = ScannedText(plan, work, block)
        self._columns = plan.program.columns
        self._rules = rules
        self._names = names
        self._pieces = pieces
        self._work = work
        self._block = block

    def next(self) -> int:
        if self._text.ended:
            return 0
        return scan_lines(
            self._work.source,
            len(self._block.data),
            self._text.at,
            self._pieces,
            self._columns,
            self._text.limits,
            self._work.rows,
            self._work.cells,
        )

    def read(self, column: int, rows: Longs) -> Iterator[tuple[bytes, int]]:
        for value, flags in self._text.cells(column, rows):
            yield (b"", MISSING) if flags & MISSING else self._read_value(self._names[column], value)

    def _read_value(self, name: str, value: bytes) -> tuple[bytes, int]:
        try:
            members = parse_members(f'{{"":{value.decode()}}}')
        except (UnicodeDecodeError, JsonSyntaxError):
            return b"", UNKNOWN
        [(_, type, text)] = members
        return answer_of(self._rules.read(name, type, text))

    def rows_as_block(self, first: int, last: int, first_row: int) -> NdjsonBlock:
        start, data = self._text.rows(first, last, first_row)
        return replace(self._block, start=start, data=data, rows=last - first + 1)
