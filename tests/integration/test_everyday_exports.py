"""Exports as people have them, on a real worker: each comes out right with a model and its options alone.

What must come out is computed from the rows that the test writes, with plain Python.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from tests.conftest import ROOT, Broker
from tests.harness import Topics, WorkerProcess

pytestmark = pytest.mark.broker

Row = dict[str, Any]

INVOICE: dict[str, Any] = {
    "properties": {
        "Nr": {"type": "integer"},
        "Kunde": {"type": "string"},
        "Betrag": {"type": ["number", "null"]},
        "Währung": {"enum": ["€", "£"]},
        "Bemerkung": {"type": "string"},
    },
    "required": ["Nr", "Betrag"],
}
INVOICES: list[Row] = [
    {"Nr": 1, "Kunde": "Müller & Söhne", "Betrag": Decimal("1234.50"), "Währung": "€", "Bemerkung": ""},
    {"Nr": 2, "Kunde": "Weiß; Groß", "Betrag": Decimal("-0.07"), "Währung": "€", "Bemerkung": "zwei\nZeilen"},
    {"Nr": 3, "Kunde": 'Café "Zur Post"', "Betrag": None, "Währung": "£", "Bemerkung": "a;b\tc\r\nd"},
    *(
        {
            "Nr": n,
            "Kunde": f"Käufer {n}",
            "Betrag": Decimal(f"{n * 1.25:.2f}"),
            "Währung": "€",
            "Bemerkung": "–",
        }
        for n in range(4, 2004)
    ),
]


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(
        tmp_path_factory.mktemp("exports"),
        broker.address,
        f"exports{random.randrange(10**9)}",
        converter="compiled",
    )
    worker.start()
    yield worker
    worker.close()


def table(rows: Sequence[Row], delimiter: str = ",", decimal: str = ".", line_end: str = "\r\n") -> str:
    """Write rows as a spreadsheet does; None is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=line_end)
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow(
            str(cell).replace(".", decimal) if isinstance(cell, Decimal) else cell for cell in row.values()
        )
    return out.getvalue()


def read(values: Sequence[bytes]) -> list[str]:
    """The records with the order of their keys and the digits of their numbers."""
    return [repr(json.loads(value, parse_float=Decimal)) for value in values]


def delivered(topics: Topics, job: Row, rows: Sequence[Row], rejected: int = 0) -> None:
    """The job completed, and its topic has exactly these rows."""
    assert (job["state"], job["error"]) == ("COMPLETED", None)
    assert (job["rows_delivered"], job["rows_rejected"]) == (len(rows), rejected)
    assert read(topics.values(job["topic"])) == list(map(repr, rows))


def uploaded(worker: WorkerProcess, model: str, name: str, content: bytes, **options: str) -> Row:
    status, job = worker.upload(model, name, content, **options)
    assert status == 202, job
    return worker.wait_ended(job["job_id"])


def dropped(worker: WorkerProcess, model: str, name: str, content: bytes, folders: str = "") -> Row:
    worker.drop(name, content, f"{model}/{folders}".rstrip("/"))
    return worker.wait_ended(worker.wait_job(f"{folders}/{name}".lstrip("/"))["job_id"])


def sent(worker: WorkerProcess, model: str, path: Path, *options: str) -> Row:
    """`batch job create MODEL FILE --option …`."""
    argv = [word for option in options for word in ("--option", option)]
    code, out, said = worker.batch("job", "create", model, str(path), *argv, "--wait")
    assert code == 0, said
    job: Row = json.loads(out)
    return job


# --- a spreadsheet's CSV --------------------------------------------------------------------------------

EXCEL = table(INVOICES, ";", ",").encode("cp1252")
EXCEL_OPTIONS = {"delimiter": ";", "encoding": "cp1252", "decimal": ","}


