"""One block through the kernels that read and convert, strip by strip."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from connectors.csv.compiled.asking import Asking
from connectors.csv.compiled.job import ConverterJob
from connectors.csv.compiled.kernels import layout
from connectors.csv.compiled.kernels.layout import bytes_of
from connectors.csv.compiled.kernels.rows import convert_rows
from connectors.csv.compiled.kernels.scan import scan_strip
from connectors.csv.compiled.workspace import Workspace
from connectors.csv.reader import CsvBlock

__all__ = ["convert_strips"]


def convert_strips(
    job: ConverterJob, work: Workspace, block: CsvBlock, asking: Asking
) -> Iterator[tuple[int, int]]:
    """Fill the tables of `work` strip by strip; yield the number of a strip's first row, how many there are.

    `asking` is that of the block. What a row became is certain, or it is ASK. The next strip overwrites all.
    """
    plan, size = job.plan, len(block.data)
    work.load(block.data)
    at = np.zeros(2, np.int64)
    limits = np.array([work.room, plan.row_bytes, plan.program.facts[layout.MAX_ROW]], np.int64)
    first = block.start.row + 1
    while at[0] < size:
        count = scan_strip(
            work.source, size, at, block.delimiter[0], plan.width, limits, work.rows, work.cells
        )
        asking.read_cells(count)
        convert_rows(
            count,
            first,
            work.source,
            bytes_of(asking.text),
            work.rows,
            work.cells,
            work.out,
            work.errors,
            work.texts,
            plan.program,
        )
        asking.judge(count)
        yield first, count
        first += count
