"""Blocks into finished batches by way of a converter: the reference encoder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from connectors.api import Batch, Block, Converted, Converter, EncodedBlock, Position, Record, Reject
from connectors.headers import NO_HEADERS, OriginHeaders
from connectors.kafka.framing import Codec, RecordParts, frame
from connectors.kafka.partitioning import partition_of_block, partition_of_key
from connectors.rejects import RejectOrigin, encode_reject

__all__ = ["ReferenceEncoder"]

_DLQ_PARTITION = 0


class ReferenceEncoder:
    """Converts a block row by row and frames what comes of it, in file order within a partition.

    Rows with a key go where Kafka's own producer would send them, rows without one by the number of their
    block. `headers` are the same as those of the converter, which counts their bytes. Thread-safe if the
    converter is.
    """

    name = "reference"

    def __init__(
        self,
        converter: Converter,
        *,
        partitions: int,
        codec: Codec,
        reject_origin: RejectOrigin,
        headers: OriginHeaders = NO_HEADERS,
    ) -> None:
        self._converter = converter
        self._partitions = partitions
        self._codec = codec
        self._origin = reject_origin
        self._headers = headers

    def encode(self, block: Block) -> EncodedBlock:
        converted = self._converter.convert(block)
        return self.encode_rows(converted, block.start, block.end, file_bytes=block.file_bytes)

    def encode_rows(
        self, converted: Converted, start: Position, end: Position, *, file_bytes: int = 0
    ) -> EncodedBlock:
        """Frame rows that were converted elsewhere."""
        return EncodedBlock(
            end=end,
            delivered=len(converted.records),
            rejected=len(converted.rejects),
            batches=self._batches(converted.records, start.block),
            reject_batches=self._reject_batches(converted.rejects),
            file_bytes=file_bytes,
            reject_codes=Counter(reject.errors[0].code for reject in converted.rejects),
        )

    def _batches(self, records: Sequence[Record], block: int) -> tuple[Batch, ...]:
        by_partition: dict[int, list[RecordParts]] = {}
        keyless = partition_of_block(block, self._partitions)
        for record in records:
            partition = keyless if record.key is None else partition_of_key(record.key, self._partitions)
            parts = (record.key, record.value, self._headers.of(record.row))
            by_partition.setdefault(partition, []).append(parts)
        return tuple(
            batch
            for partition in sorted(by_partition)
            for batch in frame(by_partition[partition], partition, self._codec)
        )

    def _reject_batches(self, rejects: Sequence[Reject]) -> tuple[Batch, ...]:
        return tuple(frame(self._reject_parts(rejects), _DLQ_PARTITION, self._codec))

    def _reject_parts(self, rejects: Sequence[Reject]) -> Iterator[RecordParts]:
        for reject in rejects:
            value, headers = encode_reject(reject, self._origin)
            yield None, value, headers
