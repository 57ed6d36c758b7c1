"""Schemas that are refused: the place as a JSON Pointer, the message, the hint."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.errors import SchemaError
from connectors.model import compile_model

ALTERNATIVES = (
    "the alternatives of one column are more than `1000`, nested deeper than `8`, or lead back to themselves"
)


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"not": schema}
    return schema


def column(schema: object) -> dict[str, Any]:
    return {"properties": {"a": schema}}


@pytest.mark.parametrize(
    ("schema", "pointer", "message", "hint"),
    [
        (column({"type": "strin"}), "/properties/a/type", '`"strin"` is not allowed for `type`',
         "use `array`, `boolean`, `integer`, `null`, `number`, `object`, `string`, or a list of these"),
        (column({"minimum": "5"}), "/properties/a/minimum", '`"5"` is not allowed for `minimum`', "number"),
        (column(5), "/properties/a", "`5` is not allowed for `a`", "object"),
        (column({"enum": "x"}), "/properties/a/enum", '`"x"` is not allowed for `enum`', "array"),
        ({"properties": []}, "/properties", "`[]` is not allowed for `properties`", "object"),
        ({"required": ["a", "a"]}, "/required", '`["a", "a"]` is not allowed for `required`', "once"),
        ({"required": "a"}, "/required", '`"a"` is not allowed for `required`', "once"),
        ({"allOf": [{}, {"maximum": None}]}, "/allOf/1/maximum", "`null` is not allowed for `maximum`",
         "number"),
        (column({"multipleOf": 0}), "/properties/a/multipleOf", "`0` is not allowed for `multipleOf`", "0"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema",
         "`http://json-schema.org/draft-07/schema#` is not draft 2020-12", "leave `$schema` out"),
        (column({"$schema": 1}), "/properties/a/$schema", "`1` is not draft 2020-12", "leave `$schema` out"),
        (column({"$id": "x"}), "/properties/a/$id", "an `$id` below the root makes another document",
         "remove it"),
        (column({"$ref": "https://example.com/s.json"}), "/properties/a/$ref",
         "`https://example.com/s.json` leads out of this document; nothing is ever fetched",
         "copy the schema"),
        (column({"$ref": "other.json#/a"}), "/properties/a/$ref",
         "`other.json#/a` leads out of this document; nothing is ever fetched", "`#/$defs/name`"),
        (column({"$dynamicRef": "file:///etc/passwd"}), "/properties/a/$dynamicRef",
         "`file:///etc/passwd` leads out of this document; nothing is ever fetched", "`#/$defs/name`"),
        ({"$ref": "#/x/y", "x": {"y": {"$ref": "http://z"}}}, "/x/y/$ref",
         "`http://z` leads out of this document; nothing is ever fetched", "`#/$defs/name`"),
        ({"$ref": "#/x/y", "x": {"y": {"type": "strin"}}}, "/x/y/type", '`"strin"` is not allowed for `type`',
         "use"),
        (column({"$ref": "#/$defs/b"}), "/properties/a/$ref", "`#/$defs/b` leads nowhere", "`#/$defs/name`"),
        (column({"items": {"$ref": "#/allOf/1"}}), "/properties/a/items/$ref", "`#/allOf/1` leads nowhere",
         "refer"),
        (column({"$ref": "#here"}), "/properties/a/$ref", "there is no `$anchor` of the name `here`",
         "refer"),
        ({"required": ["a"], "$ref": "#/required"}, "/$ref", "`#/required` does not lead to a schema",
         "refer"),
        (column({"$ref": 5}), "/properties/a/$ref", "`5` is not allowed for `$ref`", "string"),
        ({"properties": {"a/b~c": {"pattern": "("}}}, "/properties/a~1b~0c/pattern",
         "the pattern `(` is not a regular expression of ECMA 262, or is too large", "correct it"),
        (column({"pattern": "^(?=.*[0-9])"}), "/properties/a/pattern",
         "the pattern `^(?=.*[0-9])` needs look-around or back-references, whose time has no bound",
         "write it without"),
        (column({"pattern": "(?<!a)b"}), "/properties/a/pattern",
         "the pattern `(?<!a)b` needs look-around or back-references, whose time has no bound",
         "write it without"),
        (column({"items": {"pattern": r"(a)\1"}}), "/properties/a/items/pattern",
         r"the pattern `(a)\1` needs look-around or back-references, whose time has no bound",
         "write it without"),
        (column({"pattern": "(x{1000}){1000}"}), "/properties/a/pattern",
         "the pattern `(x{1000}){1000}` is not a regular expression of ECMA 262, or is too large",
         "maxLength"),
        ({"patternProperties": {"[": {}}}, "/patternProperties/[",
         "the pattern `[` is not a regular expression of ECMA 262, or is too large", "correct it"),
        (column({"maximum": float("inf")}), "/properties/a/maximum", "`inf` is not a number of JSON",
         "finite"),
        (column({"enum": [1, float("nan")]}), "/properties/a/enum/1", "`nan` is not a number of JSON",
         "finite"),
        (column({"const": "\ud800"}), "/properties/a/const", "a text has a lone surrogate",
         "whole characters"),
        (nested(101), "/not" * 101, "the schema is nested deeper than `100` levels", "`$defs`"),
        ({"type": "array"}, "/type", "a row is a JSON object, which this does not allow", "use `object`"),
        ({"allOf": [{"type": ["string", "null"]}]}, "/allOf/0/type",
         "a row is a JSON object, which this does not allow", "use `object`"),
        ({"allOf": [{}, False]}, "/allOf/1", "`false` here allows no row at all", "remove it"),
        (column({"type": "integer", "allOf": [{"type": "string"}]}), "/properties/a",
         "no value can be of all the types that column `a` must have", "compare `type`, `enum` and `const`"),
        ({**column({"type": "integer"}), "patternProperties": {"^a": {"const": "x"}}}, "/properties/a",
         "no value can be of all the types that column `a` must have", "compare `type`, `enum` and `const`"),
        ({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {}]}}, **column({"$ref": "#/$defs/a"})},
         "/$defs/a/anyOf",
         ALTERNATIVES,
         "flat list"),
        (column({"anyOf": [{"const": n} for n in range(1001)]}), "/properties/a/anyOf",
         ALTERNATIVES,
         "flat list"),
    ],
)  # fmt: skip
def test_refused(schema: dict[str, Any], pointer: str, message: str, hint: str) -> None:
    with pytest.raises(SchemaError) as raised:
        compile_model(schema)
    assert raised.value.pointer == pointer
    assert raised.value.message == message
    assert hint in raised.value.hint


@pytest.mark.parametrize("schema", [[], None, "x", True, False])
def test_only_an_object_is_a_model(schema: Any) -> None:
    with pytest.raises(SchemaError, match="the schema is not a JSON object"):
        compile_model(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"$schema": "https://json-schema.org/draft/2020-12/schema"},
        {"$schema": "https://json-schema.org/draft/2020-12/schema#", "$id": "https://example.com/m"},
        {"$ref": "#"},
        nested(99),
        column({"enum": [{"$ref": "https://example.com/data"}]}),
        column({"default": {"$ref": "https://example.com/data"}, "examples": [{"pattern": "("}]}),
        {"properties": {"$ref": {"type": "string"}, "pattern": {"type": "string"}}},
        {"$comment": {"$ref": "https://example.com"} and "x", "unknown": {"$ref": "https://example.com"}},
        {"x-batch": {"delimiter": ";"}, "title": "t", "description": "d"},
        column(False),
    ],
)
def test_accepted(schema: dict[str, Any]) -> None:
    compile_model(schema)


def test_a_schema_is_left_as_it_was() -> None:
    schema = {
        "$id": "https://example.com/m",
        "properties": {"a": {"type": "array", "items": {"type": "integer"}}},
    }
    before = json.dumps(schema)
    compile_model(schema).bind(("a",))
    assert json.dumps(schema) == before


def test_a_long_chain_of_references_is_followed() -> None:
    definitions: dict[str, Any] = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(3000)}
    definitions["d3000"] = {"type": "array", "minItems": 1}
    rules = compile_model({"$defs": definitions, "properties": {"a": {"$ref": "#/$defs/d0"}}}).bind(("a",))
    [rule] = rules.rules
    assert rules.check([rule.cell_reader()("[1]")]) == b'{"a":[1]}'
    [error] = rules.check([rule.cell_reader()("[]")])
    assert not isinstance(error, int)
    assert error.message == "`/a` breaks the rule `minItems` of the model"


def test_shared_definitions_do_not_multiply() -> None:
    definitions: dict[str, Any] = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(60)
    }
    definitions["d60"] = {"type": "integer"}
    [rule] = (
        compile_model({"$defs": definitions, "properties": {"a": {"$ref": "#/$defs/d0"}}}).bind(("a",)).rules
    )
    assert rule.types == ("integer",)
