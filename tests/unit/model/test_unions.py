"""Where a column's type comes from, and how the members of a union are tried."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.model.rows import read_cell, read_row

OPTIONAL = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]}
DATE_OR_NUMBER = {"oneOf": [{"type": "string", "format": "date"}, {"type": "number", "maximum": 9}]}
EVERYTHING = {"type": ["string", "array", "object", "boolean", "number", "integer"]}


@pytest.mark.parametrize(
    ("column", "cell", "outcome"),
    [
        (EVERYTHING, "007", "7"),
        (EVERYTHING, "1", "1"),
        (EVERYTHING, "1.50", "1.50"),
        (EVERYTHING, " TRUE ", "true"),
        (EVERYTHING, '{ "a": 1 }', '{"a":1}'),
        (EVERYTHING, "[ ]", "[]"),
        (EVERYTHING, " x", '" x"'),
        (EVERYTHING, "[", '"["'),
        ({"type": ["boolean", "string"]}, "1", "true"),
        ({"type": ["boolean", "string"]}, "2", '"2"'),
        ({"type": ["number", "boolean"]}, "0", "0"),
        ({"type": ["integer", "boolean"]}, "x",
         "TYPE `x` is not an integer or a boolean (`true`, `false`, `1`, `0`)"),
        ({"type": ["array", "integer", "null"]}, "x", "TYPE `x` is not an integer, a JSON array or empty"),
        ({"type": "null"}, "x", "TYPE `x` is not empty"),
        ({"type": ["integer", "string"], "enum": [1, "2", "x"]}, "1", "1"),
        ({"type": ["integer", "string"], "enum": [1, "2", "x"]}, "2", '"2"'),
        ({"type": ["integer", "string"], "enum": [1, "2", "x"]}, "3", "ENUM `3` is not one of `1`, `2`, `x`"),
        ({"type": ["integer", "string"], "minimum": 5}, "3", "RANGE `3` is less than `5`"),
        ({"type": ["number", "string"]}, "1e999", "RANGE `1e999` has an exponent beyond ±400"),
        ({"enum": [1, 2.5]}, "2.5", "2.5"),
        ({"enum": [1, 2.5]}, "1.0", "1.0"),
        ({"enum": [1, "1", True, None]}, "1", "1"),
        ({"enum": ["1", True]}, "1", "true"),
        ({"enum": [[1], {"a": 1}]}, "[1.0]", "[1.0]"),
        ({"const": 5}, "05", "5"),
        (OPTIONAL, "5", "5"),
        (OPTIONAL, "-5", "RANGE `-5` is less than `0`"),
        (OPTIONAL, "x", "TYPE `x` is not an integer or empty"),
        (DATE_OR_NUMBER, "2024-01-01", '"2024-01-01"'),
        (DATE_OR_NUMBER, "9", "9"),
        (DATE_OR_NUMBER, "10", "RANGE `10` is greater than `9`"),
        (DATE_OR_NUMBER, "today", "FORMAT `today` is not a valid date"),
        ({"anyOf": [{"const": "n/a"}, {"type": "number"}]}, "n/a", '"n/a"'),
        ({"anyOf": [{"const": "n/a"}, {"type": "number"}]}, "5", "5"),
        ({"anyOf": [{"const": "n/a"}, {"type": "number"}]}, "none", "ENUM `none` is not one of `n/a`"),
        ({"anyOf": [{"enum": [1, 2]}, {"type": "string"}]}, "3", '"3"'),
        ({"oneOf": [{"const": "a", "title": "A"}, {"const": "b"}]}, "b", '"b"'),
        ({"oneOf": [{"const": "a", "title": "A"}, {"const": "b"}]}, "c", "ENUM `c` is not one of `a`, `b`"),
        ({"anyOf": [{"enum": [1, 2]}, {"type": "integer", "minimum": 9}]}, "2", "2"),
        ({"anyOf": [{"enum": [1, 2]}, {"type": "integer", "minimum": 9}]}, "5",
         "SCHEMA `/c` breaks the rule `anyOf` of the model"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "5",
         "SCHEMA `/c` breaks the rule `oneOf` of the model"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "5.5", "5.5"),
        ({"type": "integer", "anyOf": [{"minimum": 5}, {"maximum": 2}]}, "5", "5"),
        ({"type": "integer", "anyOf": [{"minimum": 5}, {"maximum": 2}]}, "3",
         "SCHEMA `/c` breaks the rule `anyOf` of the model"),
        ({"anyOf": [{"minLength": 5}, {"pattern": "^x"}]}, "12",
         "SCHEMA `/c` breaks the rule `anyOf` of the model"),
        ({"anyOf": [{"minLength": 5}, {"pattern": "^x"}]}, "x2", '"x2"'),
        ({"anyOf": [{"type": "integer"}, {"pattern": "^x"}]}, "12", "12"),
        ({"anyOf": [{"type": "integer"}, {"pattern": "^x"}]}, "x2", '"x2"'),
        ({"anyOf": [{"anyOf": [{"type": "integer"}, {"type": "boolean"}]}, {"type": "null"}]}, "true",
         "true"),
        ({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}, '["a"]', '["a"]'),
        ({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}, "[1]",
         "SCHEMA `/c` breaks the rule `anyOf` of the model"),
        ({"allOf": [{"type": ["integer", "string"]}, {"type": ["number", "boolean"]}]}, "5", "5"),
        ({"allOf": [{"type": ["integer", "string"]}, {"type": ["number", "boolean"]}]}, "5.5",
         "TYPE `5.5` is not an integer"),
        ({"allOf": [{"type": "integer"}, {"minimum": 2}], "minimum": 5}, "4", "RANGE `4` is less than `5`"),
        ({"allOf": [{"type": "integer"}, {"minimum": 2}], "minimum": 1}, "1", "RANGE `1` is less than `2`"),
        ({"not": {"const": "x"}, "type": "string"}, "x", "SCHEMA `/c` breaks the rule `not` of the model"),
    ],
)  # fmt: skip
def test_type_of_a_column(column: dict[str, Any], cell: str, outcome: str) -> None:
    assert read_cell(column, cell) == outcome


def test_schemas_of_a_column_are_found_everywhere_in_the_root() -> None:
    schema = {
        "$ref": "#/$defs/base",
        "properties": {"a": {"$ref": "#/$defs/whole"}},
        "allOf": [{"properties": {"a": {"maximum": 5}, "b": {"$ref": "#/$defs/a~1b%25"}}}],
        "patternProperties": {"^n_": {"type": "number"}, "_l$": {"minimum": 2}},
        "$defs": {
            "whole": {"$anchor": "whole", "type": "integer"},
            "base": {"properties": {"z": {"$ref": "#whole"}, "y": {"$dynamicRef": "#whole"}}},
            "a/b%": {"type": "integer", "multipleOf": 2},
        },
    }
    assert read_row(schema, a="05", b="4", n_x="1.0", n_l="2", z="07", y="08", other="1") == (
        '{"a":5,"b":4,"n_x":1.0,"n_l":2,"z":7,"y":8,"other":"1"}'
    )
    assert read_row(schema, a="6", b="3", n_x="x", n_l="1", z="1.0", y="x", other="") == [
        ("a", "RANGE", "`6` is greater than `5`"),
        ("b", "RANGE", "`3` is not a multiple of `2`"),
        ("n_x", "TYPE", "`x` is not a number"),
        ("n_l", "RANGE", "`1` is less than `2`"),
        ("z", "TYPE", "`1.0` is not an integer"),
        ("y", "TYPE", "`x` is not an integer"),
    ]


def test_additional_properties_are_for_columns_that_nothing_else_beside_it_names() -> None:
    schema = {
        "properties": {"a": {}},
        "patternProperties": {"^n": {"type": "number"}},
        "additionalProperties": {"type": "integer"},
    }
    assert read_row(schema, a="1", n="1.0", x="01") == '{"a":"1","n":1.0,"x":1}'
    assert read_row(schema, a="1", n="1.0", x="1.0") == [("x", "TYPE", "`1.0` is not an integer")]


def test_a_reference_that_leads_back_to_itself_adds_nothing() -> None:
    schema = {
        "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}, {"type": "integer"}]}},
        "properties": {"c": {"$ref": "#/$defs/a"}},
    }
    assert read_row(schema, c="05") == '{"c":5}'
