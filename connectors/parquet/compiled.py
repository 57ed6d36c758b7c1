"""Parquet for the compiled converter: the plan of a file, the strips of its blocks."""

from __future__ import annotations

from connectors.api import Block
from connectors.compiled import Plan, compile_plan
from connectors.compiled.strips import Strips
from connectors.compiled.workspace import Workspace
from connectors.headers import NO_HEADERS, OriginHeaders
from connectors.model import PLAIN_CELLS
from connectors.parquet.reader import ParquetBlock
from connectors.parquet.reference import ParquetReferenceConverter

__all__ = ["ParquetStripMaker", "parquet_plan"]


def parquet_plan(converter: ParquetReferenceConverter, headers: OriginHeaders = NO_HEADERS) -> Plan | None:
    """Return the plan of what `converter` does, None where the rows are for it alone.

    `headers` are those of its records.
    """
    return compile_plan(
        converter.rules,
        [(column.rule, column.empty) for column in converter.columns],
        converter.fixed,
        key=converter.key,
        cells=PLAIN_CELLS,
        max_row_bytes=converter.limit.max_row_bytes,
        headers=headers,
        shows_rejects=False,  # as JSON, with values that no record can hold
    )


class ParquetStripMaker:
    """The StripMaker of Parquet, for the `plan` of `converter`."""

    def __init__(self, plan: Plan, converter: ParquetReferenceConverter) -> None:
        self._plan = plan
        self._columns = converter.columns

    def takes(self, _: Block) -> bool:
        return True

    def strips(self, work: Workspace, block: Block) -> Strips:
        from connectors.parquet.strips import ParquetStrips  # numba loads with the first block

        assert isinstance(block, ParquetBlock)
        return ParquetStrips(self._plan, self._columns, work, block)
