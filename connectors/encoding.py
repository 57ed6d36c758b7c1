"""Blocks into finished batches by way of a converter: the reference encoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connectors.api import Batch, Block, Converter, EncodedBlock, Record, Reject
from connectors.kafka.framing import Codec, RecordParts, frame
from connectors.kafka.partitioning import partition_of_block, partition_of_key
from connectors.rejects import RejectOrigin, encode_reject

__all__ = ["ReferenceEncoder"]

_DLQ_PARTITION = 0


class ReferenceEncoder:
    """Converts a block row by row and frames what comes of it, in file order within a partition.

    Rows with a key go where Kafka's own producer would send them, rows without one by the number of their
    block. Thread-safe if the converter is.
    """

    name = "reference"

    def __init__(
        self, converter: Converter, *, partitions: int, codec: Codec, reject_origin: RejectOrigin
    ) -> None:
        self._converter = converter
        self._partitions = partitions
        self._codec = codec
        self._origin = reject_origin

    def encode(self, block: Block) -> EncodedBlock:
        converted = self._converter.convert(block)
        return EncodedBlock(
            end=block.end,
            delivered=len(converted.records),
            rejected=len(converted.rejects),
            batches=self._batches(converted.records, block.start.block),
            reject_batches=self._reject_batches(converted.rejects),
        )

    def _batches(self, records: Sequence[Record], block: int) -> tuple[Batch, ...]:
        by_partition: dict[int, list[RecordParts]] = {}
        keyless = partition_of_block(block, self._partitions)
        for record in records:
            partition = keyless if record.key is None else partition_of_key(record.key, self._partitions)
            by_partition.setdefault(partition, []).append((record.key, record.value, []))
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
