"""Binding a model to a file's columns: what fails before any row, keys, and what a typed source asks."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.errors import HeaderError, JobCode
from connectors.model import ColumnRule, JsonType, RowKey, RowRules, compile_model
from connectors.model.shape import NO_SHAPE


def bind(schema: dict[str, Any], *columns: str) -> RowRules:
    return compile_model(schema).bind(columns)


@pytest.mark.parametrize(
    ("schema", "columns", "code", "message"),
    [
        ({"required": ["a"]}, ["b"], JobCode.COLUMN_MISSING,
         "the file has no column `a`, which the model requires; it has column `b`"),
        ({"required": ["a", "b", "c"], "allOf": [{"required": ["d", "a"]}]}, ["b", "x"],
         JobCode.COLUMN_MISSING,
         "the file has no columns `a`, `c`, `d`, which the model requires; it has columns `b`, `x`"),
        ({"required": ["a"], "additionalProperties": False}, ["b"], JobCode.COLUMN_MISSING,
         "the file has no column `a`, which the model requires; it has column `b`"),
        ({"required": ["a"]}, [f"c{n}" for n in range(12)], JobCode.COLUMN_MISSING,
         "the file has no column `a`, which the model requires; it has columns `c0`, `c1`, `c2`, `c3`, "
         "`c4`, `c5`, `c6`, `c7`, `c8`, `c9` and 2 more"),
        ({"properties": {"a": {}}, "additionalProperties": False}, ["a", "b"], JobCode.COLUMN_UNKNOWN,
         "the model does not allow column `b`"),
        ({"properties": {"a": {}}, "patternProperties": {"^n_": {}}, "additionalProperties": False},
         ["x", "n_1", "y"], JobCode.COLUMN_UNKNOWN, "the model does not allow columns `x`, `y`"),
        ({"properties": {"a": False}}, ["a"], JobCode.COLUMN_UNKNOWN, "the model does not allow column `a`"),
        ({"allOf": [{"properties": {"a": {}}, "additionalProperties": False}], "properties": {"b": {}}},
         ["a", "b"], JobCode.COLUMN_UNKNOWN, "the model does not allow column `b`"),
    ],
)  # fmt: skip
def test_columns_that_do_not_fit(
    schema: dict[str, Any], columns: list[str], code: JobCode, message: str
) -> None:
    with pytest.raises(HeaderError) as raised:
        bind(schema, *columns)
    assert raised.value.code is code
    assert raised.value.message == message
    assert "the model's" in raised.value.hint


def test_columns_and_rules_are_in_file_order() -> None:
    rules = bind({"properties": {"a": {}, "b": {}}}, "z", "b", "a")
    assert rules.columns == ("z", "b", "a")
    assert [rule.name for rule in rules.rules] == ["z", "b", "a"]
    assert rules.check(["1", '"x"', None]) == b'{"z":1,"b":"x"}'


def test_names_are_escaped() -> None:
    assert bind({}, 'a"b', "é\n").check(["1", "2"]) == '{"a\\"b":1,"é\\n":2}'.encode()


def test_a_file_without_columns_lacks_none() -> None:
    rules = bind({"required": ["a"]})
    assert rules.columns == ()
    [error] = rules.check([])
    assert not isinstance(error, int)
    assert (error.column, error.code) == ("a", "REQUIRED")
    assert bind({}).check([]) == b"{}"


@pytest.mark.parametrize(
    ("outcome", "key"),
    [
        ('"abc"', b"abc"),
        ('""', b""),
        ('"null"', b"null"),
        ('"a\\"\\\\\\n\\u0001é"', b'a"\\\n\x01\xc3\xa9'),
        ("7", b"7"),
        ("1.10", b"1.10"),
        ("true", b"true"),
        ('{"a":"b"}', b'{"a":"b"}'),
        ("null", None),
        (None, None),
    ],
)
def test_key(outcome: str | None, key: bytes | None) -> None:
    assert RowKey(bind({}, "a", "k"), "k").of(['"x"', outcome]) == key


def test_no_key() -> None:
    assert RowKey(bind({}, "a"), None).of(['"x"']) is None


def test_a_key_without_a_column() -> None:
    with pytest.raises(HeaderError) as raised:
        RowKey(bind({}, "a"), "k")
    assert raised.value.code is JobCode.COLUMN_MISSING
    assert raised.value.message == "the file has no column `k`, which the option `key` names"
    assert "option `key`" in raised.value.hint
    RowKey(bind({}), "k")


def test_types_of_a_column() -> None:
    schema = {
        "properties": {
            "a": {"type": ["null", "string", "integer"]},
            "b": {"title": "no type"},
            "c": {"enum": [1, None]},
        },
        "patternProperties": {"^p": {"type": "boolean"}},
    }
    a, b, c, p, other = bind(schema, "a", "b", "c", "p1", "x").rules
    assert (a.types, a.nullable, a.typed) == (("integer", "string"), True, True)
    assert (b.types, b.nullable, b.typed) == (("string",), False, False)
    assert (c.types, c.nullable, c.typed) == (("integer",), True, True)
    assert (p.types, p.nullable, p.typed) == (("boolean",), False, True)
    assert (other.types, other.nullable, other.typed) == (("string",), False, False)


def test_a_typed_source_tries_only_its_own_type() -> None:
    [rule] = bind(
        {"properties": {"a": {"type": ["integer", "string"], "maxLength": 1, "maximum": 5}}}, "a"
    ).rules
    text = rule.narrow({JsonType.STRING})
    assert text.types == ("string",)
    assert text.value_reader()("7") == '"7"'
    assert rule.narrow({JsonType.INTEGER, JsonType.NUMBER}).value_reader()("5") == "5"
    assert rule.narrow({JsonType.OBJECT}).types == ()


def test_a_column_without_type_takes_the_one_that_its_source_gives() -> None:
    rule = ColumnRule.of_shape("x", NO_SHAPE).own(JsonType.NUMBER)
    assert (rule.types, rule.nullable, rule.typed, rule.empty) == (("number",), False, False, None)
    assert rule.value_reader()("1e16") == "1e16"
