"""Files of other shapes: a hundred columns, and long texts with quotes and line breaks in them."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

from benchmarks.workloads.rows import Cell, PooledRows, cell

__all__ = ["texts", "wide"]

_WIDE_POOL = 2_000
_TEXT_POOL = 10_000
_SEED = 20_240_301
_PROSE = (
    "the order arrived late and one of its parts was missing; we called twice, nobody answered. Größe, "
    "naïve, façade, 東京 and an emoji 🚚 stand in it, as do prices like 1.99 and 20 percent off"
)
_WORDS = _PROSE.split()


@cache
def wide() -> PooledRows:
    """Return rows of a hundred columns: integers, numbers, strings, booleans and dates in turn."""
    columns = ["row_id", *(f"c{i:02d}" for i in range(1, 100))]
    types = [_WIDE_TYPES[i % len(_WIDE_TYPES)] for i in range(99)]
    return PooledRows(columns, _model(columns, [{"type": "integer"}, *types]), _wide_pool)


@cache
def texts() -> PooledRows:
    """Return rows of four columns, nearly all of them quoted text with quotes, commas and line breaks."""
    columns = ["review_id", "product", "title", "body"]
    types = [{"type": "integer"}, {"type": "string"}, {"type": "string"}, {"type": "string"}]
    return PooledRows(columns, _model(columns, types), _text_pool)


def _wide_pool() -> list[list[Cell]]:
    random = Random(_SEED)
    return [[_of_type(random, i % len(_WIDE_TYPES)) for i in range(99)] for _ in range(_WIDE_POOL)]


def _text_pool() -> list[list[Cell]]:
    random = Random(_SEED)
    return [
        [
            cell(f"product {random.randrange(5000)}"),
            cell(f'"{_prose(random, 3)}", they said'),
            cell(_quoting(random)),
        ]
        for _ in range(_TEXT_POOL)
    ]


_WIDE_TYPES: tuple[dict[str, Any], ...] = (
    {"type": "integer", "minimum": 0},
    {"type": "number"},
    {"type": "string", "maxLength": 40},
    {"type": "boolean"},
    {"type": "string", "format": "date"},
)


def _model(columns: list[str], types: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": dict(zip(columns, types, strict=True)),
        "required": columns,
    }


def _of_type(random: Random, kind: int) -> Cell:
    if kind == 0:
        return cell(random.randrange(10_000_000))
    if kind == 1:
        return cell("", number=f"{random.randrange(10_000)}.{random.randrange(1, 1000) * 10 + 1}")
    if kind == 2:
        return cell(_prose(random, 2))
    if kind == 3:
        return cell(random.random() < 0.5)
    return cell(f"{random.randrange(1990, 2026)}-{random.randrange(1, 13):02d}-{random.randrange(1, 29):02d}")


def _prose(random: Random, words: int) -> str:
    return " ".join(random.choices(_WORDS, k=words)).replace(",", "")


def _quoting(random: Random) -> str:
    """Return some lines of text, about one word in eight in quotes."""
    words = [f'"{word}"' if random.random() < 0.12 else word for word in random.choices(_WORDS, k=70)]
    return " ".join(words[:30]) + ",\n" + " ".join(words[30:])
