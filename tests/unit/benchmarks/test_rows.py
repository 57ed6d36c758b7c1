"""The generated rows: what the CSV line says, the JSON says too."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest

from benchmarks.workloads import PooledRows, bad_orders, orders, texts, wide

_SHAPES = (orders, wide, texts)


def _cells(rows: PooledRows, start: int, stop: int) -> list[dict[str, str]]:
    text = b"\n".join([rows.header, *rows.lines(start, stop)]).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _typed(text: str, rules: dict[str, object]) -> object:
    convert: dict[object, Callable[[str], object]] = {
        "integer": int,
        "number": float,
        "boolean": {"true": True, "false": False}.__getitem__,
    }
    return convert.get(rules.get("type"), str)(text)


@pytest.mark.parametrize("make", _SHAPES)
def test_json_has_the_cells_of_the_line_with_their_types(make: Callable[[], PooledRows]) -> None:
    rows = make()
    rules = rows.schema["properties"]
    expected = [
        {name: _typed(text, rules[name]) for name, text in row.items()} for row in _cells(rows, 0, 500)
    ]
    assert [json.loads(row) for row in rows.typed(0, 500)] == expected


@pytest.mark.parametrize("make", _SHAPES)
def test_json_is_compact_and_in_column_order(make: Callable[[], PooledRows]) -> None:
    rows = make()
    for row in rows.typed(0, 50):
        pairs = json.loads(row, object_pairs_hook=list)
        assert [name for name, _ in pairs] == list(rows.columns)
        assert json.dumps(json.loads(row), separators=(",", ":"), ensure_ascii=False).encode() == row


def test_strings_are_the_cells_themselves_sorted_by_name() -> None:
    rows = orders()
    cells = [sorted(row.items()) for row in _cells(rows, 0, 500)]
    nulled = [[(name, text or None) for name, text in row] for row in cells]
    assert nulled != cells
    assert [json.loads(row, object_pairs_hook=list) for row in rows.strings(0, 500)] == cells
    assert [json.loads(row, object_pairs_hook=list) for row in rows.strings_or_null(0, 500)] == nulled


def test_every_row_has_its_own_id_across_pools() -> None:
    rows = orders()
    (_, first), (start, stop) = list(rows.chunks(len(rows.pool) + 3))
    ids = [int(line.partition(b",")[0]) for line in rows.lines(start, stop)]
    assert ids == [rows.first_id + first + i for i in range(3)]


def test_a_bad_order_breaks_one_rule_of_its_model() -> None:
    currencies = orders().schema["properties"]["currency"]["enum"]
    for row in _cells(bad_orders(), 0, 400):
        broken = [
            "," in row["amount"],
            not 1 <= int(row["quantity"]) <= 1000,
            row["created_at"] == "yesterday",
            row["currency"] not in currencies,
        ]
        assert sum(broken) == 1, row
