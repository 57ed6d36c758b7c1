"""One block through the kernels that convert, strip by strip."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.compiled.asking import Asking
from connectors.compiled.kernels.layout import bytes_of
from connectors.compiled.kernels.rows import convert_rows
from connectors.compiled.plan import Plan
from connectors.compiled.strips import Strips
from connectors.compiled.workspace import Workspace

__all__ = ["convert_strips"]


def convert_strips(
    plan: Plan, work: Workspace, strips: Strips, asking: Asking, first: int
) -> Iterator[tuple[int, int]]:
    """Fill the tables of `work` strip by strip; yield the number of a strip's first row, how many there are.

    `asking` is that of the block, whose first row is `first`. What a row became is certain, or it is ASK. The
    next strip overwrites all.
    """
    while count := strips.next():
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
