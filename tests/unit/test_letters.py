"""Dead letters through a mended model: which become records, and what is read from the file again."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.api import Converted, Position, Record, SourceReader
from connectors.converters import reference_converter
from connectors.csv.compiled import csv_plan
from connectors.csv.reference import CsvReferenceConverter
from connectors.csv.scattered import ScatteredRows
from connectors.errors import JobCode, JobError, RowCode
from connectors.letters import Letter, LetterConverter, parse_letter
from connectors.model import compile_model
from connectors.model.options import Options
from connectors.registry import PARQUET, detect_file, open_source
from connectors.rejects import RejectOrigin, encode_reject

STRICT: dict[str, Any] = {"properties": {"id": {"type": "integer"}, "name": {"maxLength": 3}}}
MENDED: dict[str, Any] = {"properties": {"id": {"type": "integer"}}}
ORIGIN = RejectOrigin("batch", "abcdefghijkl", 1, "people.csv", "batch_abcdefghijkl")
START = Position()
MAX_ROW_BYTES = 900_000


@dataclass
class File:
    """A file, read as a job reads it; `readers` counts what was opened, and `opened` where again."""

    compiled: ClassVar = False
    path: Path
    options: Options = field(default_factory=Options)
    max_row_bytes: int = MAX_ROW_BYTES
    opened: list[Position] = field(default_factory=list)
    readers: list[SourceReader] = field(default_factory=list)

    def open(self, position: Position = START, block_bytes: int = 4096) -> SourceReader:
        reader = open_source(
            self.path,
            options=self.options,
            block_bytes=block_bytes,
            max_row_bytes=self.max_row_bytes,
            max_decompressed_bytes=10_000_000,
            position=position,
        )
        self.readers.append(reader)
        return reader

    def converter(self, reader: SourceReader, schema: dict[str, Any]) -> Any:
        return reference_converter(
            reader,
            detect_file(self.path),
            compile_model(schema),
            self.options,
            file=self.path.name,
            max_row_bytes=self.max_row_bytes,
        )

    def letters(self, schema: dict[str, Any] = STRICT) -> list[Letter]:
        """The dead letters that a job of the whole file leaves, as they stand in the topic."""
        reader = self.open()
        converter = self.converter(reader, schema)
        found = [
            parse_letter(encode_reject(reject, ORIGIN)[0])
            for block in iter(reader.read_block, None)
            for reject in converter.convert(block).rejects
        ]
        reader.close()
        return found

    def redo(self, schema: dict[str, Any] = MENDED) -> LetterConverter:
        reader = self.open()
        converter = self.converter(reader, schema)
        plan = csv_plan(converter) if isinstance(converter, CsvReferenceConverter) else None
        compiled = ScatteredRows(plan, converter) if self.compiled and plan is not None else None

        def reopen(position: Position) -> SourceReader:
            self.opened.append(position)
            # as a worker does: single rows, but Parquet is read one block after the other
            return self.open(position, 4096 if detect_file(self.path) == PARQUET else 1)

        return LetterConverter(reader, converter, reopen, compiled)

    def again(self, letters: list[Letter], schema: dict[str, Any] = MENDED) -> Converted:
        redo = self.redo(schema)
        try:
            return redo.convert(letters)
        finally:
            redo.close()


@pytest.fixture(params=[False, True], ids=["reference", "compiled"], autouse=True)
def _compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What becomes of letters is the same with the compiled converter."""
    monkeypatch.setattr(File, "compiled", request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


def values(converted: Converted) -> list[tuple[int, bytes]]:
    return [(record.row, record.value) for record in converted.records]


TEXT = 'id,name\n1,ann\n2,"böb; ""x"""\n\n3,carol\n4,dan\n5,"two\nlines"\n'
OF_TEXT = [
    (2, {"id": 2, "name": 'böb; "x"'}),
    (3, {"id": 3, "name": "carol"}),
    (5, {"id": 5, "name": "two\nlines"}),
]
LINES = (
    '{"id": 1, "name": "ann"}\n{"id": 2, "name": "b\\u00f6b; \\"x\\""}\n\n'
    '{"id": 3, "name": "carol"}\n{"id": 4, "name": "dan"}\n{"id": 5, "name": "two\\nlines"}\n'
)


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (TEXT.encode(), Options()),
        (b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").replace("two\r\n", "two\n").encode(), Options()),
        (TEXT.encode("cp1252"), Options(encoding="cp1252")),
        (TEXT.encode("utf-16"), Options()),
        (gzip.compress(TEXT.encode()), Options()),
        (LINES.encode(), Options()),
        (LINES.encode("utf-16"), Options()),
    ],
    ids=["csv", "csv with BOM and CRLF", "cp1252", "utf-16", "gzip", "ndjson", "ndjson in utf-16"],
)
def test_letters_that_hold_their_row_do_not_need_the_file(
    path: Path, content: bytes, options: Options
) -> None:
    path.write_bytes(content)
    file = File(path, options)
    letters = file.letters()
    assert [letter.row for letter in letters] == [2, 3, 5]
    converted = file.again(letters)
    assert [(row, json.loads(value)) for row, value in values(converted)] == OF_TEXT
    assert converted.rejects == []
    assert file.opened == []


