"""The compiled encoder of CSV: a block's bytes into batches, without a Python object per row or cell."""

from __future__ import annotations

from collections import deque

from connectors.api import Block, EncodedBlock
from connectors.csv.compiled.job import EncoderJob
from connectors.csv.compiled.plan import Plan
from connectors.csv.compiled.workspace import STRIP_BYTES, Workspace
from connectors.csv.reader import CsvBlock
from connectors.csv.reference import CsvReferenceConverter
from connectors.encoding import ReferenceEncoder
from connectors.headers import NO_HEADERS, OriginHeaders
from connectors.kafka.framing import Codec
from connectors.rejects import RejectOrigin

__all__ = ["CompiledCsvEncoder"]


class CompiledCsvEncoder:
    """A BlockEncoder that gives what the ReferenceEncoder gives for the same `converter`, byte for byte.

    `plan` is that of `converter`, which reads whatever the kernels are not certain of: single cells, rows,
    or a block that is not UTF-8. Thread-safe; as many threads as call it work at once. Each needs memory of
    its own, which is kept for the next block.
    """

    name = "compiled"

    def __init__(
        self,
        plan: Plan,
        converter: CsvReferenceConverter,
        *,
        partitions: int,
        codec: Codec,
        reject_origin: RejectOrigin,
        headers: OriginHeaders = NO_HEADERS,
        strip_bytes: int = STRIP_BYTES,
    ) -> None:
        self._job = EncoderJob(plan, converter, partitions, codec, reject_origin, headers, strip_bytes)
        self._reference = ReferenceEncoder(
            converter, partitions=partitions, codec=codec, reject_origin=reject_origin, headers=headers
        )
        self._idle: deque[Workspace] = deque()

    def encode(self, block: Block) -> EncodedBlock:
        assert isinstance(block, CsvBlock)
        if not self._job.takes(block):
            return self._reference.encode(block)
        from connectors.csv.compiled.run import BlockRun  # numba loads with the first block

        try:
            workspace = self._idle.pop()
        except IndexError:
            workspace = self._job.workspace()
        try:
            return BlockRun(self._job, workspace, block).encode()
        finally:
            self._idle.append(workspace)
