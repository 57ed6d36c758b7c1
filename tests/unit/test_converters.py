"""A file bound to its model: options reach the rows in every format, and folders become columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.api import Converted
from connectors.converters import reference_converter
from connectors.errors import HeaderError, JobCode
from connectors.headers import NO_HEADERS, OriginHeaders, RecordOrigin
from connectors.model import compile_model
from connectors.model.options import RecordHeaders, parse_options
from connectors.registry import detect_file, open_source

FOLDERS = "year=2024/city=K%C3%B6ln/a"
SCHEMA: dict[str, Any] = {
    "properties": {"id": {"type": "integer"}, "year": {"type": "integer"}, "city": {"type": "string"}},
    "required": ["year"],
}
FORMATS = ["csv", "ndjson", "parquet"]


def written(tmp_path: Path, format: str, rows: list[dict[str, Any]]) -> Path:
    path = tmp_path / f"a.{format}"
    if format == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif format == "ndjson":
        path.write_text("".join(f"{row}\n".replace("'", '"') for row in rows))
    else:
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path.write_text("".join(f"{line}\n" for line in lines))
    return path


def convert(
    path: Path,
    schema: dict[str, Any],
    *,
    file: str = FOLDERS,
    headers: OriginHeaders = NO_HEADERS,
    max_row_bytes: int = 1000,
    **options: Any,
) -> Converted:
    """Convert the file's first block."""
    parsed = parse_options(options)
    format = detect_file(path)
    reader = open_source(
        path,
        options=parsed,
        block_bytes=4096,
        max_row_bytes=1000,
        max_decompressed_bytes=1_000_000,
        format=format,
    )
    try:
        converter = reference_converter(
            reader,
            format,
            compile_model(schema),
            parsed,
            file=file,
            max_row_bytes=max_row_bytes,
            headers=headers,
        )
        block = reader.read_block()
        return Converted([], []) if block is None else converter.convert(block)
    finally:
        reader.close()


def values(converted: Converted) -> list[str]:
    assert converted.rejects == []
    return [record.value.decode() for record in converted.records]


@pytest.mark.parametrize("format", FORMATS)
def test_folders_are_columns_behind_those_of_the_file(tmp_path: Path, format: str) -> None:
    path = written(tmp_path, format, [{"id": 1}, {"id": 2}])
    converted = convert(path, SCHEMA, partition_columns=True, key="city")
    assert values(converted) == ['{"id":1,"year":2024,"city":"Köln"}', '{"id":2,"year":2024,"city":"Köln"}']
    assert {record.key for record in converted.records} == {"Köln".encode()}


@pytest.mark.parametrize("format", FORMATS)
def test_without_the_option_folders_are_only_folders(tmp_path: Path, format: str) -> None:
    path = written(tmp_path, format, [{"id": 1}])
    assert values(convert(path, {})) == ['{"id":1}' if format != "csv" else '{"id":"1"}']


@pytest.mark.parametrize("format", FORMATS)
def test_columns_of_folders_are_checked_like_cells(tmp_path: Path, format: str) -> None:
    path = written(tmp_path, format, [{"id": 1}, {"id": 2}])
    strict = {"properties": {"year": {"type": "integer", "maximum": 2000}}}
    converted = convert(path, strict, partition_columns=True)
    assert not converted.records
    assert [(r.errors[0].column, r.errors[0].code) for r in converted.rejects] == [("year", "RANGE")] * 2
    file = "year=__HIVE_DEFAULT_PARTITION__/a"
    nullable = {"properties": {"id": {"type": "integer"}, "year": {"type": ["integer", "null"]}}}
    rows = values(convert(path, nullable, file=file, partition_columns=True))
    assert rows == ['{"id":1,"year":null}', '{"id":2,"year":null}']
    [first, _] = convert(path, SCHEMA, file=file, partition_columns=True).rejects
    assert [(error.column, error.code) for error in first.errors] == [("year", "REQUIRED")]


@pytest.mark.parametrize("format", FORMATS)
def test_cell_formats_are_those_of_folders_too(tmp_path: Path, format: str) -> None:
    path = written(tmp_path, format, [{"id": 1}])
    schema = {
        "properties": {
            "id": {"type": "integer"},
            "rate": {"type": "number"},
            "zone": {"type": ["string", "null"]},
        }
    }
    options = {"partition_columns": True, "decimal": ",", "null_values": ["NA"]}
    rows = values(convert(path, schema, file="rate=1,50/zone=NA/a", **options))
    assert rows == ['{"id":1,"rate":1.50,"zone":null}']


