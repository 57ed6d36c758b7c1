"""Schemas of Parquet files: the columns' own types, nulls, formats and enums of texts."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.errors import HeaderError, JobCode
from tests.unit.inference.files import infer, values

ROOT = Path(__file__).parents[3]


def written(tmp_path: Path, columns: dict[str, Any]) -> Path:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("array", "schema", "required"),
    [
        (pa.array([1, 2]), {"type": "integer"}, True),
        (pa.array([1, None]), {"type": ["integer", "null"]}, False),
        (pa.array([1.5, 2.0]), {"type": "number"}, True),
        (pa.array([Decimal("1.10")], pa.decimal128(5, 2)), {"type": "number"}, True),
        (pa.array([True, False]), {"type": "boolean"}, True),
        (pa.array(["a", "1"]), {"type": "string"}, True),
        (pa.array(["a", None, ""]), {"type": ["string", "null"]}, False),
        (pa.array([None, None], pa.null()), {"type": ["string", "null"]}, False),
        (pa.array([b"\x00"]), {"type": "string"}, True),
        (pa.array([date(2024, 2, 29)]), {"type": "string", "format": "date"}, True),
        (pa.array([datetime(2024, 1, 1, tzinfo=UTC)]), {"type": "string", "format": "date-time"}, True),
        (pa.array([time(1, 2, 3)]), {"type": "string"}, True),
        (pa.array(["2024-02-29", None]), {"type": ["string", "null"], "format": "date"}, False),
        (pa.array(["a", "b"] * 50), {"type": "string", "enum": ["a", "b"]}, True),
        (pa.array(["a", "b", None] * 50).dictionary_encode(),
         {"type": ["string", "null"], "enum": ["a", "b", None]}, False),
        (pa.array([[1], []]), {"type": "array"}, True),
        (pa.array([{"a": 1}]), {"type": "object"}, True),
    ],
    ids=str,
)  # fmt: skip
def test_types(tmp_path: Path, array: Any, schema: dict[str, Any], required: bool) -> None:
    path = written(tmp_path, {"c": array})
    inferred = infer(path)
    assert inferred == {
        "type": "object",
        "properties": {"c": schema},
        **({"required": ["c"]} if required else {}),
    }
    assert len(values(path, inferred)) == len(array)


def test_the_penguins_are_the_same_as_in_csv() -> None:
    assert len(values(ROOT / "samples/penguins.parquet", infer(ROOT / "samples/penguins.parquet"))) == 344


def test_a_file_without_rows(tmp_path: Path) -> None:
    schema = infer(written(tmp_path, {"c": pa.array([], pa.int64())}))
    assert schema == {"type": "object", "properties": {"c": {"type": "integer"}}}


def test_a_type_that_no_model_can_take_fails(tmp_path: Path) -> None:
    with pytest.raises(HeaderError) as raised:
        infer(written(tmp_path, {"c": pa.array([1], pa.duration("s"))}))
    assert raised.value.code is JobCode.COLUMN_TYPE
