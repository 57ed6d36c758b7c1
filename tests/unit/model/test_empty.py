"""Empty cells: null, an empty string, or left out; and what `required` makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.model import compile_model
from tests.unit.model.rows import read_cell, read_row


@pytest.mark.parametrize(
    ("column", "cell", "written"),
    [
        ({"type": "string"}, "", '""'),
        ({}, "", '""'),
        ({"type": "string"}, " ", '" "'),
        ({"type": ["string", "null"]}, "", "null"),
        ({"type": ["string", "null"]}, " ", '" "'),
        ({"type": "string", "minLength": 1}, "", None),
        ({"type": "string", "minLength": 1}, " ", '" "'),
        ({"type": "string", "format": "date"}, "", None),
        ({"type": "string", "pattern": "^a*$"}, "", '""'),
        ({"type": "string", "pattern": "a"}, "", None),
        ({"type": "string", "enum": ["a", "b"]}, "", None),
        ({"type": "string", "enum": ["a", ""]}, "", '""'),
        ({"enum": ["a", None]}, "", "null"),
        ({"type": "string", "enum": ["a", None]}, "", None),
        ({"type": ["string", "null"], "enum": ["a"]}, "", None),
        ({"type": ["string", "null"], "const": "a"}, "", None),
        ({"const": None}, "", "null"),
        ({"type": "null"}, "", "null"),
        ({"type": "null"}, " \t", "null"),
        ({"type": "integer"}, "", None),
        ({"type": "integer"}, " \t ", None),
        ({"type": ["integer", "null"]}, "", "null"),
        ({"type": ["integer", "null"]}, "  ", "null"),
        ({"type": ["null", "number"]}, "", "null"),
        ({"type": "boolean"}, " ", None),
        ({"type": "object"}, "", None),
        ({"type": ["array", "null"]}, "\t", "null"),
        ({"type": ["integer", "string"]}, "", '""'),
        ({"type": ["integer", "string"]}, " ", '" "'),
        ({"type": ["integer", "string"], "minLength": 1}, "", None),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "", "null"),
        ({"anyOf": [{"type": "integer"}, {"const": None}]}, " ", "null"),
        ({"oneOf": [{"type": "string", "minLength": 1}, {"type": "integer"}]}, "", None),
        ({"allOf": [{"type": ["integer", "null"]}, {"type": "integer"}]}, "", None),
        ({"allOf": [{"type": ["integer", "null"]}, {"enum": [1, 2]}]}, "", None),
        ({"allOf": [{"type": ["integer", "null"]}, {"minimum": 5}]}, "", "null"),
    ],
)
def test_empty_cell(column: dict[str, Any], cell: str, written: str | None) -> None:
    assert read_cell(column, cell) == written


def test_only_spaces_and_tabs_are_blank() -> None:
    assert read_cell({"type": ["integer", "null"]}, "\n") == "TYPE `\n` is not an integer or empty"
    assert read_cell({"type": ["integer", "null"]}, "\xa0") == "TYPE `\xa0` is not an integer or empty"


def test_required_decides_about_what_is_left_out() -> None:
    schema = {
        "properties": {"n": {"type": "integer"}, "m": {"type": ["integer", "null"]}, "s": {"type": "string"}},
        "required": ["s", "m", "n"],
    }
    assert read_row(schema, n="", m="", s="") == [("n", "REQUIRED", "a value is required, but there is none")]
    assert read_row(schema, n="1", m="", s="") == '{"n":1,"m":null,"s":""}'


def test_what_is_left_out_leaves_no_trace() -> None:
    schema = {"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}}}
    assert read_row(schema, a="", b="2", c="") == '{"b":2}'
    assert read_row(schema, a="", b="", c="") == "{}"


def test_an_empty_value_of_a_typed_source_stays() -> None:
    """A Parquet file tells `""` from null; its null is an empty cell."""
    properties = {"s": {"type": ["string", "null"]}, "t": {"type": "string", "minLength": 1}}
    nullable, short = compile_model({"properties": properties}).bind(("s", "t")).rules
    assert nullable.value_reader()("") == '""'
    assert nullable.empty == "null"
    failed = short.value_reader()("")
    assert not isinstance(failed, str)
    assert failed.message == "`` has length 0, less than 1"
    assert short.empty is None
