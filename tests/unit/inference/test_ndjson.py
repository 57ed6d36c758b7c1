"""Schemas of NDJSON files: the types that JSON gives, and members that some lines do not have."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.inference.files import convert, infer, values


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "a.ndjson"
    path.write_text("".join(line + "\n" for line in lines), "utf-8")
    return path


@pytest.mark.parametrize(
    ("texts", "schema"),
    [
        (["1", "-2"], {"type": "integer"}),
        (["1", "2.5"], {"type": "number"}),
        (["1.0"], {"type": "number"}),
        (["1", "null"], {"type": ["integer", "null"]}),
        (["true"], {"type": "boolean"}),
        (['"a"', '""'], {"type": "string"}),
        (['"1"', '"2"'], {"type": "string"}),
        (['"NA"', "1"], {"type": ["integer", "string"]}),
        (['"x"', "1.5", "1", "true", "null", "[]", "{}"],
         {"type": ["number", "boolean", "object", "array", "string", "null"]}),
        (['{"a":1}', "{}"], {"type": "object"}),
        (["[1]"], {"type": "array"}),
        (["null"], {"type": ["string", "null"]}),
        (['"2024-02-29"'], {"type": "string", "format": "date"}),
        (['"2024-02-29"', "null"], {"type": ["string", "null"], "format": "date"}),
        (['"2024-02-29"', '""'], {"type": "string"}),
        (['"2024-02-29"', "1"], {"type": ["integer", "string"]}),
        (['"a"', '"b"', '""'] * 40, {"type": "string", "enum": ["", "a", "b"]}),
        (['"a"', '"b"', "null"] * 50, {"type": ["string", "null"], "enum": ["a", "b", None]}),
    ],
)  # fmt: skip
def test_types(tmp_path: Path, texts: list[str], schema: dict[str, Any]) -> None:
    path = written(tmp_path, *(f'{{"c":{text}}}' for text in texts))
    inferred = infer(path)
    assert inferred["properties"]["c"] == schema
    assert inferred.get("required", []) == ([] if "null" in texts else ["c"])
    assert "x-batch" not in inferred
    assert len(values(path, inferred)) == len(texts)


def test_members_that_some_lines_do_not_have(tmp_path: Path) -> None:
    path = written(tmp_path, '{"a":1,"b":"x"}', '{"c":true,"a":2}', '{"a":3,"b":null}')
    schema = infer(path)
    assert schema == {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": ["string", "null"]}, "c": {"type": "boolean"}},
        "required": ["a"],
    }
    assert values(path, schema) == ['{"a":1,"b":"x"}', '{"c":true,"a":2}', '{"a":3,"b":null}']


def test_lines_that_no_model_can_take_have_no_say(tmp_path: Path) -> None:
    path = written(tmp_path, '{"a":1}', "nope", '{"a":"x","a":2}', "[]", '{"a":2}')
    schema = infer(path)
    assert schema["properties"] == {"a": {"type": "integer"}}
    records, rejects = convert(path, schema)
    assert [record.row for record in records] == [1, 5]
    assert [reject.row for reject in rejects] == [2, 3, 4]


def test_names_beyond_a_thousand_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, *(json.dumps({f"n{n}": n}) for n in range(1100)))
    schema = infer(path)
    assert list(schema["properties"]) == [f"n{n}" for n in range(1000)]
    assert len(values(path, schema)) == 1100


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "2024-01-01", "a@b.c"]) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
LINES = st.dictionaries(st.sampled_from("abc"), VALUES)


@settings(deadline=None)
@given(st.lists(LINES, min_size=1, max_size=5), st.integers(1, 60))
def test_any_file_passes_its_own_schema(lines: list[dict[str, Any]], times: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), '{"id":0}', *(map(json.dumps, lines * times)))
        records = values(path, infer(path))
    assert [json.loads(record) for record in records] == [{"id": 0}, *lines * times]
