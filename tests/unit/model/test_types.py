"""Every line of the type table: which cells a type accepts, and what is written for them."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.model.grammar import integer_text, number_text, quote
from tests.unit.model.rows import read_cell

LONG = "9" * 5000


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("0", "0"),
        ("7", "7"),
        ("-7", "-7"),
        ("+7", "7"),
        ("007", "7"),
        ("-007", "-7"),
        ("+007", "7"),
        ("-0", "0"),
        ("-000", "0"),
        ("+0", "0"),
        ("000", "0"),
        ("100", "100"),
        (" 7", "7"),
        ("\t7 \t", "7"),
        ("18446744073709551616", "18446744073709551616"),
        (LONG, LONG),
        ("-" + LONG, "-" + LONG),
        ("00" + LONG, LONG),
    ],
)
def test_integer(cell: str, written: str) -> None:
    assert read_cell({"type": "integer"}, cell) == written


@pytest.mark.parametrize(
    "cell",
    [
        "1.0",
        "1e3",
        "1_000",
        "٣",
        "１",
        "0x1",
        "--1",
        "+-1",
        "+",
        "-",
        "1 0",
        "1\n",
        "\n1",
        "\xa01",
        "1\r",
        "x",
        "∞",
    ],
)
def test_not_an_integer(cell: str) -> None:
    assert read_cell({"type": "integer"}, cell) == f"TYPE `{cell}` is not an integer"


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("1", "1"),
        ("0", "0"),
        ("-0", "-0"),
        ("-0.0", "-0.0"),
        ("1.10", "1.10"),
        ("1E5", "1E5"),
        ("1e+05", "1e+05"),
        ("1e-400", "1e-400"),
        ("1e400", "1e400"),
        ("0e0", "0e0"),
        (" 1.5\t", "1.5"),
        ("+1.5", "1.5"),
        ("+0", "0"),
        ("-00", "-0"),
        ("007.50", "7.50"),
        ("-007", "-7"),
        ("00", "0"),
        ("00.5", "0.5"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("+.5e1", "0.5e1"),
        ("5.", "5"),
        ("-05.", "-5"),
        ("5.e3", "5e3"),
        ("5.E-3", "5E-3"),
        (LONG + ".5", LONG + ".5"),
    ],
)
def test_number(cell: str, written: str) -> None:
    assert read_cell({"type": "number"}, cell) == written


@pytest.mark.parametrize(
    "cell",
    [".", "+", "-", "+.", ".e3", "e3", "1e", "1e+", "1.5.2", "1,5", "1 5", "NaN", "nan", "Infinity", "-inf",
     "0x1p3", "1_0", "٣", "1.٣", "1e٣", "--1", "1\n"],
)  # fmt: skip
def test_not_a_number(cell: str) -> None:
    assert read_cell({"type": "number"}, cell) == f"TYPE `{cell}` is not a number"


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("true", "true"),
        ("TRUE", "true"),
        ("True", "true"),
        ("tRuE", "true"),
        ("1", "true"),
        (" 1\t", "true"),
        ("false", "false"),
        ("FALSE", "false"),
        ("0", "false"),
    ],
)
def test_boolean(cell: str, written: str) -> None:
    assert read_cell({"type": "boolean"}, cell) == written


@pytest.mark.parametrize("cell", ["yes", "no", "t", "f", "2", "01", "1.0", "-0", "true\n", "truе", "on"])
def test_not_a_boolean(cell: str) -> None:
    assert (
        read_cell({"type": "boolean"}, cell) == f"TYPE `{cell}` is not a boolean (`true`, `false`, `1`, `0`)"
    )


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("plain", '"plain"'),
        (" kept \t", '" kept \t"'.replace("\t", "\\t")),
        ("12", '"12"'),
        ("null", '"null"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("C:\\x", '"C:\\\\x"'),
        ("a\nb\rc", '"a\\nb\\rc"'),
        ("\b\f\x00\x1b\x1f", '"\\b\\f\\u0000\\u001b\\u001f"'),
        ("\x7f/é\u2028\U0001f600", '"\x7f/é\u2028\U0001f600"'),
    ],
)
def test_string(cell: str, written: str) -> None:
    assert read_cell({"type": "string"}, cell) == written


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("{}", "{}"),
        ('{"a":1}', '{"a":1}'),
        (' { "a" : [ 1 , 2.50 ] ,\n"b c" : " x  y " } ', '{"a":[1,2.50],"b c":" x  y "}'),
        ('{"q":"\\" : ["}', '{"q":"\\" : ["}'),
        ('{"n":1e5,"big":123456789012345678901234567890}', '{"n":1e5,"big":123456789012345678901234567890}'),
        ('{"a":1,"a":2}', '{"a":1,"a":2}'),
        ('{"u":"\\ud83d\\ude00 \\/"}', '{"u":"\\ud83d\\ude00 \\/"}'),
    ],
)
def test_object(cell: str, written: str) -> None:
    assert read_cell({"type": "object"}, cell) == written


@pytest.mark.parametrize(
    "cell",
    ["[]", "1", '"x"', "null", "{", "{'a':1}", "{a:1}", '{"a":01}', '{"a":1,}', '{"a":NaN}', "{}{}",
     '{"a":-Infinity}', '{"a":"\n"}', '{"a":1} x', '{"a":"\\ud800"}', '{"\\udc00":1}', "\ufeff{}", '{"a":.5}',
     '{"a":+1}'],
)  # fmt: skip
def test_not_an_object(cell: str) -> None:
    assert read_cell({"type": "object"}, cell) == f"TYPE `{cell}` is not a JSON object"


@pytest.mark.parametrize(
    ("cell", "written"),
    [("[]", "[]"), ("[ 1 , -0 , 1.10 ]", "[1,-0,1.10]"), ('["a b", null, true]', '["a b",null,true]')],
)
def test_array(cell: str, written: str) -> None:
    assert read_cell({"type": "array"}, cell) == written


@pytest.mark.parametrize("cell", ["{}", "[1", "[1,]", "[,]", "1,2", "[NaN]", "[1e]"])
def test_not_an_array(cell: str) -> None:
    assert read_cell({"type": "array"}, cell) == f"TYPE `{cell}` is not a JSON array"


def test_depth_ends_at_100() -> None:
    deep = "[" * 100 + "]" * 100
    assert read_cell({"type": "array"}, deep) == deep
    assert read_cell({"type": "array"}, f"[{deep}]") == f"TYPE `{'[' * 100}` is not a JSON array"
    assert read_cell({"type": "array"}, "[" * 100_000) == f"TYPE `{'[' * 100}` is not a JSON array"


def test_brackets_in_strings_and_side_by_side_are_not_deep() -> None:
    flat = '["' + "[" * 200 + '",' + ",".join(["[]"] * 200) + "]"
    assert read_cell({"type": "array"}, flat) == flat


def test_a_column_without_a_type_is_a_string() -> None:
    assert read_cell({}, "12") == '"12"'
    assert read_cell(True, "12") == '"12"'
    assert read_cell({"title": "x"}, "12") == '"12"'


NAIVE_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


@given(st.text())
def test_strings_are_escaped_as_rfc_8785_says(text: str) -> None:
    escaped = "".join(NAIVE_ESCAPES.get(ord(c), f"\\u{ord(c):04x}" if ord(c) < 32 else c) for c in text)
    assert quote(text) == f'"{escaped}"'


@given(
    st.sampled_from(["", "+", "-"]),
    st.text("0123456789", max_size=30),
    st.sampled_from(["", "."]),
    st.text("0123456789", max_size=30),
    st.sampled_from(["", "e0", "E+05", "e-17"]),
)
def test_a_number_that_is_written_has_the_value_that_was_read(
    sign: str, whole: str, dot: str, fraction: str, exponent: str
) -> None:
    cell = sign + whole + dot + (fraction if dot else "") + exponent
    written = number_text(cell)
    if not whole and not (dot and fraction):
        assert written is None
        return
    assert written is not None
    assert json.loads(written, parse_float=Decimal, parse_int=Decimal) == Decimal(cell)
    assert len(written) <= len(cell) + 1


@given(st.integers(), st.integers(0, 5), st.booleans())
def test_an_integer_that_is_written_has_the_value_that_was_read(value: int, zeros: int, plus: bool) -> None:
    cell = ("-" if value < 0 else "+" if plus else "") + "0" * zeros + str(abs(value))
    assert integer_text(cell) == str(value)
