"""The compiled encoder of Parquet, on the Arrow columns of a block."""

from __future__ import annotations

from connectors.api import Block, BlockEncoder
from connectors.compiled import CompiledEncoder, EncoderJob, Plan, compile_plan
from connectors.compiled.strips import Strips
from connectors.compiled.workspace import Workspace
from connectors.headers import NO_HEADERS, OriginHeaders
from connectors.model import PLAIN_CELLS
from connectors.parquet.reader import ParquetBlock
from connectors.parquet.reference import ParquetReferenceConverter

__all__ = ["CompiledParquetEncoder", "parquet_plan"]


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


class CompiledParquetEncoder(CompiledEncoder):
    """The CompiledEncoder of blocks of Parquet; `converter` is that of its job."""

    def __init__(
        self, job: EncoderJob, converter: ParquetReferenceConverter, reference: BlockEncoder
    ) -> None:
        super().__init__(job, reference)
        self._converter = converter

    def can_read(self, block: Block) -> bool:
        return True

    def strips(self, workspace: Workspace, block: Block) -> Strips:
        from connectors.parquet.strips import ParquetStrips

        assert isinstance(block, ParquetBlock)
        return ParquetStrips(self.job.plan, self._converter.columns, workspace, block)
