"""What the first line of a CSV file says: its delimiter and its column names."""

from __future__ import annotations

import re

from connectors.api import Position
from connectors.csv.rows import ScanState, parse_cells, scan_row
from connectors.errors import HeaderError, JobCode
from connectors.text.decoding import encoding_hint, encoding_name, undecodable
from connectors.text.lines import content_end
from connectors.text.source import TextSource

__all__ = ["DELIMITERS", "find_delimiter", "parse_header"]

DELIMITERS = (b",", b";", b"\t", b"|")
"""The candidates, the first of equals wins."""

_QUOTED = re.compile(rb'(\A|[,;\t|])"(?:[^"]++|"")*+(?:"|\Z)')
_BARE_CR = re.compile(rb"\r(?!\n)")
_LONGEST_NAME = 100


def find_delimiter(head: bytes) -> bytes:
    """Return the candidate with the most hits outside quotes in the first line of `head`; none: a comma.

    The delimiter is not known yet, so a quote opens at the line's start and after any candidate.
    """
    line, _, _ = head.partition(b"\n")
    if b'"' in line:
        line, _, _ = _QUOTED.sub(rb"\1", head).partition(b"\n")
    return max(DELIMITERS, key=line.count)


def parse_header(
    head: bytes, delimiter: bytes, source: TextSource, start: Position, *, max_bytes: int
) -> tuple[tuple[str, ...], int]:
    """Return the trimmed names of the header that `head` starts with, and how many bytes it takes.

    `head` is the text at `start` of `source`; with at most `max_bytes + 1` bytes it is the text's rest.
    Raises HeaderError with HEADER_MISSING, HEADER_DUPLICATE or ENCODING.
    """
    line = start.line + 1
    end, state = scan_row(head, 0, len(head), delimiter, ScanState.CELL_START)
    size = len(head) if end < 0 else content_end(head, 0, end)
    if size > max_bytes:
        raise HeaderError(
            JobCode.HEADER_MISSING,
            f"the header in line `{line}` is longer than the `{max_bytes}` bytes that a row may have",
            "the first line that is not blank must hold the column names; look for a quote that is not "
            "closed, and end lines with LF or CRLF",
        )
    if end < 0 and state is ScanState.QUOTED:
        raise HeaderError(
            JobCode.HEADER_MISSING,
            f"a quote in the header in line `{line}` is not closed before the file ends",
            'close the quote; a quote inside a quoted name is written twice (`""`)',
        )
    names = _decode(head[:size], delimiter, source, start)
    _check_names(names, line)
    return names, len(head) if end < 0 else end


def _decode(header: bytes, delimiter: bytes, source: TextSource, start: Position) -> tuple[str, ...]:
    line = start.line + 1
    if cr := _BARE_CR.search(header):
        raise HeaderError(
            JobCode.HEADER_MISSING,
            f"the header in line `{line}` has a bare CR "
            f"(byte `{start.byte + source.width(header[: cr.start()])}` of the file)",
            "end lines with LF or CRLF, and keep CR out of column names",
        )
    if (found := undecodable(header, source)) is not None:
        offset, what = found
        raise HeaderError(
            JobCode.ENCODING,
            f"the header in line `{line}` is not valid {encoding_name(source)}: {what} "
            f"(byte `{start.byte + source.width(header[:offset])}` of the file)",
            encoding_hint(source),
        )
    cells = parse_cells(header, delimiter)
    return tuple(cell.text.decode(source.encoding).strip(" \t") for cell in cells)


def _check_names(names: tuple[str, ...], line: int) -> None:
    first: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if not name:
            raise HeaderError(
                JobCode.HEADER_MISSING,
                f"column `{number}` has no name in the header in line `{line}`",
                "give every column a name; if the file has no header line, set the options `header: false` "
                "and `columns`",
            )
        if name in first:
            raise HeaderError(
                JobCode.HEADER_DUPLICATE,
                f"columns `{first[name]}` and `{number}` are both named `{name[:_LONGEST_NAME]}`",
                "give every column a name of its own",
            )
        first[name] = number
