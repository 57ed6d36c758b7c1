"""Values at the edges of what the kernels judge by its size, or a chunk at a time."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal

import pytest

from connectors.model import CellFormat
from connectors.testing import decode_batch
from tests.unit.compiled.both import Both, block

LIMITS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "minimum": operator.ge,
    "exclusiveMinimum": operator.gt,
    "maximum": operator.le,
    "exclusiveMaximum": operator.lt,
}
WHOLE = ["0", "1", "2", "9", "10", "11", "99", "100", "101", "999", "1000", "1001", "12345678901234567890123"]
PARTS = ["0.0", "0.5", "0.99", "1.0", "1.5", "9.99", "10.00", "99.999", "100.001", "999.5", "1000.0"]


@pytest.mark.parametrize("limit", ["0", "0.5", "1", "9", "9.99", "10", "99", "100", "999", "999.5", "1000"])
@pytest.mark.parametrize("keyword", LIMITS)
@pytest.mark.parametrize("type", ["integer", "number"])
def test_numbers_around_a_limit(type: str, keyword: str, limit: str) -> None:
    plain = WHOLE if type == "integer" else WHOLE + PARTS
    texts = [sign + zeros + text for text in plain for sign in ("", "-", "+") for zeros in ("", "0")]
    both = Both({"properties": {"a": {"type": type, keyword: float(limit)}}}, ("a", "b"))
    encoded = both.check(block("".join(f"{text},x\n" for text in texts).encode()))
    holds = LIMITS[keyword]
    assert encoded.delivered == sum(holds(Decimal(text), Decimal(limit)) for text in texts)
    assert encoded.delivered + encoded.rejected == len(texts)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        *[(text, text) for text in ("0", "7", "0.0", "0.10", "12.50", "1" * 31 + ".2", "1" * 29 + ".2")],
        *[("00", "0"), ("0.", "0"), (".5", "0.5"), ("5.", "5"), ("1.5e3", "1.5e3"), ("+1.5", "1.5")],
        *[(f"{'1' * 20}.{'2' * n}", f"{'1' * 20}.{'2' * n}") for n in (10, 11, 12, 40)],
        *[(text, None) for text in ("1.2.3", "1..2", "1,2", "1.2x", "1x", "x", ".", "1 2", "1.5\xa0")],
    ],
)
def test_numbers_are_written_as_they_stand(text: str, written: str | None) -> None:
    both = Both({"properties": {"a": {"type": "number"}}}, ("a",))
    encoded = both.check(block(f'"{text}"\n'.encode()))
    values = [record.value for batch in encoded.batches for record in decode_batch(batch)]
    assert values == ([] if written is None else [b'{"a":%s}' % written.encode()])


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 31, 32, 33, 64, 65])
def test_lengths_of_texts(size: int) -> None:
    both = Both({"properties": {"a": {"type": "string", "minLength": 2, "maxLength": 32}}}, ("a", "b"))
    encoded = both.check(block(f'"{"x" * size}",1\n"{"ä" * size}",2\n'.encode()))
    # nothing at all is no value, which the model may do without
    assert encoded.delivered == (2 if size == 0 or 2 <= size <= 32 else 0)


FORMATS: list[tuple[str, str, bool]] = [
    *[
        ("date", text, True)
        for text in ("2024-02-29", "2000-02-29", "0000-02-29", "2023-12-31", "2023-04-30")
    ],
    *[
        ("date", text, False)
        for text in ("2023-02-29", "1900-02-29", "2024-02-30", "2023-04-31", "2023-00-10")
    ],
    *[
        ("date", text, False)
        for text in ("2023-13-10", "2023-01-00", "2023-01-32", "2023-1-010", "2023/01/01")
    ],
    *[
        ("date", text, False)
        for text in ("2023-01-0:", "20230-1-01", "2023-01-011", "2023-01-1", "/023-01-01")
    ],
    *[("time", f"23:59:59{rest}", True) for rest in ("Z", "z", ".1Z", "+23:59", "-00:00", ".123456+01:00")],
    *[("time", f"23:59:59.{'1' * size}Z", True) for size in (21, 22, 23, 24, 31, 32, 33, 60)],
    *[("time", f"23:59:59.{'1' * size}", False) for size in (1, 21, 22, 23, 24, 60)],
    *[
        ("time", f"23:59:59{rest}", False)
        for rest in ("", ".Z", "Zx", "+24:00", "+23:60", "+2:000", "+23:5:")
    ],
    *[("time", text, False) for text in ("24:00:00Z", "23:60:00Z", "23:59:60Z", "23-59:59Z", "2 :59:59Z")],
    *[("date-time", f"2024-02-29{sign}00:00:00Z", True) for sign in "tT"],
    *[("date-time", f"2024-02-29{sign}00:00:00Z", False) for sign in " 4-"],
    *[
        ("email", text, True)
        for text in ("a@b", "a.b+c@d-e.f", f"{'a' * 40}@{'b' * 63}.c", "!#$%&'*/=?^_`{|}~-@x")
    ],
    *[
        ("email", text, False)
        for text in ("@b", "a@", "a", "a@b.", "a@.b", "a@-b", "a@b-", "a@b-.c", "a@b@c", "a@b..c")
    ],
    *[
        ("email", text, False)
        for text in ("a b@c", "a@b c", f"a@{'b' * 64}", "a@b_c", "ä@b", "a@b{", "a@b`", "a,b@c")
    ],
]


@pytest.mark.parametrize(("format", "text", "valid"), FORMATS)
def test_formats(format: str, text: str, valid: bool) -> None:
    both = Both({"properties": {"a": {"type": "string", "format": format}}}, ("a",))
    assert both.check(block(f'"{text}"\n'.encode())).delivered == valid


@pytest.mark.parametrize("text", ["true", "TRUE", "tRuE", "false", "FALSE", "FalsE", "0", "1"])
def test_booleans(text: str) -> None:
    both = Both({"properties": {"a": {"type": "boolean"}}}, ("a", "b"))
    wrong = [text + "x", "x" + text, text[:-1] + "\x14", text * 2]
    encoded = both.check(block("".join(f"{cell},x\n" for cell in [text, *wrong]).encode()))
    written = b"true" if text.lower() in ("true", "1") else b"false"
    values = [record.value for batch in encoded.batches for record in decode_batch(batch)]
    assert values == [b'{"a":%s,"b":"x"}' % written]


def test_members_of_every_size() -> None:
    members = [("abcdefghij" * 8)[:size] for size in range(1, 81)]
    both = Both({"properties": {"a": {"enum": members}}}, ("a", "b"))
    cells = [*members, *[member + "x" for member in members], *[member[:-1] + "~" for member in members]]
    encoded = both.check(block("".join(f"{cell},x\n" for cell in cells).encode()))
    assert (encoded.delivered, encoded.rejected) == (80, 160)


def test_a_number_may_stand_for_nothing() -> None:
    cells = CellFormat(null_values=frozenset({"-1", "999", "n/a"}))
    both = Both({"properties": {"a": {"type": ["integer", "null"]}}}, ("a",), cells=cells)
    encoded = both.check(block(b"998\n999\n-1\n1\nn/a\n"))
    values = [record.value for batch in encoded.batches for record in decode_batch(batch)]
    assert values == [b'{"a":998}', b'{"a":null}', b'{"a":null}', b'{"a":1}', b'{"a":null}']
