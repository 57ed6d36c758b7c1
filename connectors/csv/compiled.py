"""The compiled encoder of CSV, on the bytes of a block."""

from __future__ import annotations

from connectors.api import Block, BlockEncoder
from connectors.compiled import CompiledEncoder, EncoderJob, Plan, compile_plan
from connectors.compiled.scanned import is_plain
from connectors.compiled.side import SideCells
from connectors.compiled.strips import Strips
from connectors.compiled.workspace import Workspace
from connectors.csv.reader import CsvBlock
from connectors.csv.reference import CsvReferenceConverter
from connectors.headers import NO_HEADERS, OriginHeaders

__all__ = ["CompiledCsvEncoder", "csv_plan"]


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


class CompiledCsvEncoder(CompiledEncoder):
    """The CompiledEncoder of blocks of CSV, `converter` is that of its job; `reference` takes encodings."""

    def __init__(self, job: EncoderJob, converter: CsvReferenceConverter, reference: BlockEncoder) -> None:
        super().__init__(job, reference)
        self._cells = SideCells(job.plan.side, converter.readers)

    def can_read(self, block: Block) -> bool:
        assert isinstance(block, CsvBlock)
        return is_plain(block)

    def strips(self, workspace: Workspace, block: Block) -> Strips:
        from connectors.csv.strips import CsvStrips

        assert isinstance(block, CsvBlock)
        return CsvStrips(self.job.plan, self._cells, workspace, block)
