"""The standard file: ten columns of an order, about 111 bytes a row as CSV and 222 as JSON."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

from benchmarks.workloads.rows import Cell, PooledRows, cell

__all__ = ["ORDERS", "bad_orders", "orders"]

_POOL = 20_000
_SEED = 20_240_229
_COLUMNS = [
    *("order_id", "customer_id", "email", "city", "amount"),
    *("quantity", "currency", "created_at", "paid", "note"),
]
_CITIES = ("São Paulo", "Zürich", "Kraków", "Lyon", "Porto", "Oslo", "Wien", "Boston", "Nairobi", "大阪")
_CURRENCIES = ("BRL", "CHF", "EUR", "GBP", "USD")
_NOTES = (
    "gift wrap please",
    "",
    "leave at the door",
    "call before delivery",
    "second try",
    "no rush",
    "fragile, handle with care",
    'the "blue" one',
)
_NOTE_WEIGHTS = (30, 14, 20, 15, 8, 5, 6, 2)

ORDERS: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "order_id": {"type": "integer", "minimum": 1},
        "customer_id": {"type": "integer", "minimum": 1},
        "email": {"type": "string", "format": "email"},
        "city": {"type": "string", "minLength": 1, "maxLength": 80},
        "amount": {"type": "number", "minimum": 0},
        "quantity": {"type": "integer", "minimum": 1, "maximum": 1000},
        "currency": {"enum": list(_CURRENCIES)},
        "created_at": {"type": "string", "format": "date-time"},
        "paid": {"type": "boolean"},
        "note": {"type": "string", "maxLength": 200},
    },
    "required": _COLUMNS,
}


@cache
def orders() -> PooledRows:
    """Return orders that all meet their model."""
    return PooledRows(_COLUMNS, ORDERS, _pool)


@cache
def bad_orders() -> PooledRows:
    """Return orders of which each breaks one rule of the model, in one of four columns in turn."""
    return PooledRows(_COLUMNS, ORDERS, lambda: [_broken(row, i) for i, row in enumerate(_pool())])


def _pool() -> list[list[Cell]]:
    random = Random(_SEED)
    return [_order(random) for _ in range(_POOL)]


def _order(random: Random) -> list[Cell]:
    cents = random.randrange(100, 100_000) // 10 * 10 + random.randrange(1, 10)
    return [
        cell(random.randrange(100_000, 1_000_000)),
        cell(f"user{random.randrange(1, 100_000)}@shop.example.com"),
        cell(random.choice(_CITIES)),
        cell("", number=f"{cents // 100}.{cents % 100:02d}"),
        cell(random.randrange(1, 100)),
        cell(random.choice(_CURRENCIES)),
        cell(_moment(random)),
        cell(random.random() < 0.8),
        cell(random.choices(_NOTES, _NOTE_WEIGHTS)[0]),
    ]


def _moment(random: Random) -> str:
    day = f"{random.randrange(2020, 2026)}-{random.randrange(1, 13):02d}-{random.randrange(1, 29):02d}"
    clock = f"{random.randrange(24):02d}:{random.randrange(60):02d}:{random.randrange(60):02d}"
    # never a whole second: a Parquet timestamp is written with the shortest fraction that is exact
    return f"{day}T{clock}.{random.randrange(1, 1000):03d}Z"


def _broken(order: list[Cell], row: int) -> list[Cell]:
    column, text = ((3, "12,30"), (4, "0"), (6, "yesterday"), (5, "XXX"))[row % 4]
    return [*order[:column], cell(text), *order[column + 1 :]]
