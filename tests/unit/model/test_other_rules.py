"""The rules that are not about one column: judged by the library, one SCHEMA error a row."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.model.rows import read_row

A_INTEGER = {"a": {"type": "integer"}}
US_ZIP = {
    "if": {"properties": {"c": {"const": "US"}}},
    "then": {"properties": {"zip": {"pattern": "^[0-9]{5}$"}}},
}


@pytest.mark.parametrize(
    ("schema", "cells", "outcome"),
    [
        ({"dependentRequired": {"a": ["b"]}, "properties": {"b": {"type": "integer"}}}, {"a": "1", "b": ""},
         (None, "the row breaks the rule `dependentRequired` of the model")),
        ({"dependentRequired": {"a": ["b"]}}, {"a": "1", "b": ""}, '{"a":"1","b":""}'),
        ({"minProperties": 2, "properties": A_INTEGER}, {"a": "", "b": "x"},
         (None, "the row breaks the rule `minProperties` of the model")),
        ({"maxProperties": 1}, {"a": "1", "b": "x"},
         (None, "the row breaks the rule `maxProperties` of the model")),
        ({"propertyNames": {"maxLength": 1}}, {"ab": "1"},
         (None, "the row breaks the rule `maxLength` of the model")),
        ({"unevaluatedProperties": False, "properties": A_INTEGER}, {"a": "1", "b": "2"},
         (None, "the row breaks the rule `unevaluatedProperties` of the model")),
        ({"unevaluatedProperties": False, "allOf": [{"properties": A_INTEGER}], "properties": {"b": {}}},
         {"a": "1", "b": "2"}, '{"a":1,"b":"2"}'),
        ({"not": {"properties": {"a": {"const": "x"}}}}, {"a": "x"},
         (None, "the row breaks the rule `not` of the model")),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "additionalProperties": {"type": "integer"}},
         {"a": "", "b": ""}, (None, "the row breaks the rule `anyOf` of the model")),
        (US_ZIP,
         {"c": "US", "zip": "x"}, ("zip", "`/zip` breaks the rule `pattern` of the model")),
        (US_ZIP,
         {"c": "DE", "zip": "x"}, '{"c":"DE","zip":"x"}'),
        ({"dependentSchemas": {"a": {"properties": {"b": {"maxLength": 1}}}}}, {"a": "", "b": "xx"},
         ("b", "`/b` breaks the rule `maxLength` of the model")),
        ({"const": {"a": 1}, "properties": A_INTEGER}, {"a": "1"}, '{"a":1}'),
        ({"const": {"a": 1}, "properties": A_INTEGER}, {"a": "2"},
         (None, "the row breaks the rule `const` of the model")),
        ({"allOf": [{"$ref": "#/$defs/few"}], "$defs": {"few": {"maxProperties": 1}}}, {"a": "1", "b": "2"},
         (None, "the row breaks the rule `maxProperties` of the model")),
    ],
)  # fmt: skip
def test_rules_of_the_root(
    schema: dict[str, Any], cells: dict[str, str], outcome: str | tuple[str | None, str]
) -> None:
    expected = outcome if isinstance(outcome, str) else [(outcome[0], "SCHEMA", outcome[1])]
    assert read_row(schema, **cells) == expected


@pytest.mark.parametrize(
    ("column", "cell", "place", "keyword"),
    [
        ({"type": "array", "items": {"type": "integer"}}, '[1,"x",true]', "/c/1", "type"),
        ({"type": "array", "items": False}, "[1]", "/c/0", "items"),
        ({"type": "array", "prefixItems": [{}, False]}, "[1,2]", "/c/1", "prefixItems"),
        ({"type": "array", "minItems": 2}, "[1]", "/c", "minItems"),
        ({"type": "array", "uniqueItems": True}, "[1,1.0]", "/c", "uniqueItems"),
        ({"type": "array", "contains": {"const": 1}, "minContains": 2}, "[1,2]", "/c", "minContains"),
        ({"type": "array", "items": {"maximum": 0.3}}, "[0.3,0.30000000000000001]", "/c/1", "maximum"),
        ({"type": "array", "items": {"maximum": 2**64}}, "[18446744073709551617]", "/c/0", "maximum"),
        ({"type": "object", "required": ["x"]}, "{}", "/c", "required"),
        ({"type": "object", "additionalProperties": False}, '{"x":1}', "/c", "additionalProperties"),
        ({"type": "object", "properties": {"x": {"minLength": 2}}}, '{"x":"a"}', "/c/x", "minLength"),
        ({"type": "object", "properties": {"x": False}}, '{"x":"a"}', "/c/x", "properties"),
        ({"type": "object", "properties": {"a/b~": {"type": "null"}}}, '{"a/b~":1}', "/c/a~1b~0", "type"),
        ({"type": "object", "patternProperties": {"^x": {"type": "null"}}}, '{"xy":1}', "/c/xy", "type"),
        ({"type": "object", "maxProperties": 1}, '{"a":1,"b":1}', "/c", "maxProperties"),
        ({"type": ["object", "string"], "not": {"type": "string"}}, "x", "/c", "not"),
    ],
)  # fmt: skip
def test_rules_inside_a_value(column: dict[str, Any], cell: str, place: str, keyword: str) -> None:
    message = f"`{place}` breaks the rule `{keyword}` of the model"
    assert read_row({"properties": {"c": column}}, c=cell) == [("c", "SCHEMA", message)]


def test_the_first_by_instance_path_then_by_keyword() -> None:
    items = {"type": "array", "items": {"minLength": 3, "pattern": "^x", "format": "date"}}
    schema = {"properties": {"b": items, "a": items}}
    assert read_row(schema, b='["a"]', a='["xxx", "xxx", "a"]') == [
        ("a", "SCHEMA", "`/a/0` breaks the rule `format` of the model")
    ]
    many = {"properties": {"a": {"type": "array", "items": {"type": "integer"}}}}
    cell = "[" + "1," * 9 + '"x","x"]'
    assert read_row(many, a=cell) == [("a", "SCHEMA", "`/a/9` breaks the rule `type` of the model")]
    whole = {"properties": {"a": {"type": "array", "minItems": 5}}, "minProperties": 5, "maxProperties": 0}
    assert read_row(whole, a="[1]") == [
        (None, "SCHEMA", "the row breaks the rule `maxProperties` of the model")
    ]


def test_column_rules_hold_inside_values_but_not_twice() -> None:
    """`whole` is a column's schema and an item's: the item meets all of it in the library."""
    schema = {
        "$defs": {"whole": {"type": "integer", "minimum": 5}},
        "properties": {
            "one": {"$ref": "#/$defs/whole"},
            "many": {"type": "array", "items": {"$ref": "#/$defs/whole"}},
            "same": {"type": "array", "items": {"$ref": "#/properties/one"}},
        },
    }
    assert read_row(schema, one="5", many="[5]", same="[6]") == '{"one":5,"many":[5],"same":[6]}'
    assert read_row(schema, one="4", many="[4]", same="[6]") == [("one", "RANGE", "`4` is less than `5`")]
    assert read_row(schema, one="5", many="[4]", same="[6]") == [
        ("many", "SCHEMA", "`/many/0` breaks the rule `minimum` of the model")
    ]
    assert read_row(schema, one="5", many="[5]", same="[4]") == [
        ("same", "SCHEMA", "`/same/0` breaks the rule `minimum` of the model")
    ]


def test_a_model_may_be_recursive() -> None:
    schema = {
        "$id": "https://example.com/tree",
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {
            "node": {"properties": {"kids": {"items": {"$ref": "#/$defs/node"}}}, "required": ["name"]}
        },
        "properties": {"tree": {"type": "object", "$ref": "#/$defs/node"}},
    }
    good = '{"name":1,"kids":[{"name":2,"kids":[]}]}'
    assert read_row(schema, tree=good) == f'{{"tree":{good}}}'
    assert read_row(schema, tree='{"name":1,"kids":[{"kids":[]}]}') == [
        ("tree", "SCHEMA", "`/tree/kids/0` breaks the rule `required` of the model")
    ]


def test_numbers_reach_the_library_exactly() -> None:
    schema = {
        "properties": {"n": {"type": "number"}},
        "if": {"properties": {"n": {"exclusiveMinimum": 9007199254740992}}},
        "then": {"minProperties": 2},
    }
    assert read_row(schema, n="9007199254740992") == '{"n":9007199254740992}'
    assert read_row(schema, n="9007199254740992.0000000001") == [
        (None, "SCHEMA", "the row breaks the rule `minProperties` of the model")
    ]
    assert read_row(schema, n="9" * 5000) == [
        (None, "SCHEMA", "the row breaks the rule `minProperties` of the model")
    ]
