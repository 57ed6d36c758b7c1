"""The bad cell in its row, and the groups."""

from __future__ import annotations

import re
from typing import Any

import pytest

from worker.ui.rejects import cells, grouped, marked


def reject(raw: str, **more: Any) -> dict[str, Any]:
    return {"row": 1, "line": 2, "raw": raw, "raw_encoding": "utf-8", "errors": [], **more}


def error(column: str | None, message: str = "`?` is not") -> dict[str, Any]:
    return {"column": column, "code": "TYPE", "message": message}


@pytest.mark.parametrize(
    ("raw", "delimiter", "expected"),
    [
        ("a,b", ",", ["a", "b"]),
        ("", ",", [""]),
        (",", ",", ["", ""]),
        ('"a,b",c', ",", ['"a,b"', "c"]),
        ('"a""b,",c', ",", ['"a""b,"', "c"]),
        ('"a"x,"b', ",", ['"a"x', '"b']),
        ('5" pipe;b', ";", ['5" pipe', "b"]),
        ('"a\nb"\tc', "\t", ['"a\nb"', "c"]),
    ],
)
def test_cells(raw: str, delimiter: str, expected: list[str]) -> None:
    assert [raw[start:end] for start, end in cells(raw, delimiter)] == expected


@pytest.mark.parametrize(
    ("raw", "column", "columns", "expected"),
    [
        ("1;x;3", "b", ["a", "b", "c"], "1;<mark>x</mark>;3"),
        ('"1,5",<', "b", ["a", "b"], "&quot;1,5&quot;,<mark>&lt;</mark>"),
        ("1||3", "b", ["a", "b", "c"], "1|<mark> </mark>|3"),
        ("x,x", "b", [], "x,x"),  # which one is not known
        ("x,y", "b", [], "x,y"),  # the message names neither
        ("1,2", None, ["a", "b"], "1,2"),
    ],
)
def test_the_cell_of_the_column(raw: str, column: str | None, columns: list[str], expected: str) -> None:
    assert marked(reject(raw), error(column), columns, None) == expected


def test_without_the_columns_the_only_cell_of_that_text() -> None:
    found = marked(reject('1, "x" ,3'), error("b", "`x` is not an integer"), [], None)
    assert found == "1,<mark> &quot;x&quot; </mark>,3"
    assert marked(reject("x,x"), error("b", "`x` is not an integer"), [], None) == "x,x"


def test_the_member_of_a_parquet_row() -> None:
    raw = '{"a":1,"b":{"c":"NaN"},"d":2}'
    found = marked(reject(raw, line=None), error("b"), [], None)
    assert found.replace("&quot;", '"') == '{"a":1,<mark>"b":{"c":"NaN"}</mark>,"d":2}'


def test_bytes_that_are_no_text_are_not_searched() -> None:
    assert marked(reject("/wA=", raw_encoding="base64"), error("a"), ["a"], None) == "/wA="


def test_a_long_row_is_cut_around_the_cell() -> None:
    raw = ",".join(["v" * 50] * 9 + ["bad"] + ["w" * 50] * 9)
    found = marked(reject(raw), error("c9"), [f"c{n}" for n in range(19)], None)
    assert re.fullmatch(r"…[v,]{160}<mark>bad</mark>[w,]{160}…", found)
    assert marked(reject("x" * 1000), error(None), [], None) == "x" * 320 + "…"


def test_groups_count_all_and_show_some() -> None:
    rows = [reject("x,1", row=n, errors=[error("a", f"`x` {n}")]) for n in range(5)]
    rows.append(reject("1,y", row=9, errors=[error("b"), {"column": "b", "code": "RANGE", "message": "m"}]))
    groups = grouped(rows, ["a", "b"], ",")
    assert [(group.column, group.code, group.count) for group in groups] == [
        ("a", "TYPE", 5),
        ("b", "RANGE", 1),
        ("b", "TYPE", 1),
    ]
    assert [(sample.row, sample.message, sample.raw) for sample in groups[0].samples] == [
        (0, "`x` 0", "<mark>x</mark>,1"),
        (1, "`x` 1", "<mark>x</mark>,1"),
        (2, "`x` 2", "<mark>x</mark>,1"),
    ]
