"""CSV for the compiled converter: the plan of a file, the strips of its blocks."""

from __future__ import annotations

from connectors.api import Block
from connectors.compiled import Plan, compile_plan
from connectors.compiled.scanned import is_plain
from connectors.compiled.side import SideCells
from connectors.compiled.strips import Strips
from connectors.compiled.workspace import Workspace
from connectors.csv.reader import CsvBlock
from connectors.csv.reference import CsvReferenceConverter
from connectors.headers import NO_HEADERS, OriginHeaders

__all__ = ["CsvStripMaker", "csv_plan"]


def csv_plan(converter: CsvReferenceConverter, headers: OriginHeaders = NO_HEADERS) -> Plan | None:
    """Return the plan of what `converter` does, None where the rows are for it alone.

    `headers` are those of its records.
    """
    rules = converter.rules.rules[: len(converter.readers)]
    if converter.cells.decimal_comma:
        rules = tuple(rule.with_decimal_comma() for rule in rules)
    return compile_plan(
        converter.rules,
        [(rule, rule.empty) for rule in rules],
        converter.fixed,
        key=converter.key,
        cells=converter.cells,
        max_row_bytes=converter.limit.max_row_bytes,
        headers=headers,
    )


class CsvStripMaker:
    """The StripMaker of CSV in UTF-8, for the `plan` of `converter`."""

    def __init__(self, plan: Plan, converter: CsvReferenceConverter) -> None:
        self._plan = plan
        self._cells = SideCells(plan.side, converter.readers)

    def takes(self, block: Block) -> bool:
        assert isinstance(block, CsvBlock)
        return is_plain(block)

    def strips(self, work: Workspace, block: Block) -> Strips:
        from connectors.csv.strips import CsvStrips  # numba loads with the first block

        assert isinstance(block, CsvBlock)
        return CsvStrips(self._plan, self._cells, work, block)
