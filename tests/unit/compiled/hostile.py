"""Schemas and files that hit every rule and every corner of the grammar, for hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from connectors.errors import SchemaError
from connectors.model import compile_model

__all__ = ["TEXTS", "files", "schemas"]

FORMATS = ("date", "date-time", "time", "uuid", "email", "ipv4", "ipv6", "hostname")
TEXTS = ("a", "aé", "null", "0", "-", "A", "EUR", 'q"q', "b,c", "l\nf", "true", "😀", "x" * 101)
LIMITS = (0, 1, -1, 5, 0.5, -2.25, 100, 10**17, 10**19, 1e3, 1e-7)
NUMBERS = (0, 1, -1, 2, 1.5, 100, 10**18, 10**30, 1e-3, -0.0)

STRING_RULES = st.fixed_dictionaries(
    {"type": st.just("string")},
    optional={
        "minLength": st.integers(0, 4),
        "maxLength": st.sampled_from([0, 1, 3, 12, 200]),
        "format": st.sampled_from(FORMATS),
        "enum": st.lists(st.sampled_from(TEXTS), min_size=1, max_size=9, unique=True),
    },
)
NUMBER_RULES = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number"])},
    optional={
        "minimum": st.sampled_from(LIMITS),
        "exclusiveMinimum": st.sampled_from(LIMITS),
        "maximum": st.sampled_from(LIMITS),
        "exclusiveMaximum": st.sampled_from(LIMITS),
        "multipleOf": st.sampled_from([1, 2, 7, 0.1, 0.25, 1.5, 1e-18, 10**17, 1e20]),
    },
)
ENUMS = st.one_of(
    st.builds(lambda v: {"enum": v}, st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=4)),
    st.builds(
        lambda t, v: {"type": t, "enum": v},
        st.sampled_from(["integer", "number"]),
        st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=4),
    ),
    st.builds(lambda v: {"const": v}, st.sampled_from([True, False, 1, 0.5, "a", "é", None])),
    st.just({"enum": ["a", 1, None]}),
    st.just({"type": "boolean", "enum": [True]}),
)
OTHERS = st.sampled_from(
    [
        {},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["integer", "string"]},
        {"type": ["boolean", "number", "null"]},
        {"type": "string", "pattern": "^[a-z0-9]+$"},
        {"type": "array", "items": {"type": "integer"}},
        {"type": "object"},
        {"allOf": [{"type": "string", "minLength": 2}, {"minLength": 1, "maxLength": 9}]},
        {"anyOf": [{"type": "integer", "minimum": 3}, {"type": "boolean"}]},
    ]
)


def _nullable(rule: dict[str, Any]) -> dict[str, Any]:
    return (
        {**rule, "type": [rule["type"], "null"]}
        if rule.get("type", "null") != "null" and isinstance(rule["type"], str)
        else rule
    )


COLUMNS = st.one_of(STRING_RULES, NUMBER_RULES, ENUMS, OTHERS).flatmap(
    lambda rule: st.sampled_from([rule, _nullable(rule)])
)


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, Any]:
    """A schema of one to six columns; some of them are required, rarely there are rules of whole rows."""
    names = ["a", "ö 😀", 'q"\\', "d\n", "e" * 40, "f"][: draw(st.integers(1, 6))]
    schema: dict[str, Any] = {
        "properties": {name: draw(COLUMNS) for name in names},
        "required": draw(st.lists(st.sampled_from(names), unique=True)),
    }
    if draw(st.integers(0, 9)) == 0:
        schema["minProperties"] = draw(st.integers(1, 3))
    try:
        compile_model(schema)
    except SchemaError:  # no value can be of all its types
        reject()
    return schema


# fmt: off
CELLS = st.one_of(
    st.sampled_from(
        [
            "", " ", "\t", "0", "1", "7", "-1", "+1", "007", "-0", "+", "-", "1_000", "٣", "１", "1.0",
            "1e3", ".5", "5.", "5.e3", "-.5", "+.5e-3", "00.10", "1.10", "1,5", "1.5,", "1E400", "1e401",
            "1e-0400", "1e", "0x1", "nan", "inf", "99999999999999999999", "999999999999999999",
            "0.0000000000000000001", "0.1000000000000000000", "123456789012345678.123456789012345678",
            "9" * 30, " 12 ", "\t5", "12\r", "true", "TRUE", "False", "fALSE", "yes", "tru\x00", "null",
            "NULL", "NA", " NA ", "n/a", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29",
            "2024-13-01", "2024-00-10", "0000-01-01", "2024-04-31", "2024-2-9", "2024-01-01T00:00:00Z",
            "2024-01-01t23:59:59.123456789z", "2024-01-01T24:00:00Z", "2024-01-01T00:00:60Z",
            "2024-01-01T00:00:00", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00.+01:00",
            "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00-00:00", "12:00:00Z", "12:00:00.5+01:30",
            "12:00:00", "123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-42661417400G",
            "123e4567e89b12d3a456426614174000", "a@b", "a@b.c", "@b", "a@", "a@b..c", "a@-b.c", "a@b-.c",
            "a.b+c@d-e.org", "a@" + "l" * 63, "a@" + "l" * 64, "ä@b.c", 'a"b@c', "127.0.0.1",
            "256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.04", "0.0.0.0", "1.2.3.4 ", "::1",
            "{}", "[1, 2]", '{"a": "b c"}', "[", "\x00", "\x1f", "\x7f", "\\", '"', '""', "a\rb", "l\nf",
            "\u2028", "é", "日本", "😀", "x" * 100, "x" * 101, "é" * 101, "😀" * 150, "\\u0041", "EUR", "aé",
            'q"q', "b,c", "-0.0", "100", "1e2", "1.50", "1000000000000000000", "0.001", "-2.25", "5e-1",
        ]
    ),
    st.text(st.sampled_from('01.5-+eE,;"\n\r\t |aZ é\x00\\😀'), max_size=12),
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
)
# fmt: on


@st.composite
def _cell(draw: st.DrawFn, delimiter: str) -> bytes:
    """A cell as it stands in a file: quoted as it must be, or not at all, or wrongly, or no text at all."""
    text = draw(CELLS)
    style = draw(st.integers(0, 19))
    if style == 0:
        return draw(st.binary(max_size=5))
    quoted = '"' + text.replace('"', '""') + '"'
    if style == 1:
        return (quoted + draw(st.sampled_from(["x", " ", '"', "\r", "é"]))).encode()
    if style == 2:
        return text.encode()
    if style == 3:
        return f'"{text}"'.encode()
    needed = text.startswith('"') or any(letter in text for letter in (delimiter, "\n", "\r"))
    return (quoted if needed or style < 8 else text).encode()


@st.composite
def files(draw: st.DrawFn, width: int, delimiter: str) -> bytes:
    """Rows of about `width` cells, of any line ends, with blank lines, perhaps broken at some byte."""
    data = b""
    for _ in range(draw(st.integers(0, 8))):
        count = width if draw(st.integers(0, 9)) else draw(st.integers(1, width + 2))
        data += delimiter.encode().join(draw(_cell(delimiter)) for _ in range(count))
        data += draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\n\r\n"]))
    if draw(st.booleans()):
        data = data.rstrip(b"\n")
    if data and draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=3)) + data[at + draw(st.integers(0, 3)) :]
    return data