def test_what_fails_again_keeps_its_place(path: Path) -> None:
    content = b"id,name\n1,ann\nx,bob\n\ny,carol\n4,daniel\n"
    path.write_bytes(content)
    converted = File(path).again(File(path).letters())
    assert converted.records == [Record(4, None, b'{"id":4,"name":"daniel"}')]
    assert [(r.row, r.line, r.byte_offset, r.raw, r.raw_bytes) for r in converted.rejects] == [
        (2, 3, content.index(b"x,"), b"x,bob", 5),
        (3, 5, content.index(b"y,"), b"y,carol", 7),
    ]
    assert [e.code for r in converted.rejects for e in r.errors] == [RowCode.TYPE, RowCode.TYPE]


LONG = "é" * 200_000  # its JSON is over what a letter holds


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_a_row_that_was_cut_is_read_from_the_file(path: Path, kind: str, encoding: str) -> None:
    if kind == "csv":
        head, row, tail = "id,name\n1,ann\n", f"2,{LONG}", "\n3,bob\n"
    else:
        head, row, tail = '{"id":1}\n', f'{{"id":2,"name":"{LONG}"}}', '\n{"id":3}\n'
    path.write_bytes((head + row + tail).encode(encoding))
    file = File(path, Options(encoding=encoding if encoding == "cp1252" else "utf-8"))
    (letter,) = file.letters()
    assert not letter.whole
    before = (head + row).encode(encoding).removesuffix(row.encode(encoding.replace("16", "16-le")))
    assert values(file.again([letter])) == [(2, f'{{"id":2,"name":"{LONG}"}}'.encode())]
    ((byte, row_number, line),) = [(at.byte, at.row, at.line) for at in file.opened]
    assert (byte, row_number, line) == (len(before), 1, head.count("\n"))


def test_a_cut_row_of_a_compressed_file(path: Path) -> None:
    path.write_bytes(gzip.compress(f"id,name\n1,ann\n2,{LONG}\n3,{LONG}\n4,bob\n".encode()))
    file = File(path)
    converted = file.again(file.letters())
    assert values(converted) == [(n, f'{{"id":{n},"name":"{LONG}"}}'.encode()) for n in (2, 3)]
    assert len(file.opened) == 2


def test_bytes_that_did_not_decode_under_another_encoding(path: Path) -> None:
    path.write_bytes("id,name\n1,ann\n2,Müller\n3,bob\n".encode("cp1252"))
    (letter,) = File(path).letters(MENDED)
    assert (letter.text, letter.raw) == (False, b"2,M\xfcller")
    again = File(path, Options(encoding="cp1252"))
    assert values(again.again([letter])) == [(2, '{"id":2,"name":"Müller"}'.encode())]
    assert again.opened == []
    converted = File(path).again([letter])
    assert [(r.raw, r.errors[0].code) for r in converted.rejects] == [(b"2,M\xfcller", RowCode.ENCODING)]


def test_half_a_character_of_utf_16_is_read_from_the_file(path: Path) -> None:
    row = "2,".encode("utf-16-le") + b"\x3c\xd8"
    path.write_bytes("id,name\n1,ann\n".encode("utf-16") + row + "\n3,bob\n".encode("utf-16-le"))
    file = File(path)
    (letter,) = file.letters(MENDED)
    assert (letter.text, letter.raw) == (False, row)
    (still,) = file.again([letter]).rejects
    assert (still.row, still.raw, still.errors[0].code) == (2, row, RowCode.ENCODING)
    assert [at.byte for at in file.opened] == [2 + 2 * len("id,name\n1,ann\n")]


def test_text_that_the_file_has_otherwise_is_read_there(path: Path) -> None:
    """Read as cp1252 the euro has one byte; under utf-8 that letter's text is not what stands in the file."""
    path.write_bytes(b"id,name\n1,ann\n2,\x80\x80\x80\x80\n")
    (letter,) = File(path, Options(encoding="cp1252")).letters()
    assert letter.raw.decode() == "2,€€€€"
    latin = File(path, Options(encoding="iso8859-1"))
    assert values(latin.again([letter])) == [(2, '{"id":2,"name":"\x80\x80\x80\x80"}'.encode())]
    assert [at.byte for at in latin.opened] == [14]


