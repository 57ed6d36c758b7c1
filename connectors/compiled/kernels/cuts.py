"""Where the rows of a text end: the grammar of `connectors.csv.rows`, from one LF or quote to the next."""

from __future__ import annotations

from connectors.compiled.kernels.chunks import line_or_quote
from connectors.compiled.kernels.jit import entry
from connectors.compiled.kernels.layout import Text

__all__ = ["cut_text"]

_LF, _CR, _QUOTE = 10, 13, 34


@entry
def cut_text(data: Text, stop: int, ends: bool, delimiter: int) -> tuple[int, int, int]:
    """Return how many of the first `stop` bytes are whole rows, and how many rows and LFs these have.

    `data` starts with a row. `ends`: the text ends at `stop`, so what follows the last LF is a row, too,
    unless a quote is open in it.
    """
    start = rows = lines = within = i = 0
    quoted = False
    while True:
        i = line_or_quote(data, i, stop)
        if i == stop:
            break
        if data[i] == _LF:
            i, within = i + 1, within + 1
            if not quoted:
                blank = i - start == 1 or (i - start == 2 and data[start] == _CR)
                rows, lines = rows + (not blank), lines + within
                start, within = i, 0
        elif not quoted:
            quoted = i == start or data[i - 1] == delimiter
            i += 1
        elif i + 1 < stop and data[i + 1] == _QUOTE:
            i += 2
        else:
            quoted, i = False, i + 1
    if ends and start < stop and not quoted:
        return stop, rows + 1, lines + within
    return start, rows, lines
