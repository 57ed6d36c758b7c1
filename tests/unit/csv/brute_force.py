"""The CSV grammar once more: byte by byte, in memory, sharing nothing with the code under test."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BruteRow", "brute_force", "first_line"]


@dataclass(frozen=True)
class BruteRow:
    """A row: offsets of its first byte, after its content, after its line end; LFs before it; cells."""

    start: int
    end: int
    after: int
    line: int
    cells: list[tuple[bytes, bool]]
    closed: bool


def brute_force(data: bytes, delimiter: bytes, start: int = 0) -> list[BruteRow]:
    """Read all rows from `start` on."""
    rows: list[BruteRow] = []
    pos, line = start, data[:start].count(b"\n")
    while pos < len(data):
        row = first_line(data, delimiter, pos, line)
        if row.end > row.start:
            rows.append(row)
        line += sum(1 for byte in data[pos : row.after] if byte == 10)
        pos = row.after
    return rows


def first_line(data: bytes, delimiter: bytes, start: int = 0, line: int = 0) -> BruteRow:
    """Read the line at `start`, blank or not."""
    cells: list[tuple[bytes, bool]] = []
    text, quoted, inside, at_start = bytearray(), False, False, True
    pos = start
    while pos < len(data):
        byte = data[pos : pos + 1]
        if inside:
            if byte != b'"':
                text += byte
            elif data[pos + 1 : pos + 2] == b'"':
                text += b'"'
                pos += 1
            else:
                inside = False
        elif byte == b'"' and at_start:
            quoted = inside = True
        elif byte == delimiter:
            cells.append((bytes(text), quoted))
            text, quoted, at_start = bytearray(), False, True
            pos += 1
            continue
        elif byte == b"\n":
            break
        else:
            text += byte
        at_start = False
        pos += 1
    end, after = pos, pos
    if pos < len(data):
        after = pos + 1
        if end > start and data[end - 1 : end] == b"\r":
            end -= 1
            text = text[:-1]
    cells.append((bytes(text), quoted))
    return BruteRow(start, end, after, line, cells, not inside)