def test_a_spreadsheet_in_the_drop_folder(worker: WorkerProcess, topics: Topics) -> None:
    worker.create_model("dropped-invoices", {**INVOICE, "x-batch": EXCEL_OPTIONS})
    delivered(topics, dropped(worker, "dropped-invoices", "rechnungen.csv", EXCEL), INVOICES)


def test_a_spreadsheet_with_the_options_of_the_request(
    worker: WorkerProcess, topics: Topics, tmp_path: Path
) -> None:
    worker.create_model("invoices", INVOICE)
    delivered(topics, uploaded(worker, "invoices", "form.csv", EXCEL, **EXCEL_OPTIONS), INVOICES)
    (tmp_path / "cli.csv").write_bytes(EXCEL)
    options = [f"{name}={value}" for name, value in EXCEL_OPTIONS.items()]
    delivered(topics, sent(worker, "invoices", tmp_path / "cli.csv", *options), INVOICES)


def test_separators_of_thousands_are_no_numbers(worker: WorkerProcess, topics: Topics) -> None:
    worker.create_model("dots", {**INVOICE, "x-batch": EXCEL_OPTIONS})
    lines = ["4;Größe;1.234,5;€;so zeigt es die Zelle", "5;Maß;1.5;€;ein Punkt", "6;Öl;1,5;€;"]
    content = "\r\n".join(["Nr;Kunde;Betrag;Währung;Bemerkung", *lines]).encode("cp1252")
    job = uploaded(worker, "dots", "dots.csv", content)
    right = {"Nr": 6, "Kunde": "Öl", "Betrag": Decimal("1.5"), "Währung": "€", "Bemerkung": ""}
    delivered(topics, job, [right], rejected=2)
    for number, value in enumerate(topics.values(job["dlq_topic"])):
        letter = json.loads(value)
        assert [(e["column"], e["code"]) for e in letter["errors"]] == [("Betrag", "TYPE")]
        assert (letter["row"], letter["line"]) == (number + 1, number + 2)
        assert (letter["raw"], letter["raw_encoding"]) == (lines[number], "utf-8")
        assert letter["raw_bytes"] == len(lines[number].encode("cp1252"))
        assert letter["byte_offset"] == content.index(lines[number].encode("cp1252"))


def test_the_wrong_encoding_says_which_option(worker: WorkerProcess) -> None:
    worker.create_model("unset", INVOICE)
    job = uploaded(worker, "unset", "unset.csv", EXCEL, delimiter=";", decimal=",")
    assert (job["state"], job["error"]["code"], job["rows_read"]) == ("FAILED", "ENCODING", 0)
    assert "option `encoding`" in job["error"]["hint"]
    assert "`cp1252`" in job["error"]["hint"]


# --- UTF-16 ---------------------------------------------------------------------------------------------

WIDE = [*INVOICES, {**INVOICES[0], "Nr": 9999, "Kunde": "Łódź 🦊 東京"}]
UTF_16 = {
    "little": codecs.BOM_UTF16_LE + table(WIDE, "\t").encode("utf-16-le"),
    "big": codecs.BOM_UTF16_BE + table(WIDE, "\t").encode("utf-16-be"),
}


@pytest.mark.parametrize("end", UTF_16)
def test_tabs_and_utf_16_without_any_option(
    worker: WorkerProcess, topics: Topics, tmp_path: Path, end: str
) -> None:
    worker.create_model("unicode", INVOICE)
    name = f"unicode-{end}.txt"
    (tmp_path / name).write_bytes(UTF_16[end])
    delivered(topics, dropped(worker, "unicode", name, UTF_16[end]), WIDE)
    delivered(topics, sent(worker, "unicode", tmp_path / name, "delimiter=tab"), WIDE)