def test_an_open_quote_and_a_row_too_large_are_asked_of_the_file(path: Path) -> None:
    path.write_bytes(b'id,name\n1,"' + b"x" * 2000 + b'"\n2,"open\n3,bob\n')
    small = File(path, max_row_bytes=1000)
    letters = small.letters(MENDED)
    codes = [RowCode.ROW_TOO_LARGE, RowCode.UNCLOSED_QUOTE]
    assert [letter.errors[0].code for letter in letters] == codes
    same = small.again(letters)
    assert [r.errors[0].code for r in same.rejects] == codes
    larger = File(path)
    converted = larger.again(letters)
    assert values(converted) == [(1, b'{"id":1,"name":"' + b"x" * 2000 + b'"}')]
    (still,) = converted.rejects
    assert (still.errors[0].code, still.row, still.line) == (RowCode.UNCLOSED_QUOTE, 2, 3)
    assert still.raw == b'2,"open\n3,bob\n'
    assert len(larger.opened) == 2


def test_a_letter_is_one_row_whatever_the_options_are_now(path: Path) -> None:
    """With another delimiter the quote no longer opens a cell, and the raw row would be two."""
    path.write_bytes(b'id,name\n1,"a b\nc d"\n')
    (letter,) = File(path).letters()
    now = File(path, Options(delimiter=";"))
    converted = now.again([letter], {})
    assert values(converted) == [(1, b'{"id,name":"1,\\"a b"}')]
    assert converted.rejects == []
    assert len(now.opened) == 1


# --- Parquet --------------------------------------------------------------------------------------------


def parquet(rows: int, group: int) -> bytes:
    out = io.BytesIO()
    names = [f"name {n}" if n % 10 == 3 else "ok" for n in range(1, rows + 1)]
    table = pa.table({"id": list(range(1, rows + 1)), "name": names, "price": [0.1] * rows})
    pq.write_table(table, out, row_group_size=group)
    return out.getvalue()


def test_rows_of_parquet_come_from_the_file_forward_in_one_reading(path: Path) -> None:
    path.write_bytes(parquet(1000, 300))
    file = File(path)
    letters = file.letters()
    assert [letter.row for letter in letters] == list(range(3, 1000, 10))
    assert {(letter.line, letter.byte_offset) for letter in letters} == {(None, None)}
    redo = file.redo()
    found = [value for part in (letters[:60], letters[60:]) for value in values(redo.convert(part))]
    redo.close()
    assert found == [(n, b'{"id":%d,"name":"name %d","price":0.1}' % (n, n)) for n in range(3, 1000, 10)]
    assert file.opened == [START]


def test_a_row_of_parquet_before_the_last_one_begins_the_reading_again(path: Path) -> None:
    path.write_bytes(parquet(100, 33))
    file = File(path)
    letters = {letter.row: letter for letter in file.letters()}
    wanted = [93, 43, 33, 33, 53]  # 33 is the last row of its block, 43 lies in the next
    assert [row for row, _ in values(file.again([letters[row] for row in wanted]))] == wanted
    assert file.opened == [START, START, START]


# --- a file that is another one, and the end ------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_a_row_that_is_not_in_the_file_fails_the_job(path: Path, kind: str) -> None:
    contents = {"csv": TEXT.encode(), "ndjson": LINES.encode(), "parquet": parquet(40, 20)}
    path.write_bytes(contents[kind])
    file = File(path)
    letter = file.letters()[0]
    end = None if letter.byte_offset is None else len(contents[kind])
    beyond = replace(letter, row=41, byte_offset=end, whole=False)
    with pytest.raises(JobError) as raised:
        file.again([beyond])
    assert raised.value.code is JobCode.FILE_CHANGED
    assert "row `41` of a dead letter is not in the file" in raised.value.message
    far = replace(beyond, byte_offset=None if end is None else end + 1)
    with pytest.raises(JobError) as raised:
        file.again([far])
    assert raised.value.code is JobCode.FILE_CHANGED


@pytest.mark.parametrize(
    "content", [f"id,name\n1,{LONG}\n".encode(), parquet(40, 20)], ids=["csv", "parquet"]
)
def test_everything_that_was_opened_is_closed(
    path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(content)
    file = File(path)
    letters = file.letters()
    file.readers.clear()
    closed: set[int] = set()
    redo = file.redo()
    for reader in file.readers:
        _watch(reader, closed, monkeypatch)
    made = file.open

    def watched(*args: Any, **options: Any) -> SourceReader:
        reader = made(*args, **options)
        _watch(reader, closed, monkeypatch)
        return reader

    monkeypatch.setattr(file, "open", watched)
    redo.convert([*letters, letters[0]])
    redo.close()
    assert len(file.readers) > 1
    assert closed == set(map(id, file.readers))


def _watch(reader: SourceReader, closed: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    close = reader.close

    def recorded() -> None:
        closed.add(id(reader))
        close()

    monkeypatch.setattr(reader, "close", recorded)