@pytest.mark.parametrize("format", FORMATS)
def test_a_column_of_a_folder_may_be_forbidden(tmp_path: Path, format: str) -> None:
    path = written(tmp_path, format, [{"id": 1}])
    schema = {"properties": {"id": {}}, "additionalProperties": False}
    with pytest.raises(HeaderError) as raised:
        convert(path, schema, partition_columns=True)
    assert raised.value.code is JobCode.COLUMN_UNKNOWN
    assert "columns `year`, `city`" in raised.value.message


@pytest.mark.parametrize("format", ["csv", "parquet"])
@pytest.mark.parametrize("key", [None, "year"])
def test_a_folder_that_is_missing_is_hinted_at(tmp_path: Path, format: str, key: str | None) -> None:
    path = written(tmp_path, format, [{"id": 1}])
    required = {"required": ["year"]} if key is None else {}
    for options, hinted in (({"partition_columns": True}, True), ({}, False)):
        with pytest.raises(HeaderError) as raised:
            convert(
                path, {"properties": {"id": {"type": "integer"}}} | required, file="a", key=key, **options
            )
        assert raised.value.code is JobCode.COLUMN_MISSING
        assert "no column `year`" in raised.value.message
        assert ("a folder `name=value`" in raised.value.hint) is hinted


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_column_that_the_file_has_too(tmp_path: Path, format: str) -> None:
    path = written(tmp_path, format, [{"id": 1, "year": 2023}])
    with pytest.raises(HeaderError) as raised:
        convert(path, SCHEMA, partition_columns=True)
    assert raised.value.code is JobCode.HEADER_DUPLICATE


def test_a_member_that_is_a_folder_too_is_a_reject(tmp_path: Path) -> None:
    path = written(tmp_path, "ndjson", [{"id": 1, "year": 2023}, {"id": 2}])
    converted = convert(path, SCHEMA, partition_columns=True)
    assert [record.row for record in converted.records] == [2]
    assert [reject.errors[0].message for reject in converted.rejects] == [
        "the row has two members of the name `year`"
    ]


def test_a_csv_file_without_anything_has_no_columns_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\n\n")
    assert convert(path, {"required": ["id"]}, partition_columns=True, key="nope") == Converted([], [])


def test_null_values_and_decimal_are_about_text_not_typed_values(tmp_path: Path) -> None:
    options = {"null_values": ["NA", "1.5"], "decimal": ","}
    schema = {"properties": {"s": {"type": "string"}, "n": {"type": "number"}}}
    rows = [{"s": "NA", "n": 1.5}]
    for format in ("ndjson", "parquet"):
        path = written(tmp_path, format, rows)
        assert values(convert(path, schema, **options)) == ['{"s":"NA","n":1.5}']
    path = tmp_path / "a.csv"
    path.write_text("s;n\nNA;2,5\n")
    assert values(convert(path, schema, **options)) == ['{"n":2.5}']


@pytest.mark.parametrize("format", FORMATS)
def test_headers_count_for_the_limit_in_every_format(tmp_path: Path, format: str) -> None:
    path = written(tmp_path, format, [{"id": 1}])
    headers = OriginHeaders(RecordHeaders.ROW, RecordOrigin("abcdefghij12", "a.csv"))
    # {"id":1} has 8 bytes, the headers 12 + 12, 10 + 5 and 9 + 1: together 57
    schema = {"properties": {"id": {"type": "integer"}}}
    assert len(convert(path, schema, headers=headers, max_row_bytes=57).records) == 1
    [reject] = convert(path, schema, headers=headers, max_row_bytes=56).rejects
    assert reject.errors[0].code == "ROW_TOO_LARGE"


def test_a_row_of_parquet_that_is_rejected_does_not_hold_the_folders(tmp_path: Path) -> None:
    path = written(tmp_path, "parquet", [{"id": 1}])
    schema = {"properties": {"id": {"type": "integer", "minimum": 2}}}
    [reject] = convert(path, schema, partition_columns=True).rejects
    assert reject.raw == b'{"id":1}'
