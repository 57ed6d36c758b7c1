"""What a cell of a sample must become: the rules of the sample schemas, and the texts of Parquet values.

Nothing here comes from the project; only the few keywords that the sample schemas use are known.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.integration.samples_table import Sample

__all__ = ["Outcome", "ParquetCell", "csv_reader", "parquet_cells", "parquet_outcome", "quote"]


@dataclass
class Outcome:
    """A cell's JSON text and key, or nothing (left out), or a code."""

    json: str | None = None
    key: str | None = None
    code: str | None = None


def _types(rule: dict[str, Any]) -> list[str]:
    if "enum" in rule and "type" not in rule:
        return ["string"]
    types = rule.get("type", "string")
    return [types] if isinstance(types, str) else types


def _empty(rule: dict[str, Any]) -> Outcome:
    if "null" in _types(rule) and ("enum" not in rule or None in rule["enum"]):
        return Outcome("null")
    if "string" in _types(rule) and _check(rule, "string", "") is None:
        return Outcome('""', "")
    return Outcome()


def csv_reader(sample: Sample, name: str) -> Callable[[str], Outcome]:
    rule = sample.schema_json["properties"].get(name, {})
    (type_,) = [t for t in _types(rule) if t != "null"]

    def read(cell: str) -> Outcome:
        text = cell if type_ == "string" else cell.strip(" \t")
        if not text:
            return _empty(rule)
        written = _GRAMMARS[type_](text)
        if written is None:
            return Outcome(code="TYPE")
        return _checked(rule, type_, written)

    return read


def _checked(rule: dict[str, Any], type_: str, text: str) -> Outcome:
    if code := _check(rule, type_, text):
        return Outcome(code=code)
    return Outcome(quote(text) if type_ == "string" else text, text)


def _check(rule: dict[str, Any], type_: str, text: str) -> str | None:
    if "enum" in rule and text not in rule["enum"]:
        return "ENUM"
    if type_ in ("integer", "number"):
        exponent = re.search(r"[eE]([+-]?[0-9]+)", text)
        if exponent and abs(int(exponent[1])) > 400:
            return "RANGE"
        number = Decimal(text)
        if not rule.get("minimum", number) <= number <= rule.get("maximum", number):
            return "RANGE"
    if type_ == "string":
        if len(text) > rule.get("maxLength", len(text)):
            return "LENGTH"
        if "pattern" in rule and not re.search(rule["pattern"].replace("$", r"\Z"), text):
            return "PATTERN"
        if "format" in rule and not _FORMATS[rule["format"]](text):
            return "FORMAT"
    return None


def _is_date_time(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text, re.ASCII):
        return False
    try:
        datetime.fromisoformat(text[:19].upper())
    except ValueError:
        return False
    return True


_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": _is_date_time,
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
}


def _integer(text: str) -> str | None:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        return None
    digits = text.lstrip("+-").lstrip("0") or "0"
    return "-" + digits if text[0] == "-" and digits != "0" else digits


def _number(text: str) -> str | None:
    match = re.fullmatch(r"([+-]?)([0-9]*)(\.?)([0-9]*)([eE][+-]?[0-9]+)?", text)
    if not match or not (match[2] or match[4]):
        return None
    sign, whole, _, fraction, exponent = match.groups(default="")
    return (
        ("-" if sign == "-" else "") + (whole.lstrip("0") or "0") + (fraction and "." + fraction) + exponent
    )


def _boolean(text: str) -> str | None:
    return {"true": "true", "1": "true", "false": "false", "0": "false"}.get(text.lower())


def _array(text: str) -> str | None:
    value = json.loads(text)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if isinstance(value, list) else None


_GRAMMARS: dict[str, Callable[[str], str | None]] = {
    "string": lambda text: text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "array": _array,
}


def quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@dataclass
class ParquetCell:
    """A Parquet cell: its type in JSON's terms, its text (None: null), and its JSON in a reject."""

    type: str
    text: str | None
    raw: str
    finite: bool = True


def parquet_cells(column: Any) -> list[ParquetCell]:
    if pa.types.is_timestamp(column.type):
        unit = {"us": 1_000, "ns": 1}[column.type.unit]
        return [_string_cell(_timestamp(v, unit)) for v in column.cast(pa.int64()).to_pylist()]
    if pa.types.is_float32(column.type):
        return [_number_cell(v, _float32) for v in column.to_pylist()]
    if pa.types.is_map(column.type):
        return [_json_cell("array", v and [list(pair) for pair in v]) for v in column.to_pylist()]
    return [_python_cell(column.type, v) for v in column.to_pylist()]


def _python_cell(type_: Any, value: Any) -> ParquetCell:
    if pa.types.is_integer(type_):
        return _json_cell("integer", value)
    if pa.types.is_float64(type_):
        return _number_cell(value, repr)
    if pa.types.is_decimal(type_):
        return _number_cell(value, str)
    if pa.types.is_boolean(type_):
        return _json_cell("boolean", value)
    if pa.types.is_list(type_):
        return _json_cell("array", value)
    if pa.types.is_struct(type_):
        return _json_cell("object", value)
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    if isinstance(value, date | time):
        value = value.isoformat()  # no sample has a time whose fraction isoformat would write longer
    return _string_cell(value)


def _string_cell(text: str | None) -> ParquetCell:
    return ParquetCell("string", text, "null" if text is None else quote(text))


def _json_cell(type_: str, value: Any) -> ParquetCell:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return ParquetCell(type_, None if value is None else text, text)


def _number_cell(value: Any, write: Callable[[Any], str]) -> ParquetCell:
    if value is None:
        return ParquetCell("number", None, "null")
    if value != value or value in (float("inf"), float("-inf")):
        name = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
        return ParquetCell("number", name, quote(name), finite=False)
    return ParquetCell("number", write(value), write(value))


def _float32(value: float) -> str:
    for digits in range(1, 10):
        near = float(f"{value:.{digits}g}")
        if struct.pack("<f", near) == struct.pack("<f", value):
            return repr(near)
    raise AssertionError(value)


def _timestamp(count: int | None, unit_ns: int) -> str | None:
    if count is None:
        return None
    seconds, fraction = divmod(count * unit_ns, 1_000_000_000)
    text = (datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat()
    for digits in (0, 3, 6, 9):
        if fraction % 10 ** (9 - digits) == 0:
            part = f".{fraction // 10 ** (9 - digits):0{digits}}" if digits else ""
            return f"{text}{part}Z"
    raise AssertionError(count)


def parquet_outcome(sample: Sample, name: str, cell: ParquetCell) -> Outcome:
    rule = sample.schema_json["properties"].get(name, {"type": cell.type})
    if cell.text is None:
        return _empty(rule)
    if not cell.finite:
        return Outcome(code="RANGE")
    type_ = cell.type if cell.type in _types(rule) else "number"
    return _checked(rule, type_, cell.text)