def test_a_reject_of_utf_16_is_readable_and_has_its_place(worker: WorkerProcess, topics: Topics) -> None:
    worker.create_model("unicode", INVOICE)
    head = table(WIDE, "\t")
    bad = "zehn\tČapek 🦊\t1\t€\t"
    content = codecs.BOM_UTF16_LE + (head + bad).encode("utf-16-le")
    job = uploaded(worker, "unicode", "bad.txt", content)
    delivered(topics, job, WIDE, rejected=1)
    letter = json.loads(topics.values(job["dlq_topic"])[0])
    assert (letter["raw"], letter["raw_encoding"]) == (bad, "utf-8")
    assert letter["raw_bytes"] == len(bad.encode("utf-16-le"))
    assert letter["byte_offset"] == 2 + len(head.encode("utf-16-le"))
    assert (letter["row"], letter["line"]) == (len(WIDE) + 1, head.count("\n") + 1)


# --- compressed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "pack", "format"),
    [("gz", gzip.compress, "csv+gzip"), ("zst", zstd.compress, "csv+zstd")],
)
def test_compressed_csv(
    worker: WorkerProcess, topics: Topics, suffix: str, pack: Callable[[bytes], bytes], format: str
) -> None:
    worker.create_model("packed", INVOICE)
    content = pack(table(INVOICES, line_end="\n").encode())
    job = dropped(worker, "packed", f"orders.csv.{suffix}", content)
    delivered(topics, job, INVOICES)
    assert (job["format"], job["size_bytes"], job["bytes_read"]) == (format, len(content), len(content))
    # by its content, not by its name, and under the options as any other file
    job = uploaded(worker, "packed", f"orders-{suffix}.csv", pack(EXCEL), **EXCEL_OPTIONS)
    delivered(topics, job, INVOICES)


# --- NDJSON ---------------------------------------------------------------------------------------------

EVENT: dict[str, Any] = {
    "properties": {"id": {"type": "integer"}, "price": {"type": ["number", "null"]}},
    "required": ["id"],
}
EVENTS: list[Row] = [
    {"id": 1, "price": 2.5, "tags": ["a", "b c"], "place": {"city": "Köln", "at": [50.9, 6.9]}},
    {"price": None, "id": 2, "note": 'say "hi"\n🦊'},
    *({"id": n, "price": n / 4, "ok": n % 2 == 0} for n in range(3, 1500)),
]


def test_ndjson(worker: WorkerProcess, topics: Topics, tmp_path: Path) -> None:
    worker.create_model("events", EVENT)
    # escapes, and the white space that json.dumps writes
    content = "".join(json.dumps(event) + "\n" for event in EVENTS).encode()
    expected = [json.loads(json.dumps(event), parse_float=Decimal) for event in EVENTS]
    job = dropped(worker, "events", "events.ndjson", content)
    delivered(topics, job, expected)
    assert job["format"] == "ndjson"
    bad = b'{"id": "three"}\n{"id": 4,}\n'
    (tmp_path / "events.jsonl").write_bytes(bad + content)
    sent_job = sent(worker, "events", tmp_path / "events.jsonl", "key=id")
    delivered(topics, sent_job, expected, rejected=2)
    keys = [record.key() for record in topics.read(sent_job["topic"])]
    assert keys == [str(event["id"]).encode() for event in EVENTS]
    letters = [json.loads(value) for value in topics.values(sent_job["dlq_topic"])]
    errors = [(e["column"], e["code"]) for letter in letters for e in letter["errors"]]
    assert errors == [("id", "TYPE"), (None, "TYPE")]
    assert "at character 10" in letters[1]["errors"][0]["message"]
    assert [letter["raw"].encode() for letter in letters] == bad.splitlines()


# --- a tree of folders ----------------------------------------------------------------------------------


