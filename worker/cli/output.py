"""What people and programs see: JSON and NDJSON on stdout, words, tables and bars on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from worker.cli.errors import CliError
from worker.cli.jsontext import pretty

__all__ = [
    "Bar",
    "amount",
    "note",
    "print_array",
    "print_deleted",
    "print_error",
    "print_json",
    "print_lines",
    "print_table",
]

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def print_json(text: str) -> None:
    """Print JSON, indented."""
    print_lines([pretty(text).encode()])


def print_array(items: Sequence[str]) -> None:
    """Print JSON values as one indented array."""
    print_json(f"[{','.join(items)}]")


def print_deleted(name: str) -> None:
    """Print what was deleted."""
    print_json(json.dumps({"deleted": name}))


def print_lines(lines: Sequence[bytes]) -> None:
    """Print lines as they are, at once. Raises BrokenPipeError when nobody reads them any more."""
    out = sys.stdout.buffer
    out.write(b"".join(line + b"\n" for line in lines))
    out.flush()


def print_error(error: CliError) -> None:
    """Say what went wrong and what to do."""
    note(f"error: {error.message}" + (f" ({error.code})" if error.code else ""))
    note(f"hint: {error.hint}")


def note(text: str) -> None:
    """Print a line for people."""
    print(_harmless(text), file=sys.stderr, flush=True)


def print_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table if stderr is a terminal."""
    if not sys.stderr.isatty():
        return
    cells = [list(head), *([_harmless("" if cell is None else str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(_fitting(line.rstrip()), file=sys.stderr)


class Bar:
    """One line of progress on a terminal's stderr, drawn over itself. Elsewhere nothing."""

    def __init__(self) -> None:
        self._drawn = False
        self._on = sys.stderr.isatty()

    def show(self, done: int, whole: int, text: str) -> None:
        """Draw the part `done` of `whole`, and `text` behind it."""
        if not self._on:
            return
        share = min(done / whole, 1.0) if whole else 1.0
        filled = round(20 * share)
        line = f"[{'#' * filled}{'.' * (20 - filled)}] {share:4.0%}  {_harmless(text)}"
        print(f"\r\x1b[K{_fitting(line)}", end="", file=sys.stderr, flush=True)
        self._drawn = True

    def clear(self) -> None:
        """Take the line away."""
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._drawn = False


def amount(size: Any) -> str:
    """Return bytes in the unit that people read: `1.5 MiB`."""
    value = float(size)
    for unit in _UNITS[:-1]:
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} {_UNITS[-1]}"


def _harmless(text: str) -> str:
    """Take away what could steer a terminal: a file may be named so."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _fitting(line: str) -> str:
    columns = os.get_terminal_size(sys.stderr.fileno()).columns or 80  # 0: the terminal does not say
    return line[: columns - 1]
