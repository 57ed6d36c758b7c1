"""Delimiter and header, by example."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors.api import Position
from connectors.csv.dialect import find_delimiter, parse_header
from connectors.errors import HeaderError, JobCode
from connectors.text.opening import open_text
from connectors.text.source import TextSource


@pytest.fixture
def text(tmp_path: Path) -> Iterator[TextSource]:
    """A text in UTF-8: what headers need of it does not depend on what it says."""
    path = tmp_path / "file"
    path.touch()
    with closing(open_text(path, max_decompressed_bytes=1)) as source:
        yield source


@pytest.mark.parametrize(
    ("head", "delimiter"),
    [
        pytest.param(b"a,b,c\n1;2;3;4;5\n", b",", id="comma; later lines do not count"),
        pytest.param(b"a;b;c\n", b";", id="semicolon"),
        pytest.param(b"a\tb\n", b"\t", id="tab"),
        pytest.param(b"a|b", b"|", id="bar, no newline"),
        pytest.param(b"name\nx;y\n", b",", id="none"),
        pytest.param(b"a,b;c\n", b",", id="a tie: comma before semicolon"),
        pytest.param(b"a|b\tc;d\n", b";", id="a tie: semicolon before tab and bar"),
        pytest.param(b"a|b\tc\n", b"\t", id="a tie: tab before bar"),
        pytest.param(b"a,b;c;d\n", b";", id="the most hits win"),
        pytest.param(b'"x,y,z";b\n', b";", id="hits in quotes at the line's start do not count"),
        pytest.param(b'a;"x,y,z"\n', b";", id="nor after a candidate"),
        pytest.param(b'a;"x"",y,z"\n', b";", id="nor after a doubled quote"),
        pytest.param(b'a"x,y";b\n', b",", id="a quote inside a cell does not open"),
        pytest.param(b'"a"b,c;"d;e"\n', b",", id="text after the closing quote"),
        pytest.param(b'"a\nb,c,d";e\nf,g,h\n', b";", id="the first line goes on inside quotes"),
        pytest.param(b'a;b,"c;d;e', b",", id="a quote that never closes"),
        pytest.param(b'"a","b";c;"d"\n', b";", id="quoted cells side by side"),
    ],
)
def test_delimiter(head: bytes, delimiter: bytes) -> None:
    assert find_delimiter(head) == delimiter


@pytest.mark.parametrize(
    ("head", "names", "size"),
    [
        (b"id,name\n1,x\n", ("id", "name"), 8),
        (b"id,name\r\n", ("id", "name"), 9),
        (b"id,name", ("id", "name"), 7),
        (b" id ,\tname\t\n", ("id", "name"), 12),
        (b'" id ","a ""b"""\n', ("id", 'a "b"'), 17),
        (b'"a,b",c\n', ("a,b", "c"), 8),
        (b'"a\r\nb",c\n', ("a\r\nb", "c"), 9),
        (b'5",c\n', ('5"', "c"), 5),
        ("größe,π\n".encode(), ("größe", "π"), 11),
        ("\u00a0a,b\n".encode(), ("\u00a0a", "b"), 6),
        (b"a,A\n", ("a", "A"), 4),
        (b"a;b\n", ("a;b",), 4),
    ],
)
def test_header(text: TextSource, head: bytes, names: tuple[str, ...], size: int) -> None:
    assert parse_header(head, b",", text, Position(), max_bytes=100) == (names, size)


LONG = "longer than the `10` bytes that a row may have"
NEVER = "is not closed before the file ends"


@pytest.mark.parametrize(
    ("head", "code", "message"),
    [
        (b"a,,c\n", JobCode.HEADER_MISSING, "column `2` has no name in the header in line `3`"),
        (b"a,b,\n", JobCode.HEADER_MISSING, "column `3` has no name in the header in line `3`"),
        (b"a, \t\n", JobCode.HEADER_MISSING, "column `2` has no name in the header in line `3`"),
        (b'a,""\n', JobCode.HEADER_MISSING, "column `2` has no name in the header in line `3`"),
        (b" \n", JobCode.HEADER_MISSING, "column `1` has no name in the header in line `3`"),
        (b'a,"b\n', JobCode.HEADER_MISSING, f"a quote in the header in line `3` {NEVER}"),
        (b"a,b,c,d,e,f\n", JobCode.HEADER_MISSING, f"the header in line `3` is {LONG}"),
        (b"a,b,c,d,e,f", JobCode.HEADER_MISSING, f"the header in line `3` is {LONG}"),
        (b'a,"b\nc\nd\ne\n', JobCode.HEADER_MISSING, f"the header in line `3` is {LONG}"),
        (
            b"a,b\r1,2\r",
            JobCode.HEADER_MISSING,
            "the header in line `3` has a bare CR (byte `43` of the file)",
        ),
        (b'"a\rb"\n', JobCode.HEADER_MISSING, "the header in line `3` has a bare CR (byte `42` of the file)"),
        (b"a\r\r\n", JobCode.HEADER_MISSING, "the header in line `3` has a bare CR (byte `41` of the file)"),
        (b"a, b ,b\n", JobCode.HEADER_DUPLICATE, "columns `2` and `3` are both named `b`"),
        (b'a,"a"\n', JobCode.HEADER_DUPLICATE, "columns `1` and `2` are both named `a`"),
        (
            b"a,\xe9\n",
            JobCode.ENCODING,
            "the header in line `3` is not valid UTF-8: `0xE9` (byte `42` of the file)",
        ),
    ],
)
def test_header_problems(text: TextSource, head: bytes, code: JobCode, message: str) -> None:
    with pytest.raises(HeaderError) as raised:
        parse_header(head, b",", text, Position(byte=40, line=2), max_bytes=10)
    assert (raised.value.code, raised.value.message) == (code, message)
    assert raised.value.hint


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_header_may_be_as_long_as_a_row(text: TextSource, end: bytes) -> None:
    assert parse_header(b"a,bcdefghi" + end, b",", text, Position(), max_bytes=10)[0] == ("a", "bcdefghi")
