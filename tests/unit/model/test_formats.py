"""The asserted formats: what each accepts and refuses."""

from __future__ import annotations

import pytest

from tests.unit.model.rows import read_cell

VALID = {
    "date": ["2024-02-29", "2000-02-29", "0000-02-29", "9999-12-31", "2023-01-31", "2023-04-30"],
    "time": [
        "00:00:00Z",
        "23:59:59z",
        "12:00:00+00:00",
        "12:00:00-00:00",
        "12:00:00.1Z",
        "12:00:00.123456789012+23:59",
    ],
    "date-time": [
        "2024-02-29T12:00:00Z",
        "2024-02-29t12:00:00z",
        "1985-04-12T23:20:50.52Z",
        "1996-12-19T16:39:57-08:00",
        "0000-01-01T00:00:00Z",
    ],
    "email": [
        "a@b",
        "joe.bloggs@example.com",
        "te~st@example.com",
        "~test@example.com",
        ".test@example.com",
        "te..st@example.com",
        "a+b/c=d?e^f_g`h{i|j}k-l!#$%&'*@x-y.z1",
        "1@1.1",
        f"a@{'x' * 63}",
    ],
    "uuid": [
        "2eb8aa08-aa98-11ea-b4aa-73b441d16380",
        "2EB8AA08-AA98-11EA-B4AA-73B441D16380",
        "00000000-0000-0000-0000-000000000000",
        "2eb8aa08-AA98-11ea-b4Aa-73B441D16380",
    ],
    "ipv4": ["192.168.0.1", "0.0.0.0", "255.255.255.255"],
    "ipv6": [
        "::1",
        "::",
        "1:2:3:4:5:6:7:8",
        "::abef",
        "ABCD::1",
        "1::d6:192.168.0.1",
        "::ffff:255.255.255.255",
        "0:0:0:0:0:0:13.1.68.3",
    ],
}

INVALID = {
    "date": [
        "2023-02-29",
        "1900-02-29",
        "2024-02-30",
        "2024-13-01",
        "2024-00-01",
        "2024-01-00",
        "2024-01-32",
        "2024-04-31",
        "2024-1-01",
        "24-01-01",
        "20240101",
        "2024-01-01T",
        "2024-01-01 ",
        " 2024-01-01",
        "2024/01/01",
        "2024-W01-1",
        "2024-001",
        "২024-01-01",
        "02024-01-01",
        "-2024-01-01",
        "2024-01-01\n",
    ],
    "time": [
        "12:00:00",
        "24:00:00Z",
        "12:60:00Z",
        "12:00:60Z",
        "23:59:60Z",
        "12:00Z",
        "12:00:00+24:00",
        "12:00:00+00:60",
        "12:00:00+0000",
        "12:00:00+00",
        "12:00:00.Z",
        "12:00:00,1Z",
        "1:00:00Z",
        "12:00:00 Z",
        "12:00:00Z\n",
        "1২:00:00Z",
        "12:00:00Z+00:00",
    ],
    "date-time": [
        "2024-02-29T12:00:00",
        "2024-02-29 12:00:00Z",
        "2023-02-29T12:00:00Z",
        "1998-12-31T23:59:60Z",
        "2024-02-29T24:00:00Z",
        "2024-02-29",
        "2024-02-29T",
        "06/19/1963 08:30:06 PST",
        "2024-02-29T12:00:00+25:00",
        "2024-02-29TT12:00:00Z",
        "1963-06-1৪T00:00:00Z",
    ],
    "email": [
        "2962",
        "@",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a@b..c",
        "a@-b",
        "a@b-",
        "a@b.",
        "a@.b",
        '"a b"@c',
        "a@[127.0.0.1]",
        "é@b",
        "a@é",
        "a(b)@c",
        "a,b@c",
        f"a@{'x' * 64}",
        "a@b\n",
        "joe <a@b>",
        "a@b_c",
    ],
    "uuid": [
        "2eb8aa08aa9811eab4aa73b441d16380",
        "2eb8aa08-aa98-11ea-b4aa-73b441d1638",
        "2eb8aa08-aa98-11ea-b4aa-73b441d163800",
        "2eb8-aa08-aa98-11ea-b4aa73b44-1d16380",
        "2eb8aa08-aa98-11ea-b4ga-73b441d16380",
        "{2eb8aa08-aa98-11ea-b4aa-73b441d16380}",
        "urn:uuid:2eb8aa08-aa98-11ea-b4aa-73b441d16380",
        "2eb8aa08-aa98-11ea-b4aa-73b441d16380\n",
    ],
    "ipv4": [
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "01.2.3.4",
        "1.2.3.04",
        "1.2.3.4 ",
        "1.2.3.4/24",
        "0x7f.0.0.1",
        "127.1",
        "2130706433",
        "1২7.0.0.1",
        "1.2.3.-4",
        "1..2.3",
    ],
    "ipv6": [
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "::1::",
        "12345::",
        "::g",
        ":2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:",
        "1.2.3.4",
        "fe80::1%eth0",
        "::1/128",
        "::ffff:1.2.3",
        "::ffff:01.2.3.4",
        "::256.1.1.1",
        " ::1",
        "1:2:3:4:5:6:7:1.2.3.4",
        "[::1]",
        "::১",
    ],
}


@pytest.mark.parametrize(("name", "cell"), [(name, cell) for name, cells in VALID.items() for cell in cells])
def test_valid(name: str, cell: str) -> None:
    assert read_cell({"type": "string", "format": name}, cell) == f'"{cell}"'


@pytest.mark.parametrize(
    ("name", "cell"), [(name, cell) for name, cells in INVALID.items() for cell in cells]
)
def test_invalid(name: str, cell: str) -> None:
    wrong = f"FORMAT `{cell[:100]}` is not a valid {name}"
    assert read_cell({"type": "string", "format": name}, cell) == wrong


@pytest.mark.parametrize("name", ["uri", "hostname", "duration", "regex", "json-pointer", "my-own"])
def test_other_formats_annotate(name: str) -> None:
    assert read_cell({"type": "string", "format": name}, "( no such \\") == '"( no such \\\\"'
    nested = {"type": "array", "items": {"format": name}}
    assert read_cell(nested, '["( no such"]') == '["( no such"]'


def test_formats_are_asserted_inside_values_too() -> None:
    nested = {"type": "array", "items": {"format": "date"}}
    assert read_cell(nested, '["2024-02-29"]') == '["2024-02-29"]'
    assert read_cell(nested, '["2023-02-29"]') == "SCHEMA `/c/0` breaks the rule `format` of the model"


def test_a_format_says_nothing_of_other_types() -> None:
    assert read_cell({"type": "integer", "format": "date"}, "5") == "5"
