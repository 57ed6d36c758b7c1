"""Every column rule with its message, and which failure of a column and of a row is reported."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import RowCode
from connectors.model.exact import is_multiple
from connectors.model.messages import TEMPLATES
from tests.unit.model.rows import read_cell, read_row


@pytest.mark.parametrize(
    ("column", "cell", "outcome"),
    [
        ({"enum": ["a", "b"]}, "a", '"a"'),
        ({"enum": ["a", "b"]}, "A", "ENUM `A` is not one of `a`, `b`"),
        ({"enum": ["a", "b"]}, " a", "ENUM ` a` is not one of `a`, `b`"),
        ({"const": "a"}, "b", "ENUM `b` is not one of `a`"),
        ({"enum": [1, 2]}, "02", "2"),
        ({"enum": [1, 2]}, "3", "ENUM `3` is not one of `1`, `2`"),
        ({"enum": [1, 2]}, "1.0", "TYPE `1.0` is not an integer"),
        ({"type": "number", "enum": [1, 2]}, "1.00", "1.00"),
        ({"type": "number", "enum": [1, 2]}, "10e-1", "10e-1"),
        ({"type": "number", "const": 0.1}, "0.1", "0.1"),
        ({"type": "number", "const": 0.1}, "0.10000000000000001",
         "ENUM `0.10000000000000001` is not one of `0.1`"),
        ({"type": "number", "const": 0}, "-0", "-0"),
        ({"type": "number", "enum": [0]}, "0e999", "ENUM `0e999` is not one of `0`"),
        ({"const": 9007199254740993}, "9007199254740992",
         "ENUM `9007199254740992` is not one of `9007199254740993`"),
        ({"type": "boolean", "const": True}, "1", "true"),
        ({"type": "boolean", "const": True}, "false", "ENUM `false` is not one of `true`"),
        ({"enum": [True, 1]}, "1", "1"),
        ({"enum": [True]}, "1", "true"),
        ({"const": {"a": [1, 2.5], "b": None}}, '{"b":null,"a":[1.0,25e-1]}', '{"b":null,"a":[1.0,25e-1]}'),
        ({"const": {"a": True}}, '{"a":1}', 'ENUM `{"a":1}` is not one of `{"a": true}`'),
        ({"const": [1]}, "[1e999999999999999999999]", "ENUM `[1e999999999999999999999]` is not one of `[1]`"),
        ({"enum": [1, 2], "const": 2}, "2", "2"),
        ({"enum": [1, 2], "const": 2}, "1", "ENUM `1` is not one of `1`, `2`, `2`"),
    ],
)  # fmt: skip
def test_enum_and_const(column: dict[str, Any], cell: str, outcome: str) -> None:
    assert read_cell(column, cell) == outcome


@pytest.mark.parametrize(
    ("column", "cell", "outcome"),
    [
        ({"type": "integer", "minimum": 5}, "5", "5"),
        ({"type": "integer", "minimum": 5}, "4", "RANGE `4` is less than `5`"),
        ({"type": "integer", "exclusiveMinimum": 5}, "6", "6"),
        ({"type": "integer", "exclusiveMinimum": 5}, "5", "RANGE `5` is not greater than `5`"),
        ({"type": "integer", "maximum": 5}, "5", "5"),
        ({"type": "integer", "maximum": 5}, "6", "RANGE `6` is greater than `5`"),
        ({"type": "integer", "exclusiveMaximum": 5}, "4", "4"),
        ({"type": "integer", "exclusiveMaximum": 5}, "5", "RANGE `5` is not less than `5`"),
        ({"type": "integer", "multipleOf": 3}, "-9", "-9"),
        ({"type": "integer", "multipleOf": 3}, "10", "RANGE `10` is not a multiple of `3`"),
        ({"type": "number", "multipleOf": 0.01}, "4.35", "4.35"),
        ({"type": "number", "multipleOf": 0.1}, "0.3", "0.3"),
        ({"type": "number", "multipleOf": 0.01}, "4.355", "RANGE `4.355` is not a multiple of `0.01`"),
        ({"type": "number", "multipleOf": 0.01}, "1e400", "1e400"),
        ({"type": "number", "multipleOf": 3}, "1e400", "RANGE `1e400` is not a multiple of `3`"),
        ({"type": "number", "multipleOf": 1e-300}, "1e-400", "RANGE `1e-400` is not a multiple of `1E-300`"),
        ({"type": "number", "multipleOf": 7}, "0", "0"),
        ({"type": "number", "maximum": 0.3}, "0.3", "0.3"),
        ({"type": "number", "maximum": 0.3}, "0.30000000000000001",
         "RANGE `0.30000000000000001` is greater than `0.3`"),
        ({"type": "integer", "maximum": 2**64}, "18446744073709551616", "18446744073709551616"),
        ({"type": "integer", "maximum": 2**64}, "18446744073709551617",
         "RANGE `18446744073709551617` is greater than `18446744073709551616`"),
        ({"type": "number", "minimum": 0}, "-0", "-0"),
        ({"type": "number"}, "1e400", "1e400"),
        ({"type": "number"}, "1e-400", "1e-400"),
        ({"type": "number"}, "1e00400", "1e00400"),
        ({"type": "number"}, "1e401", "RANGE `1e401` has an exponent beyond ±400"),
        ({"type": "number"}, "1E-401", "RANGE `1E-401` has an exponent beyond ±400"),
        ({"type": "number"}, "0e+1000", "RANGE `0e+1000` has an exponent beyond ±400"),
        ({"type": "number", "minimum": 5}, "1e" + "9" * 99,
         f"RANGE `1e{'9' * 98}` has an exponent beyond ±400"),
        ({"type": "array"}, "[1e400,1e-400]", "[1e400,1e-400]"),
        ({"type": "array"}, '["1e401"]', '["1e401"]'),
        ({"type": "array"}, "[1e401]", "RANGE `[1e401]` has an exponent beyond ±400"),
        ({"type": "object"}, '{"a":{"b":1E-999}}', 'RANGE `{"a":{"b":1E-999}}` has an exponent beyond ±400'),
        ({"type": "string", "minimum": 5}, "1", '"1"'),
        ({"type": "boolean", "minimum": 5}, "1", "true"),
        ({"type": "integer", "minimum": 5, "maximum": 1}, "3", "RANGE `3` is less than `5`"),
        ({"type": "number", "minimum": 2}, "+01.", "RANGE `1` is less than `2`"),
    ],
)  # fmt: skip
def test_range(column: dict[str, Any], cell: str, outcome: str) -> None:
    assert read_cell(column, cell) == outcome


@pytest.mark.parametrize(
    ("column", "cell", "outcome"),
    [
        ({"minLength": 2}, "ab", '"ab"'),
        ({"minLength": 2}, "a", "LENGTH `a` has length 1, less than 2"),
        ({"maxLength": 2}, "ab", '"ab"'),
        ({"maxLength": 2}, "abc", "LENGTH `abc` has length 3, greater than 2"),
        ({"maxLength": 1}, "\U0001f600", '"\U0001f600"'),
        ({"maxLength": 1}, "e\u0301", "LENGTH `e\u0301` has length 2, greater than 1"),
        ({"maxLength": 2.0}, "abc", "LENGTH `abc` has length 3, greater than 2"),
        ({"maxLength": 5}, "x" * 200, f"LENGTH `{'x' * 100}` has length 200, greater than 5"),
        ({"type": "integer", "maxLength": 1}, "100", "100"),
    ],
)
def test_length(column: dict[str, Any], cell: str, outcome: str) -> None:
    assert read_cell(column, cell) == outcome


@pytest.mark.parametrize(
    ("pattern", "cell", "matches"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("^[A-Z]{2}-[0-9]{4}$", "AB-1234", True),
        ("^[A-Z]{2}-[0-9]{4}$", "AB-1234\n", False),
        (r"^\d+$", "123", True),
        (r"^\d+$", "١٢٣", False),
        (r"^\w+$", "é", False),
        (r"^\s$", "\ufeff", True),
        ("^.$", "\U0001f600", True),
        ("^.$", "\n", False),
        ("^.$", "\u2028", False),
        (r"^\p{Lu}$", "É", True),
        (r"^\u00e9$", "é", True),
        (r"^\x41\/\-$", "A/-", True),
        ("^[[a&&b]+$", "[&", True),
        (r"^(?<year>[0-9]{4})$", "2024", True),
        (r"^\cA$", "\x01", True),
    ],
)
def test_pattern_is_ecma_262(pattern: str, cell: str, matches: bool) -> None:
    wrong = f"PATTERN `{cell}` does not match the pattern `{pattern}`"
    outcome = read_cell({"type": "string", "pattern": pattern}, cell)
    assert outcome == wrong if not matches else str(outcome).startswith('"')


def test_a_catastrophic_pattern_takes_linear_time() -> None:
    cell = "a" * 100_000 + "!"
    started = time.process_time()
    outcome = read_cell({"type": "string", "pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}, cell)
    assert outcome == f"PATTERN `{'a' * 100}` does not match the pattern `^(([a-z])+.)+[A-Z]([a-z])+$`"
    assert time.process_time() - started < 5


def test_long_patterns_are_cut_in_messages() -> None:
    pattern = "^" + "a" * 150 + "$"
    assert read_cell({"pattern": pattern}, "b") == f"PATTERN `b` does not match the pattern `^{'a' * 99}`"


def test_messages_name_as_many_members_as_fit() -> None:
    members = [f"member-{n:03}" for n in range(50)]
    shown = ", ".join(f"`{member}`" for member in members[:7])
    assert read_cell({"enum": members}, "x") == f"ENUM `x` is not one of {shown}, …"
    assert read_cell({"enum": ["m" * 300, "n"]}, "x") == f"ENUM `x` is not one of `{'m' * 100}`, …"


@pytest.mark.parametrize(
    ("cell", "code"),
    [("x", "TYPE"), ("7", "ENUM"), ("1", "RANGE")],
)
def test_first_failure_of_a_number(cell: str, code: str) -> None:
    column = {"type": "integer", "multipleOf": 2, "minimum": 2, "enum": [1, 2, 3, 8]}
    assert str(read_cell(column, cell)).split()[0] == code


@pytest.mark.parametrize(
    ("cell", "code"),
    [("x", "ENUM"), ("ab", "LENGTH"), ("abcd", "PATTERN"), ("2024x", "FORMAT")],
)
def test_first_failure_of_a_string(cell: str, code: str) -> None:
    column = {
        "format": "date", "pattern": "^2", "minLength": 3, "enum": ["ab", "abcd", "2024x", "2024-01-01"],
    }  # fmt: skip
    assert str(read_cell(column, cell)).split()[0] == code
    assert read_cell(column, "2024-01-01") == '"2024-01-01"'


def test_errors_come_in_file_order_then_required_in_the_schemas_order() -> None:
    schema = {
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": "string", "maxLength": 1},
            "c": {"type": "integer"},
            "d": {"type": "integer", "maximum": 5},
        },
        "required": ["d", "c", "a"],
        "minProperties": 9,
    }
    assert read_row(schema, d="6", c="", b="xx", a="") == [
        ("d", "RANGE", "`6` is greater than `5`"),
        ("b", "LENGTH", "`xx` has length 2, greater than 1"),
        ("c", "REQUIRED", "a value is required, but there is none"),
        ("a", "REQUIRED", "a value is required, but there is none"),
    ]


def test_a_row_reports_at_most_100_errors() -> None:
    names = [f"c{n}" for n in range(150)]
    schema = {"additionalProperties": {"type": "integer"}}
    errors = read_row(schema, **dict.fromkeys(names, "x"))
    assert [error[0] for error in errors] == names[:100]


def test_every_code_of_a_row_has_a_template() -> None:
    assert {code for code, _ in TEMPLATES.values()} == set(RowCode)


@given(st.integers(-(10**20), 10**20), st.integers(-30, 30), st.integers(1, 10**6), st.integers(-30, 30))
def test_multiples_are_exact(digits: int, exponent: int, of_digits: int, of_exponent: int) -> None:
    lowest = min(exponent, of_exponent)
    left, right = digits * 10 ** (exponent - lowest), of_digits * 10 ** (of_exponent - lowest)
    value, of = Decimal(f"{digits}e{exponent}"), Decimal(f"{of_digits}e{of_exponent}")
    assert is_multiple(value, of) is (left % right == 0)
