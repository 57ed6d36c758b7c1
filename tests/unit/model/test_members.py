"""Rows that name their own members: types as JSON has them, and what the model says of each name."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.api import RowError
from connectors.model import JsonType, MemberRules, Outcome, compile_model


def rules(schema: dict[str, Any]) -> MemberRules:
    return compile_model(schema).members()


def read(column: dict[str, Any] | None, type: str, text: str) -> str | None:
    """Return what is written for one value (None: left out), or `CODE message`."""
    schema = {"properties": {"c": column}} if column is not None else {}
    outcome = rules(schema).read("c", JsonType(type), text)
    return f"{outcome.code} {outcome.message}" if isinstance(outcome, RowError) else outcome


def check(schema: dict[str, Any], outcomes: dict[str, Outcome]) -> str | list[tuple[str | None, str]]:
    result = rules(schema).check(outcomes)
    if isinstance(result, bytes):
        return result.decode()
    return [(error.column, error.code.value) for error in result]


@pytest.mark.parametrize(
    ("column", "type", "text", "written"),
    [
        ({"type": "integer"}, "integer", "12345678901234567890123", "12345678901234567890123"),
        ({"type": "integer"}, "integer", "-0", "0"),
        ({"type": "integer"}, "number", "1.0", "TYPE `1.0` is not an integer"),
        ({"type": "integer"}, "string", "5", 'TYPE `"5"` is not an integer'),
        ({"type": "integer"}, "boolean", "true", "TYPE `true` is not an integer"),
        ({"type": "integer"}, "null", "null", None),
        ({"type": ["integer", "null"]}, "null", "null", "null"),
        ({"type": "number"}, "integer", "7", "7"),
        ({"type": "number"}, "number", "1.10", "1.10"),
        ({"type": "number"}, "number", "1E5", "1E5"),
        ({"type": "number"}, "number", "1e999", "RANGE `1e999` has an exponent beyond ±400"),
        ({"type": "number", "minimum": 2}, "number", "1.9", "RANGE `1.9` is less than `2`"),
        ({"type": "number"}, "string", "1.5", 'TYPE `"1.5"` is not a number'),
        ({"type": "boolean"}, "boolean", "false", "false"),
        ({"type": "boolean"}, "integer", "1", "TYPE `1` is not a boolean (`true`, `false`, `1`, `0`)"),
        ({"type": "boolean"}, "string", "true",
         'TYPE `"true"` is not a boolean (`true`, `false`, `1`, `0`)'),
        ({"type": "string"}, "string", 'a"\n', '"a\\"\\n"'),
        ({"type": "string"}, "string", "", '""'),
        ({"type": "string", "minLength": 1}, "string", "", "LENGTH `` has length 0, less than 1"),
        ({"type": ["string", "null"]}, "string", "", '""'),
        ({"type": "string"}, "null", "null", '""'),
        ({"type": "string", "minLength": 1}, "null", "null", None),
        ({"type": ["string", "null"]}, "null", "null", "null"),
        ({"type": "string"}, "number", "1.5", "TYPE `1.5` is not a string"),
        ({"type": "string"}, "object", '{"a":1}', 'TYPE `{"a":1}` is not a string'),
        ({"type": ["integer", "string"]}, "string", "5", '"5"'),
        ({"type": ["integer", "string"]}, "integer", "5", "5"),
        ({"type": ["integer", "string"]}, "boolean", "true", "TYPE `true` is not an integer or a string"),
        ({"type": "object"}, "object", '{ "a": [1.10, " "] }', '{"a":[1.10," "]}'),
        ({"type": "array"}, "array", "[1, 2]", "[1,2]"),
        ({"type": "array"}, "object", "{}", "TYPE `{}` is not a JSON array"),
        ({"enum": ["a", "b"]}, "string", "c", "ENUM `c` is not one of `a`, `b`"),
        ({"enum": [1, 2.5]}, "number", "2.50", "2.50"),
        (None, "integer", "-0", "0"),
        (None, "number", "1.10", "1.10"),
        (None, "string", "x", '"x"'),
        (None, "boolean", "true", "true"),
        (None, "null", "null", "null"),
        (None, "array", "[1, null]", "[1,null]"),
        (None, "object", "{}", "{}"),
        ({"minimum": 5}, "integer", "4", "RANGE `4` is less than `5`"),
        ({"minimum": 5}, "string", "4", '"4"'),
        ({"minLength": 2}, "string", "x", "LENGTH `x` has length 1, less than 2"),
    ],
)  # fmt: skip
def test_a_member_has_the_type_that_json_gives_it(
    column: dict[str, Any] | None, type: str, text: str, written: str | None
) -> None:
    assert read(column, type, text) == written


def test_rules_of_a_name_come_from_patterns_and_the_rest_too() -> None:
    members = rules(
        {
            "properties": {"id": {"type": "integer"}},
            "patternProperties": {"^n_": {"type": "number"}},
            "additionalProperties": {"type": "string"},
        }
    )
    assert members.read("n_1", JsonType.NUMBER, "1.5") == "1.5"
    assert isinstance(members.read("n_1", JsonType.STRING, "1.5"), RowError)
    assert members.read("other", JsonType.STRING, "x") == '"x"'
    assert isinstance(members.read("other", JsonType.INTEGER, "1"), RowError)


def test_a_row_is_written_in_its_own_order() -> None:
    schema = {"properties": {"a": {}, "b": {}}, "required": ["a"]}
    assert check(schema, {"b": "1", 'x"': "true", "c": None, "a": '"é"'}) == '{"b":1,"x\\"":true,"a":"é"}'
    assert check({}, {}) == "{}"
    assert check({}, {"a": None}) == "{}"


def test_errors_come_in_the_rows_order_then_what_is_missing() -> None:
    schema = {"properties": {}, "required": ["z", "a", "m"]}
    wrong = compile_model({"properties": {"b": {"type": "integer"}}}).members().read
    error = wrong("b", JsonType.STRING, "x")
    assert check(schema, {"b": error, "a": None, "m": "1"}) == [
        ("b", "TYPE"),
        ("z", "REQUIRED"),
        ("a", "REQUIRED"),
    ]


def test_a_member_that_the_model_forbids_is_schema_and_comes_last() -> None:
    schema: dict[str, Any] = {
        "properties": {"a": {"type": "integer"}, "b": False},
        "required": ["a"],
        "additionalProperties": False,
    }
    members = rules(schema)
    unknown = members.read("x", JsonType.NULL, "null")
    assert isinstance(unknown, RowError)
    assert unknown.message == "the model allows no member of this name"
    assert check(schema, {"a": "1", "x": unknown}) == [("x", "SCHEMA")]
    assert check(schema, {"x": unknown}) == [("a", "REQUIRED")]
    forbidden = members.read("b", JsonType.INTEGER, "1")
    assert check(schema, {"b": forbidden, "a": "1", "x": unknown}) == [("b", "SCHEMA")]


def test_rules_of_the_whole_row_are_judged() -> None:
    schema = {"dependentRequired": {"a": ["b"]}, "maxProperties": 2}
    assert check(schema, {"b": "1", "c": "2"}) == '{"b":1,"c":2}'
    assert check(schema, {"a": "1"}) == [(None, "SCHEMA")]
    assert check(schema, {"b": "1", "c": "1", "d": "1"}) == [(None, "SCHEMA")]


def test_no_more_than_100_errors() -> None:
    schema = {"required": [f"c{n}" for n in range(150)]}
    result = check(schema, {})
    assert result == [(f"c{n}", "REQUIRED") for n in range(100)]


def test_names_made_up_by_a_file_do_not_pile_up() -> None:
    members = rules({"properties": {"last": {"type": "integer"}}})
    for n in range(5000):
        assert members.read(f"made_up_{n}", JsonType.INTEGER, "1") == "1"
    assert members.read("x" * 10_000, JsonType.INTEGER, "1") == "1"
    assert isinstance(members.read("last", JsonType.STRING, "1"), RowError)
    assert len(members._readers) < 2100
    assert "last" in members._readers
