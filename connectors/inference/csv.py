"""The schema of a CSV file: how it is written, then what its columns have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.csv.reader import CsvBlock
from connectors.csv.reference import row_cells
from connectors.csv.rows import split_rows
from connectors.encodings import UTF_8, UTF_16
from connectors.errors import JobCode, JobError
from connectors.inference.cells import NULL_TEXTS, CellProfile, decimal_sign, null_values
from connectors.inference.file import InferredFile
from connectors.model.options import Options

__all__ = ["infer_csv"]

_ENCODINGS = (UTF_8, "cp1252", "iso8859-1")
"""What is tried in turn: the last reads anything."""


@dataclass(slots=True)
class _Pass:
    """The file read once in one encoding. `wrong` of its rows `beyond_ascii` did not decode."""

    columns: tuple[str, ...]
    profiles: list[CellProfile]
    delimiter: bytes = b","
    encoding: str = UTF_8
    beyond_ascii: int = 0
    wrong: int = 0
    rows: int = 0
    cells: list[Counter[str]] = field(default_factory=list)


def infer_csv(file: InferredFile) -> dict[str, Any]:
    """Return the schema of the rows that can be read, and in `x-batch` how they are written."""
    found = _read(file)
    given, options = file.given, file.options
    decimal = options.decimal if "decimal" in given else decimal_sign(found.profiles, found.delimiter)
    nulls = list(options.null_values) if "null_values" in given else null_values(found.profiles, decimal)
    columns = {
        name: profile.schema(decimal, nulls)
        for name, profile in zip(found.columns, found.profiles, strict=True)
    }
    written = {
        "delimiter": found.delimiter.decode() if found.delimiter != b"," else None,
        "encoding": found.encoding if found.encoding != UTF_8 else None,
        "decimal": decimal if decimal != "." else None,
        "null_values": nulls or None,
    }
    return file.schema(columns, found.rows, {name: value for name, value in written.items() if value})


def _read(file: InferredFile) -> _Pass:
    """Read the file in the encoding that is given, else in the first that fits most of its rows."""
    *before, last = [file.options.encoding] if "encoding" in file.given else _ENCODINGS
    for encoding in before:
        try:
            found = _read_in(file, replace(file.options, encoding=encoding))
        except JobError as error:
            if error.code is not JobCode.ENCODING:
                raise
            continue
        if 2 * found.wrong <= found.beyond_ascii:
            return found
    return _read_in(file, replace(file.options, encoding=last))


def _read_in(file: InferredFile, options: Options) -> _Pass:
    null_texts = options.null_values if "null_values" in file.given else NULL_TEXTS
    with file.open(options) as reader:
        columns = reader.columns
        found = _Pass(columns, [CellProfile(null_texts) for _ in columns], encoding=options.encoding)
        for block in file.blocks(reader):
            assert isinstance(block, CsvBlock)
            found.delimiter = block.delimiter
            if block.file_codec.startswith(UTF_16):
                found.encoding = UTF_16
            cells = [Counter[str]() for _ in columns]
            for row in _rows(block, found):
                if len(row) == len(columns):
                    found.rows += 1
                    for counter, cell in zip(cells, row, strict=True):
                        counter[cell] += 1
            for profile, counter in zip(found.profiles, cells, strict=True):
                profile.add(counter)
    return found


def _rows(block: CsvBlock, found: _Pass) -> Iterator[list[str]]:
    """Yield the cells of the rows that decode."""
    for place in split_rows(block.data, block.delimiter):
        row = block.data[place.start : place.end]
        found.beyond_ascii += not row.isascii()
        try:
            text = row.decode(block.encoding)
        except UnicodeDecodeError:
            found.wrong += 1
        else:
            yield row_cells(row, text, block)
