"""One block through the kernels, strip by strip."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np

from connectors.api import Batch, Block, EncodedBlock
from connectors.compiled.answers import Answers
from connectors.compiled.asking import Asking
from connectors.compiled.converting import convert_strips
from connectors.compiled.job import EncoderJob
from connectors.compiled.kernels import layout
from connectors.compiled.kernels.layout import bytes_of
from connectors.compiled.kernels.letters import frame_rejects
from connectors.compiled.kernels.records import frame_records
from connectors.compiled.strips import Strips
from connectors.compiled.workspace import Workspace
from connectors.errors import RowCode
from connectors.kafka.framing import BATCH_BYTES, finish
from connectors.kafka.partitioning import partition_of_block

__all__ = ["BlockRun"]

_DLQ_PARTITION = 0


class BlockRun:
    """Encodes one block in the memory of one thread. Used once."""

    def __init__(self, job: EncoderJob, work: Workspace, block: Block, strips: Strips) -> None:
        self._job = job
        self._work = work
        self._block = block
        self._strips = strips
        self._asking = Asking(job, work, strips)
        self._keyless = partition_of_block(block.start.block, job.partitions)
        self._batches: list[list[Batch]] = [[] for _ in range(job.partitions)]
        self._letters: list[Batch] = []
        self._delivered = self._rejected = 0
        self._codes: Counter[RowCode] = Counter()

    def encode(self) -> EncodedBlock:
        job, work, first_row = self._job, self._work, self._block.start.row + 1
        for first, count in convert_strips(job.plan, work, self._strips, self._asking, first_row):
            self._encode_strip(first, count)
        for partition in range(self._job.partitions):
            self._flush(partition)
        self._flush_letters()
        return EncodedBlock(
            end=self._block.end,
            delivered=self._delivered,
            rejected=self._rejected,
            batches=tuple(batch for batches in self._batches for batch in batches),
            reject_batches=tuple(self._letters),
            file_bytes=self._block.file_bytes,
            reject_codes=self._codes,
        )

    def _encode_strip(self, first: int, count: int) -> None:
        answers = Answers(self._job, self._work, first, self._asking.text)
        for converted in self._asking.convert(count, first):
            self._codes += answers.add(converted)
        side = bytes_of(self._asking.text)
        self._frame(count, first, side)
        self._frame_rejects(count, first, side)
        self._tally(count)

    def _frame(self, count: int, first: int, side: layout.Bytes) -> None:
        work, program, row = self._work, self._job.plan.program, 0
        while True:
            row, full = frame_records(
                row,
                count,
                first,
                self._keyless,
                work.source,
                work.out,
                side,
                work.rows,
                program,
                self._job.headers,
                BATCH_BYTES,
                work.bodies,
                work.fills,
                work.counts,
            )
            if full < 0:
                return
            self._flush(full)

    def _frame_rejects(self, count: int, first: int, side: layout.Bytes) -> None:
        work, plan, start, row = self._work, self._job.plan, self._block.start, 0
        place = np.array([first, start.line + 1, start.byte], np.int64)
        while True:
            row = frame_rejects(
                row,
                count,
                place,
                work.source,
                side,
                work.rows,
                work.errors,
                work.texts,
                plan.program,
                self._job.letter,
                plan.messages,
                work.letter,
                BATCH_BYTES,
                work.letter_body,
                work.letter_fill,
                work.letter_count,
            )
            if row == count:
                return
            self._flush_letters()

    def _tally(self, count: int) -> None:
        rows = self._work.rows[:count]
        verdicts = np.bincount(rows[:, layout.VERDICT], minlength=layout.SIDE_REJECT + 1)
        self._delivered += int(verdicts[layout.RECORD] + verdicts[layout.SIDE_RECORD])
        self._rejected += int(verdicts[layout.REJECT] + verdicts[layout.SIDE_REJECT])
        if verdicts[layout.REJECT]:
            rejects = rows[rows[:, layout.VERDICT] == layout.REJECT]
            checks = self._work.errors[rejects[:, layout.ERROR_START], layout.CHECK]
            for check, times in enumerate(np.bincount(checks)):
                if times:
                    self._codes[self._job.plan.codes[check]] += int(times)

    def _flush(self, partition: int) -> None:
        work = self._work
        if count := int(work.counts[partition]):
            start = partition * work.body_room
            body = work.bodies[start : start + work.fills[partition]].data
            self._batches[partition].append(finish(body, count, partition, self._job.codec, _now()))
            work.fills[partition] = work.counts[partition] = 0

    def _flush_letters(self) -> None:
        work = self._work
        if count := int(work.letter_count[0]):
            body = work.letter_body[: work.letter_fill[0]].data
            self._letters.append(finish(body, count, _DLQ_PARTITION, self._job.codec, _now()))
            work.letter_fill[0] = work.letter_count[0] = 0


def _now() -> int:
    return time.time_ns() // 1_000_000
