"""How a file writes its cells: texts that stand for null, and the decimal sign."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.api import RowError
from connectors.model import CellFormat, compile_model

NULLS = CellFormat(frozenset({"NA", "-", "n a"}))
COMMA = CellFormat(decimal_comma=True)


def read(column: dict[str, Any], cell: str, cells: CellFormat) -> str | None:
    """Return what is written for one cell (None: left out), or `CODE message`."""
    [rule] = compile_model({"properties": {"c": column}}).bind(("c",)).rules
    outcome = cells.reader(rule)(cell)
    return f"{outcome.code} {outcome.message}" if isinstance(outcome, RowError) else outcome


@pytest.mark.parametrize(
    ("column", "cell", "written"),
    [
        ({"type": ["number", "null"]}, "NA", "null"),
        ({"type": ["number", "null"]}, " NA\t", "null"),
        ({"type": ["number", "null"]}, "-", "null"),
        ({"type": ["number", "null"]}, "n a", "null"),
        ({"type": ["number", "null"]}, "-1", "-1"),
        ({"type": ["number", "null"]}, "na", "TYPE `na` is not a number or empty"),
        ({"type": ["number", "null"]}, "\nNA", "TYPE `\nNA` is not a number or empty"),
        ({"type": ["number", "null"]}, "", "null"),
        ({"type": "number"}, "NA", None),
        ({"type": "string"}, "NA", None),
        ({"type": "string"}, " NA", None),
        ({"type": "string"}, "NAN", '"NAN"'),
        ({"type": "string"}, "", '""'),
        ({"type": ["string", "null"]}, "NA", "null"),
        ({"type": ["string", "null"]}, "", "null"),
        ({"type": "string", "minLength": 5}, "NA", None),
        ({"enum": ["NA", "x"]}, "NA", None),
        ({"enum": ["x", None]}, "NA", "null"),
        ({"type": ["string", "null"], "enum": ["x"]}, "NA", None),
        ({"type": "null"}, "NA", "null"),
        ({}, "NA", None),
    ],
)
def test_null_values(column: dict[str, Any], cell: str, written: str | None) -> None:
    assert read(column, cell, NULLS) == written


def test_an_empty_text_can_stand_for_null_too() -> None:
    empty = CellFormat(frozenset({""}))
    assert read({"type": "string"}, "", empty) is None
    assert read({"type": "string"}, " ", empty) is None
    assert read({"type": ["string", "null"]}, " \t", empty) == "null"


@pytest.mark.parametrize(
    ("column", "cell", "written"),
    [
        ({"type": "number"}, "1,5", "1.5"),
        ({"type": "number"}, "1,50", "1.50"),
        ({"type": "number"}, " +001,10 ", "1.10"),
        ({"type": "number"}, ",5", "0.5"),
        ({"type": "number"}, "-5,", "-5"),
        ({"type": "number"}, "5,e3", "5e3"),
        ({"type": "number"}, "1,5E+3", "1.5E+3"),
        ({"type": "number"}, "7", "7"),
        ({"type": "number"}, "-0", "-0"),
        ({"type": "number"}, "1.5", "TYPE `1.5` is not a number with a decimal comma"),
        ({"type": "number"}, "1.000,5", "TYPE `1.000,5` is not a number with a decimal comma"),
        ({"type": "number"}, "1,000,5", "TYPE `1,000,5` is not a number with a decimal comma"),
        ({"type": "number"}, "1 000,5", "TYPE `1 000,5` is not a number with a decimal comma"),
        ({"type": "number"}, ",", "TYPE `,` is not a number with a decimal comma"),
        ({"type": "number"}, "", None),
        ({"type": ["number", "null"]}, "x", "TYPE `x` is not a number with a decimal comma or empty"),
        ({"type": "number", "maximum": 1.4}, "1,5", "RANGE `1.5` is greater than `1.4`"),
        ({"enum": [0.5, 1]}, "0,50", "0.50"),
        ({"type": "number"}, "1,0e999", "RANGE `1.0e999` has an exponent beyond ±400"),
        ({"type": "integer"}, "1,0", "TYPE `1,0` is not an integer"),
        ({"type": "integer"}, "10", "10"),
        ({"type": ["integer", "number"]}, "1,5", "1.5"),
        ({"type": ["number", "string"]}, "1.5", '"1.5"'),
        ({"type": "string"}, "1,5", '"1,5"'),
        ({"type": "array"}, "[1.5, 2]", "[1.5,2]"),
    ],
)
def test_a_decimal_comma(column: dict[str, Any], cell: str, written: str | None) -> None:
    assert read(column, cell, COMMA) == written


def test_both_together() -> None:
    both = CellFormat(frozenset({"NA", "1,5"}), decimal_comma=True)
    column = {"type": ["number", "null"]}
    assert [read(column, cell, both) for cell in ("NA", "1,5", "2,5")] == ["null", "null", "2.5"]


def test_without_either_a_rule_reads_as_it_is() -> None:
    assert read({"type": "number"}, "1,5", CellFormat()) == "TYPE `1,5` is not a number"
    assert read({"type": "number"}, "1.5", CellFormat()) == "1.5"
    assert read({"type": "string"}, "NA", CellFormat()) == '"NA"'