def test_a_tree_of_folders(worker: WorkerProcess, topics: Topics, tmp_path: Path) -> None:
    schema = {"properties": {"id": {"type": "integer"}, "year": {"type": "integer"}}, "required": ["year"]}
    options = {"partition_columns": True, "record_headers": "row", "key": "month"}
    worker.create_model("tree", {**schema, "x-batch": options})
    for month in ("05", "06"):
        rows = [{"id": n, "name": f"{month}-{n}"} for n in range(50)]
        folders = f"year=2024/month={month}"
        job = dropped(worker, "tree", "part-0.csv", table(rows).encode(), folders)
        assert job["file"] == f"{folders}/part-0.csv"
        delivered(topics, job, [{**row, "year": 2024, "month": month} for row in rows])
        for number, record in enumerate(topics.read(job["topic"]), start=1):
            assert record.key() == month.encode()
            assert dict(record.headers()) == {
                "batch.job_id": job["job_id"].encode(),
                "batch.file": f"{folders}/part-0.csv".encode(),
                "batch.row": str(number).encode(),
            }
    # without the option folders are only where the file comes from
    worker.create_model("plain-tree", {"properties": schema["properties"]})
    job = dropped(worker, "plain-tree", "part-1.csv", b"id\n7\n", "year=2024/month=05")
    delivered(topics, job, [{"id": 7}])
    (tmp_path / "part-2.csv").write_bytes(b"id\n8\n")
    none = sent(worker, "plain-tree", tmp_path / "part-2.csv", "partition_columns=true")
    delivered(topics, none, [{"id": 8}])


# --- the penguins ---------------------------------------------------------------------------------------

PENGUINS = ROOT / "samples/penguins.csv"
WORDS = ("species", "island", "sex")


def test_the_penguins_without_a_reject(worker: WorkerProcess, topics: Topics) -> None:
    schema = json.loads((ROOT / "schemas/penguins.json").read_text())
    worker.create_model("penguins", schema)
    worker.create_model("dropped-penguins", {**schema, "x-batch": {"null_values": ["NA"]}})
    with PENGUINS.open(newline="") as file:
        rows = [
            {
                name: None
                if cell == "NA"
                else cell
                if name in WORDS
                else json.loads(cell, parse_float=Decimal)
                for name, cell in row.items()
            }
            for row in csv.DictReader(file)
        ]
    assert (len(rows), sum(None in row.values() for row in rows)) == (344, 11)
    delivered(topics, dropped(worker, "dropped-penguins", "penguins.csv", PENGUINS.read_bytes()), rows)
    form = uploaded(worker, "penguins", "form.csv", PENGUINS.read_bytes(), null_values='["NA"]')
    delivered(topics, form, rows)
    delivered(topics, sent(worker, "penguins", PENGUINS, 'null_values=["NA"]'), rows)


# --- what is not read -----------------------------------------------------------------------------------


def archive(*members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for member in members:
            file.writestr(member, f"<{member}/>")
    return out.getvalue()


REFUSED = {
    "export.zip": (archive("a.csv", "b.csv"), "a ZIP archive", "unpack it and submit each file inside"),
    "export.xlsx": (
        archive("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml", "xl/worksheets/sheet1.xml"),
        "an Excel workbook",
        "export it as CSV, NDJSON or Parquet and submit that",
    ),
}
SUPPORTED = "supported are CSV, NDJSON and Parquet, CSV and NDJSON also with gzip or zstd"


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_what_to_do_instead(worker: WorkerProcess, tmp_path: Path, name: str) -> None:
    content, kind, advice = REFUSED[name]
    worker.create_model("refusing", INVOICE)
    status, problem = worker.upload("refusing", name, content)
    assert (status, problem["code"], problem["hint"]) == (400, "UNSUPPORTED_FILE_TYPE", advice)
    assert kind in problem["detail"]
    assert SUPPORTED in problem["detail"]
    (tmp_path / name).write_bytes(content)
    code, out, said = worker.batch("job", "create", "refusing", str(tmp_path / name))
    assert (code, out) == (1, "")
    assert all(text in said for text in (kind, SUPPORTED, advice, "(UNSUPPORTED_FILE_TYPE)"))
    job = dropped(worker, "refusing", name, content)
    assert (job["state"], job["error"]["code"]) == ("FAILED", "UNSUPPORTED_FILE_TYPE")
    assert kind in job["error"]["message"]
    assert SUPPORTED in job["error"]["message"]
    assert job["error"]["hint"] == advice
