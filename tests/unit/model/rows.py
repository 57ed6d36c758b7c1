"""Reads rows the way a CSV converter does."""

from __future__ import annotations

from typing import Any

from connectors.model import compile_model

Error = tuple[str | None, str, str]


def read_row(schema: dict[str, Any], **cells: str) -> str | list[Error]:
    """Return a row's JSON, or its errors as (column, code, message)."""
    rules = compile_model(schema).bind(tuple(cells))
    readers = [rule.cell_reader() for rule in rules.rules]
    result = rules.check([read(cell) for read, cell in zip(readers, cells.values(), strict=True)])
    if isinstance(result, bytes):
        return result.decode()
    return [(error.column, error.code.value, error.message) for error in result]


def read_cell(column: dict[str, Any] | bool, cell: str) -> str | None:
    """Return what is written for one cell (None: left out), or `CODE message`."""
    result = read_row({"properties": {"c": column}}, c=cell)
    if isinstance(result, str):
        return None if result == "{}" else result.removeprefix('{"c":').removesuffix("}")
    [(column_name, code, message)] = result
    assert column_name == "c"
    return f"{code} {message}"
