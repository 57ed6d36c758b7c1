"""What a row is written as is valid against its whole schema, by a library that never saw our rules."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import SchemaError
from tests.unit.model.rows import read_row

NUMBERS = st.sampled_from([0, 1, 2, 5, -1, 0.5, 1.0, 2.5])
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"])
MEMBERS = st.one_of(
    NUMBERS, st.sampled_from(["", "a", "1", "true", True, False, None]), st.just([1]), st.just({})
)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.one_of(TYPES, st.lists(TYPES, min_size=1, max_size=4, unique=True)),
        "enum": st.lists(MEMBERS, min_size=1, max_size=4),
        "const": MEMBERS,
        "minimum": NUMBERS,
        "exclusiveMaximum": NUMBERS,
        "multipleOf": st.sampled_from([0.5, 1, 2]),
        "minLength": st.integers(0, 2),
        "maxLength": st.integers(0, 3),
        "pattern": st.sampled_from(["^a", "1$", "^$"]),
        "minItems": st.integers(0, 2),
        "items": st.fixed_dictionaries({"type": TYPES}),
    },
)


def compound(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(inner, min_size=1, max_size=3)
    parts: dict[str, st.SearchStrategy[Any]] = {"allOf": some, "anyOf": some, "oneOf": some, "not": inner}
    return st.builds(lambda rules, more: {**rules, **more}, RULES, st.fixed_dictionaries({}, optional=parts))


COLUMNS = st.recursive(RULES, compound, max_leaves=6)
CELLS = st.sampled_from(
    ["", " ", "a", "ab", "abcd", "1", "+02", "0.50", "-1", "5", "2e0", "true", "False", "0", "[]", "[1]",
    '["a", 1]', "{}",
     '{"a":1}', "null", "2024-01-01"]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(COLUMNS, st.one_of(st.just(None), RULES), CELLS, st.booleans())
def test_what_is_written_is_valid(
    column: dict[str, Any], other: dict[str, Any] | None, cell: str, required: bool
) -> None:
    schema: dict[str, Any] = {"properties": {"c": column}, "required": ["c"] if required else []}
    if other is not None:
        schema["patternProperties"] = {"^c": other}
    try:
        row = read_row(schema, c=cell)
    except SchemaError:
        return
    if isinstance(row, str):
        instance = json.loads(row, parse_float=Decimal)
        assert jsonschema_rs.Draft202012Validator(schema).is_valid(instance)
        assert row == "{}" or instance.keys() == {"c"}
