"""Both encoders on the same blocks, and their results side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.api import Batch, EncodedBlock, Position
from connectors.compiled import CompiledEncoder, EncoderJob
from connectors.csv.compiled import CsvStripMaker, csv_plan
from connectors.csv.reader import CsvBlock
from connectors.csv.reference import CsvReferenceConverter
from connectors.csv.rows import split_rows
from connectors.encoding import ReferenceEncoder
from connectors.headers import NO_HEADERS, OriginHeaders, RecordOrigin
from connectors.kafka.framing import Codec
from connectors.model import PLAIN_CELLS, CellFormat, Outcome, compile_model
from connectors.model.options import RecordHeaders
from connectors.records import RecordLimit
from connectors.rejects import RejectOrigin
from connectors.testing import decode_batch
from tests.unit.compiled.counted import CountedConverter

__all__ = ["ORIGIN", "Both", "block", "contents", "headers", "without_times"]

START = Position(byte=100, row=10, line=20, block=3)
ORIGIN = RejectOrigin("batch", "job123456789", 2, 'dir/ä "b".csv', "batch_job123456789")
_TIMES = slice(27, 43)  # of a batch: base and maximum timestamp


class Both:
    """A model bound to columns, for both encoders. `compiled` is None where there is no plan.

    `converter.asked` counts the rows that the compiled encoder asked the reference for.
    """

    def __init__(
        self,
        schema: dict[str, Any],
        columns: Sequence[str],
        *,
        key: str | None = None,
        cells: CellFormat = PLAIN_CELLS,
        fixed: Sequence[Outcome] = (),
        headers: OriginHeaders = NO_HEADERS,
        partitions: int = 1,
        max_row_bytes: int = 900_000,
        codec: Codec = Codec.NONE,
        strip_bytes: int | None = None,
        origin: RejectOrigin = ORIGIN,
    ) -> None:
        rules = compile_model(schema).bind(columns)
        limit = RecordLimit(max_row_bytes, headers)
        plain = CsvReferenceConverter(rules, key=key, limit=limit, cells=cells, fixed=fixed)
        self.converter = CountedConverter(rules, key=key, limit=limit, cells=cells, fixed=fixed)
        self.plan = csv_plan(self.converter, headers)
        self.reference = ReferenceEncoder(
            plain, partitions=partitions, codec=codec, reject_origin=origin, headers=headers
        )
        strips = {} if strip_bytes is None else {"strip_bytes": strip_bytes}
        self.compiled = self.plan and CompiledEncoder(
            EncoderJob(
                self.plan,
                self.converter,
                partitions=partitions,
                codec=codec,
                reject_origin=origin,
                headers=headers,
                **strips,
            ),
            CsvStripMaker(self.plan, self.converter),
            self.reference,
        )

    def check(self, block: CsvBlock) -> EncodedBlock:
        """Encode a block with both, assert that the results are the same, and return one."""
        expected = self.reference.encode(block)
        assert self.compiled is not None
        actual = self.compiled.encode(block)
        assert contents(actual) == contents(expected)
        assert without_times(actual.batches) == without_times(expected.batches)
        assert without_times(actual.reject_batches) == without_times(expected.reject_batches)
        return actual


def block(data: bytes, delimiter: bytes = b",", start: Position = START) -> CsvBlock:
    rows = len(split_rows(data, delimiter))
    end = Position(start.byte + len(data), start.row + rows, start.line + data.count(b"\n"), start.block + 1)
    return CsvBlock(start, end, data, rows, delimiter, file_bytes=7)


def headers(which: RecordHeaders) -> OriginHeaders:
    return OriginHeaders(which, RecordOrigin(ORIGIN.job_id, ORIGIN.file))


def contents(encoded: EncodedBlock) -> dict[str, Any]:
    return {
        "end": encoded.end,
        "file_bytes": encoded.file_bytes,
        "delivered": encoded.delivered,
        "rejected": encoded.rejected,
        "codes": dict(encoded.reject_codes),
        "records": [(batch.partition, decode_batch(batch)) for batch in encoded.batches],
        "rejects": [(batch.partition, decode_batch(batch)) for batch in encoded.reject_batches],
    }


def without_times(batches: Sequence[Batch]) -> list[tuple[int, int, bytes]]:
    return [(b.partition, b.count, b.data[: _TIMES.start] + b.data[_TIMES.stop :]) for b in batches]
