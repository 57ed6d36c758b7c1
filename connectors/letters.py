"""Dead letters through the model again: each as the row of the file that it was.

The raw row of a letter is what the converter gets; one that the letter does not hold whole, or as its file
has it, is read from the file again. Rows of Parquet always are: their types are not in the letter.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from connectors.api import Block, Converted, Converter, Position, Record, Reject, RowError, SourceReader
from connectors.csv.reader import CsvReader
from connectors.csv.scattered import ScatteredRows
from connectors.errors import JobCode, JobError, RowCode
from connectors.ndjson.reader import NdjsonReader

__all__ = ["Letter", "LetterConverter", "parse_letter"]

# where such a row ends, only the reader of the whole file can tell
_FROM_FILE = frozenset({RowCode.UNCLOSED_QUOTE, RowCode.ROW_TOO_LARGE})


@dataclass(frozen=True, slots=True)
class Letter:
    """A RejectedRow as far as its row is concerned. `text`: `raw` is text, else the file's bytes."""

    row: int
    line: int | None
    byte_offset: int | None
    errors: tuple[RowError, ...]
    raw: bytes
    text: bool
    whole: bool

    @property
    def told(self) -> bool:
        """Whether the letter has its whole row, as far as can be seen without the file."""
        return self.whole and not any(error.code in _FROM_FILE for error in self.errors)

    @property
    def start(self) -> Position:
        """Where the row starts; the block is not known, and not the first."""
        line = 0 if self.line is None else self.line - 1
        return Position(byte=self.byte_offset or 0, row=self.row - 1, line=line, block=1)


def parse_letter(value: bytes) -> Letter:
    """Read a RejectedRow (contract §3)."""
    raw = json.loads(value)
    text = raw["raw_encoding"] == "utf-8"
    return Letter(
        row=raw["row"],
        line=raw["line"],
        byte_offset=raw["byte_offset"],
        errors=tuple(RowError(e["column"], RowCode(e["code"]), e["message"]) for e in raw["errors"]),
        raw=raw["raw"].encode() if text else base64.b64decode(raw["raw"]),
        text=text,
        whole=not raw["raw_truncated"],
    )


class LetterConverter:
    """Converts letters with the converter of their file. Blocking; for one thread at a time.

    `compiled` rows of CSV are converted at once as far as it is certain of them, the others one by one.
    `reader` is open at the file's start; `reopen` opens another one at a position, whose blocks are single
    rows (None: the formats that need it are not read that way). Close it after use.
    """

    def __init__(
        self,
        reader: SourceReader,
        converter: Converter,
        reopen: Callable[[Position], SourceReader],
        compiled: ScatteredRows | None = None,
    ) -> None:
        self._reader = reader
        self._converter = converter
        self._reopen = reopen
        self._compiled = compiled
        self._rows: _RowFinder | None = None

    def convert(self, letters: Sequence[Letter]) -> Converted:
        """Return what becomes of the letters. Raises JobError when the file has to be read, and cannot be."""
        records: list[Record] = []
        rejects: list[Reject] = []
        for letter, record in zip(letters, self._certain(letters), strict=True):
            if record is not None:
                records.append(record)
                continue
            converted = self._converter.convert(self._block(letter))
            if len(converted.records) + len(converted.rejects) != 1:
                # under the options of now the raw row is several: the file says what the row is
                converted = self._converter.convert(self._from_file(letter))
            records += converted.records[:1]
            rejects += converted.rejects[:1]
        return Converted(records, rejects)

    def close(self) -> None:
        self._reader.close()
        if self._rows is not None:
            self._rows.close()

    def _certain(self, letters: Sequence[Letter]) -> list[Record | None]:
        """Return the records of letters whose rows the compiled converter is certain of."""
        records: list[Record | None] = [None] * len(letters)
        told = [place for place, letter in enumerate(letters) if letter.told]
        if self._compiled is None or not told or not isinstance(self._reader, CsvReader):
            return records
        first = letters[told[0]]
        like = self._reader.row_block(first.start, first.raw, text=first.text)
        if like is None:
            return records
        rows = [letters[place] for place in told]
        certain = self._compiled.records([row.row for row in rows], [row.raw for row in rows], like)
        for place, record in zip(told, certain, strict=True):
            records[place] = record
        return records

    def _block(self, letter: Letter) -> Block:
        reader = self._reader
        if letter.told and isinstance(reader, CsvReader | NdjsonReader):
            block = reader.row_block(letter.start, letter.raw, text=letter.text)
            if block is not None:
                return block
        return self._from_file(letter)

    def _from_file(self, letter: Letter) -> Block:
        """Read the row where it stands. Letters come in file order, but a seek is as good."""
        if not isinstance(self._reader, CsvReader | NdjsonReader):
            return self._from_parquet(letter)
        reader = self._reopen(letter.start)
        try:
            block = reader.read_block()
        finally:
            reader.close()
        if block is None:
            raise _not_in_file(letter)
        return block

    def _from_parquet(self, letter: Letter) -> Block:
        if self._rows is None or self._rows.behind(letter.row):
            if self._rows is not None:
                self._rows.close()
            self._rows = _RowFinder(self._reopen(Position()))
        return self._rows.find(letter)


class _RowFinder:
    """Reads a Parquet file forward, and hands out single rows of it."""

    def __init__(self, reader: SourceReader) -> None:
        self._reader = reader
        self._block = reader.read_block()

    def behind(self, row: int) -> bool:
        """Whether data row `row` (from 1) lies before what is read now."""
        return self._block is None or row <= self._block.start.row

    def find(self, letter: Letter) -> Block:
        from connectors.parquet.reader import ParquetBlock  # pyarrow loads only where it is needed

        while self._block is not None and letter.row > self._block.end.row:
            self._block = self._reader.read_block()
        block = self._block
        if block is None or self.behind(letter.row):
            raise _not_in_file(letter)
        assert isinstance(block, ParquetBlock)
        index = letter.row - 1 - block.start.row
        start = replace(block.start, row=letter.row - 1)
        return replace(block, start=start, batch=block.batch.slice(index, 1))

    def close(self) -> None:
        self._reader.close()


def _not_in_file(letter: Letter) -> JobError:
    return JobError(
        JobCode.FILE_CHANGED,
        f"row `{letter.row}` of a dead letter is not in the file",
        "the file is not the one that the job began with; submit it as a new job",
    )
