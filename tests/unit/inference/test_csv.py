"""Schemas of CSV files: types, nulls, formats, enums, and how the file is written."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import JobCode, JobError
from connectors.inference import InferenceStoppedError, infer_schema
from connectors.model.formats import FORMATS
from tests.unit.inference.files import convert, infer, values

ROOT = Path(__file__).parents[3]


def written(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    return path


def column(tmp_path: Path, *cells: str) -> tuple[dict[str, Any], bool, dict[str, Any]]:
    """Return the schema of a column of these cells, whether it is required, and the options found."""
    path = written(tmp_path, "c;n\n" + "".join(f"{cell};x{n}\n" for n, cell in enumerate(cells)))
    schema = infer(path)
    values(path, schema)
    options = schema["x-batch"]
    assert options.pop("delimiter") == ";"
    return schema["properties"]["c"], "c" in schema["required"], options


@pytest.mark.parametrize(
    ("cells", "schema"),
    [
        (["1", "-20", "0"], {"type": "integer"}),
        (["123456789012345678901234567890"], {"type": "integer"}),
        ([" 1", "2 "], {"type": "integer"}),
        (["007", "12"], {"type": "string"}),
        (["-007"], {"type": "string"}),
        (["+49", "12"], {"type": "string"}),
        (["1", "2.5"], {"type": "number"}),
        (["1.10", ".5", "5.", "-0.5", "1e3"], {"type": "number"}),
        (["1e999", "2"], {"type": "string"}),
        (["00.5"], {"type": "string"}),
        (["1_000"], {"type": "string"}),
        (["true", "FALSE", "True"], {"type": "boolean"}),
        (["1", "true"], {"type": "string"}),
        (["yes", "no"], {"type": "string"}),
        (['{"a":1}', "{}"], {"type": "object"}),
        (["[1]", "[]"], {"type": "array"}),
        (["[1]", "{}"], {"type": "string"}),
        (["[1e999]"], {"type": "string"}),
        (["[1"], {"type": "string"}),
        (["2024-02-29", "2023-12-31"], {"type": "string", "format": "date"}),
        (["2023-02-29"], {"type": "string"}),
        (["2024-01-01T00:00:00Z"], {"type": "string", "format": "date-time"}),
        (["2024-01-01 00:00:00"], {"type": "string"}),
        (["10:00:00Z"], {"type": "string", "format": "time"}),
        (["a@example.org"], {"type": "string", "format": "email"}),
        (["123e4567-e89b-12d3-a456-426614174000"], {"type": "string", "format": "uuid"}),
        (["127.0.0.1", "10.1.2.3"], {"type": "string", "format": "ipv4"}),
        (["::1", "fe80::"], {"type": "string", "format": "ipv6"}),
        (["127.0.0.1", "::1"], {"type": "string"}),
        (["2024-02-29", " 2024-02-29"], {"type": "string"}),
    ],
)
def test_types_and_formats(tmp_path: Path, cells: list[str], schema: dict[str, Any]) -> None:
    assert column(tmp_path, *cells) == (schema, True, {})


@pytest.mark.parametrize(
    ("cells", "schema", "nulls"),
    [
        (["1", "", "3"], {"type": ["integer", "null"]}, None),
        (["1", "  ", "3"], {"type": ["integer", "null"]}, None),
        (["a", "", "b"], {"type": ["string", "null"]}, None),
        (["", ""], {"type": ["string", "null"]}, None),
        (["2024-02-29", ""], {"type": ["string", "null"], "format": "date"}, None),
        (["2024-02-29", "N/A"], {"type": ["string", "null"], "format": "date"}, ["N/A"]),
        (["1", "NA", "-", "2"], {"type": ["integer", "null"]}, ["NA", "-"]),
        (["1.5", " NA", ""], {"type": ["number", "null"]}, ["NA"]),
        (["true", "null"], {"type": ["boolean", "null"]}, ["null"]),
        (["1.5", "NaN"], {"type": ["number", "null"]}, ["NaN"]),
    ],
)
def test_columns_with_nulls(
    tmp_path: Path, cells: list[str], schema: dict[str, Any], nulls: list[str] | None
) -> None:
    assert column(tmp_path, *cells) == (schema, False, {"null_values": nulls} if nulls else {})


@pytest.mark.parametrize("cells", [["a", "NA", "b"], ["NA", "NA"], ["1", "x", "-"], ["a", " "]])
def test_texts_that_stand_for_null_nowhere_stay_texts(tmp_path: Path, cells: list[str]) -> None:
    assert column(tmp_path, *cells) == ({"type": "string"}, True, {})


def test_a_text_that_stands_for_null_does_so_in_all_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "n,s,t\n1,a,NA\nNA,NA,NA\n3,-,NA\n")
    schema = infer(path)
    assert schema == {
        "type": "object",
        "properties": {
            "n": {"type": ["integer", "null"]},
            "s": {"type": ["string", "null"]},
            "t": {"type": ["string", "null"]},
        },
        "x-batch": {"null_values": ["NA"]},
    }
    assert values(path, schema) == [
        '{"n":1,"s":"a","t":null}',
        '{"n":null,"s":null,"t":null}',
        '{"n":3,"s":"-","t":null}',
    ]


def test_the_penguins() -> None:
    schema = infer(ROOT / "samples/penguins.csv")
    number, integer = {"type": ["number", "null"]}, {"type": ["integer", "null"]}
    assert schema == {
        "type": "object",
        "properties": {
            "species": {"type": "string", "enum": ["Adelie", "Chinstrap", "Gentoo"]},
            "island": {"type": "string", "enum": ["Biscoe", "Dream", "Torgersen"]},
            "bill_length_mm": number,
            "bill_depth_mm": number,
            "flipper_length_mm": integer,
            "body_mass_g": integer,
            "sex": {"type": ["string", "null"], "enum": ["female", "male", None]},
            "year": {"type": "integer"},
        },
        "required": ["species", "island", "year"],
        "x-batch": {"null_values": ["NA"]},
    }
    assert len(values(ROOT / "samples/penguins.csv", schema)) == 344


@pytest.mark.parametrize(
    ("texts", "enum"),
    [
        (["a", "b"] * 50, ["a", "b"]),
        (["a"] * 95 + ["b"] * 5, ["a", "b"]),
        (["a"] * 96 + ["b"] * 4, None),
        (["a", "b"] * 49, None),
        (["a"] * 200, None),
        ([f"v{n}" for n in range(10)] * 10, sorted(f"v{n}" for n in range(10))),
        ([f"v{n}" for n in range(11)] * 10, None),
        (["a", "x" * 101] * 50, None),
        (["a", "b"] * 50 + [" "], None),
    ],
)
def test_enums(tmp_path: Path, texts: list[str], enum: list[str] | None) -> None:
    schema, _, _ = column(tmp_path, *texts)
    assert schema == ({"type": "string", "enum": enum} if enum else {"type": "string"})


def test_an_enum_of_a_column_with_nulls_has_null(tmp_path: Path) -> None:
    schema, required, _ = column(tmp_path, *(["a", "b", ""] * 50))
    assert (schema, required) == ({"type": ["string", "null"], "enum": ["a", "b", None]}, False)


def test_a_german_excel_export(tmp_path: Path) -> None:
    text = "Nr;Straße;Preis\r\n1;Königsallee;1,50\r\n2;Bäckerweg;-0,5\r\n3;€-Platz;7\r\n"
    path = written(tmp_path, text, "cp1252")
    schema = infer(path)
    assert schema == {
        "type": "object",
        "properties": {"Nr": {"type": "integer"}, "Straße": {"type": "string"}, "Preis": {"type": "number"}},
        "required": ["Nr", "Straße", "Preis"],
        "x-batch": {"delimiter": ";", "encoding": "cp1252", "decimal": ","},
    }
    assert values(path, schema) == [
        '{"Nr":1,"Straße":"Königsallee","Preis":1.50}',
        '{"Nr":2,"Straße":"Bäckerweg","Preis":-0.5}',
        '{"Nr":3,"Straße":"€-Platz","Preis":7}',
    ]


def test_utf16_with_tabs(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffid\tname\r\n1\tÄ\r\n", "utf-16-le")
    schema = infer(path)
    assert schema["x-batch"] == {"delimiter": "\t", "encoding": "utf-16"}
    assert values(path, schema) == ['{"id":1,"name":"Ä"}']


def test_bytes_that_cp1252_does_not_have(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n\x81,\xe9\n")
    schema = infer(path)
    assert schema["x-batch"] == {"encoding": "iso8859-1"}
    assert values(path, schema) == ['{"a":"\x81","b":"é"}']


def test_a_stray_row_does_not_make_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("n,a\n1,ä\n2,ö\n3,ü\n".encode() + b"4,\xe4\n")
    schema = infer(path)
    assert "x-batch" not in schema
    records, rejects = convert(path, schema)
    assert (len(records), [reject.row for reject in rejects]) == (3, [4])


@pytest.mark.parametrize(
    ("text", "decimal", "type"),
    [
        ('a,b\n"1,5",x\n"2,25",y\n', ",", "number"),
        ('a,b\n"1,234",x\n"12,345",y\n', None, "string"),
        ("a;b\n1,234;x\n12,345;y\n", ",", "number"),
        ("a;b\n1,5;2.5\n", None, "string"),
        ("a;b;c\n1,5;2.5;3,5\n", ",", "number"),
        ("a;b\n1,5;2\n2.5;3\n", None, "string"),
    ],
)
def test_the_decimal_sign(tmp_path: Path, text: str, decimal: str | None, type: str) -> None:
    path = written(tmp_path, text)
    schema = infer(path)
    assert schema.get("x-batch", {}).get("decimal") == decimal
    assert schema["properties"]["a"] == {"type": type}
    values(path, schema)


def test_rows_that_no_model_can_take_have_no_say(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b\n1,2\nx\n3,4,5\n6,7\n"open,8\n')
    schema = infer(path)
    assert schema["properties"] == {"a": {"type": "integer"}, "b": {"type": "integer"}}
    records, rejects = convert(path, schema)
    assert (len(records), len(rejects)) == (2, 3)


@pytest.mark.parametrize("text", ["a,b\n", "a,b", "\ufeffa,b\n\n"])
def test_a_file_without_rows(tmp_path: Path, text: str) -> None:
    schema = infer(written(tmp_path, text))
    assert schema == {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}


def test_an_empty_file(tmp_path: Path) -> None:
    assert infer(written(tmp_path, "")) == {"type": "object", "properties": {}}


def test_options_that_are_given_are_not_looked_for(tmp_path: Path) -> None:
    path = written(tmp_path, "1,5;NA;x\n2,5;3;-\n")
    given = {
        "header": False, "columns": ["a", "b", "c"], "delimiter": ";", "null_values": ["-"], "decimal": ",",
        "encoding": "cp1252", "key": "b",
    }  # fmt: skip
    schema = infer(path, **given)
    assert schema["x-batch"] == given
    assert schema["properties"] == {
        "a": {"type": "number"},
        "b": {"type": "string"},
        "c": {"type": ["string", "null"]},
    }
    assert infer(path, **{**given, "decimal": "."})["properties"]["a"] == {"type": "string"}
    values(path, schema)


def test_a_compressed_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"a;b\n1;2024-01-01\n"))
    schema = infer(path)
    assert schema["properties"] == {"a": {"type": "integer"}, "b": {"type": "string", "format": "date"}}
    assert values(path, schema) == ['{"a":1,"b":"2024-01-01"}']


def test_a_header_that_cannot_be_read_fails(tmp_path: Path) -> None:
    with pytest.raises(JobError) as raised:
        infer(written(tmp_path, "a,a\n1,2\n"))
    assert raised.value.code is JobCode.HEADER_DUPLICATE


def test_it_stops_when_nobody_waits_any_more(tmp_path: Path) -> None:
    with pytest.raises(InferenceStoppedError):
        infer_schema(
            written(tmp_path, "a\n1\n"),
            max_row_bytes=1000,
            max_decompressed_bytes=1000,
            should_stop=lambda: True,
        )


def test_what_a_block_does_not_hold_is_remembered(tmp_path: Path) -> None:
    """Two MiB are two blocks: the text that spoils the column stands in the last row."""
    rows = "".join(f"{n},{'x' * 1000}\n" for n in range(2200))
    path = written(tmp_path, f"n,s\n{rows}none,\n")
    schema = infer(path)
    assert schema["properties"] == {"n": {"type": ["integer", "null"]}, "s": {"type": ["string", "null"]}}
    path = written(tmp_path, f"n,s\n{rows}12a,x\n")
    assert infer(path)["properties"] == {"n": {"type": "string"}, "s": {"type": "string"}}


CELLS = st.one_of(
    st.integers().map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=2).map(str),
    st.sampled_from(
        [
            "",
            " ",
            "NA",
            "-",
            " NA ",
            "null",
            "true",
            "False",
            "1",
            "0",
            "007",
            "+5",
            ".5",
            "5.",
            "1e5",
            "1e999",
        ]
    ),
    st.sampled_from(["1,5", "1,234", "-0", "2024-02-29", "a@b.c", "::1", "[1]", "{}", "[1e999]", "x", "y"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),  # a NUL says: no text
)
COLUMNS = st.lists(CELLS, min_size=1, max_size=3).flatmap(
    lambda few: st.lists(st.sampled_from(few), min_size=1, max_size=150)
)


@settings(deadline=None)
@given(st.lists(COLUMNS, min_size=1, max_size=3), st.sampled_from([",", ";", "\t"]))
def test_any_file_passes_its_own_schema(columns: list[list[str]], delimiter: str) -> None:
    quoted = [['"' + cell.replace('"', '""') + '"' for cell in cells] for cells in columns]
    rows = [delimiter.join(row) for row in zip(*quoted, strict=False)]
    header = delimiter.join(f"c{n}" for n in range(len(columns)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text("\n".join([header, *rows]) + "\n", "utf-8", newline="")
        schema = infer(path, delimiter=delimiter)
        assert len(values(path, schema)) == len(rows)
    assert set(schema["properties"]) == {f"c{n}" for n in range(len(columns))}
    assert all(rules.get("format", "date") in FORMATS for rules in schema["properties"].values())
