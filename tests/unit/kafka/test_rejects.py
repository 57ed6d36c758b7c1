"""RejectedRow and its headers, against the contract's words and plain `json`."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from connectors.api import Reject, RowError
from connectors.errors import RowCode
from connectors.rejects import RejectOrigin, encode_reject

ORIGIN = RejectOrigin("batch", "abcdefghij12", 3, "a b.csv", "batch_abcdefghij12")
LIMIT = 262_144


def reject(raw: bytes = b"x,1", *, raw_bytes: int | None = None, **changes: Any) -> Reject:
    values: dict[str, Any] = {
        "row": 7,
        "line": 9,
        "byte_offset": 120,
        "errors": (RowError("age", RowCode.TYPE, "`x` is not an integer"),),
        "raw": raw,
        "raw_bytes": len(raw) if raw_bytes is None else raw_bytes,
    }
    return Reject(**{**values, **changes})


def value_of(given: Reject) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(encode_reject(given, ORIGIN)[0])
    return parsed


def test_the_whole_value() -> None:
    value, _ = encode_reject(reject('x,"ü",1\r'.encode()), ORIGIN)
    assert value.decode() == (
        '{"job_id":"abcdefghij12","attempt":3,"file":"a b.csv","row":7,"line":9,"byte_offset":120,'
        '"errors":[{"column":"age","code":"TYPE","message":"`x` is not an integer"}],'
        '"raw":"x,\\"ü\\",1\\r","raw_encoding":"utf-8","raw_bytes":9,"raw_truncated":false}'
    )


def test_headers_are_named_as_connect_names_them() -> None:
    errors = (
        RowError(None, RowCode.COLUMN_COUNT, "3 cells, 2 columns – ü"),
        RowError("b", RowCode.TYPE, "second"),
    )
    _, headers = encode_reject(reject(errors=errors), ORIGIN)
    assert headers == [
        ("__connect.errors.topic", b"batch_abcdefghij12"),
        ("__connect.errors.stage", b"VALUE_CONVERTER"),
        ("__connect.errors.exception.message", "3 cells, 2 columns – ü".encode()),
        ("__connect.errors.task.id", b"0"),
        ("__connect.errors.connector.name", b"batch-abcdefghij12"),
        ("batch.job_id", b"abcdefghij12"),
    ]


def test_parquet_has_neither_line_nor_offset() -> None:
    value = value_of(reject(b'{"a":"NaN"}', line=None, byte_offset=None))
    assert (value["line"], value["byte_offset"], value["raw"]) == (None, None, '{"a":"NaN"}')


def test_bytes_that_are_no_utf8_are_base64() -> None:
    value = value_of(reject(b"caf\xe9,1"))
    assert (value["raw"], value["raw_encoding"]) == (base64.b64encode(b"caf\xe9,1").decode(), "base64")
    assert (value["raw_bytes"], value["raw_truncated"]) == (6, False)


def test_a_whole_row_that_ends_in_half_a_character_is_no_utf8() -> None:
    assert value_of(reject(b"caf\xc3"))["raw_encoding"] == "base64"


def test_a_head_may_end_in_half_a_character() -> None:
    value = value_of(reject("caf€".encode()[:-1], raw_bytes=2_000_000))
    assert (value["raw"], value["raw_encoding"]) == ("caf", "utf-8")
    assert (value["raw_bytes"], value["raw_truncated"]) == (2_000_000, True)


def test_a_head_with_a_wrong_byte_inside_is_no_utf8() -> None:
    value = value_of(reject(b"a\xffb", raw_bytes=2_000_000))
    assert (value["raw"], value["raw_encoding"], value["raw_truncated"]) == ("Yf9i", "base64", True)


@pytest.mark.parametrize(
    ("character", "json_bytes"),
    [("a", 1), ("ü", 2), ("€", 3), ("😀", 4), ('"', 2), ("\\", 2), ("\n", 2), ("\x01", 6), ("\x7f", 1)],
)
def test_raw_is_cut_at_a_character_below_256_kib_of_json(character: str, json_bytes: int) -> None:
    fits = (LIMIT - 2) // json_bytes
    for count, kept in ((fits, fits), (fits + 1, fits), (fits * 3, fits)):
        value = value_of(reject((character * count).encode()))
        assert value["raw"] == character * kept
        assert value["raw_truncated"] is (kept < count)
        assert value["raw_bytes"] == count * len(character.encode())


def test_the_limit_is_of_the_json_form() -> None:
    mixed = ("é\n" * 100_000).encode()
    value, _ = encode_reject(reject(mixed), ORIGIN)
    raw = json.loads(value)["raw"]
    form = json.dumps(raw, ensure_ascii=False).encode()
    assert LIMIT - 4 < len(form) <= LIMIT
    assert form in value


def test_base64_is_cut_too() -> None:
    value = value_of(reject(b"\xff" * 300_000))
    assert len(value["raw"]) + 2 <= LIMIT
    assert len(value["raw"]) + 2 > LIMIT - 4
    assert base64.b64decode(value["raw"]) == b"\xff" * (len(value["raw"]) // 4 * 3)
    assert (value["raw_bytes"], value["raw_truncated"]) == (300_000, True)


def test_at_most_100_errors() -> None:
    errors = tuple(RowError(f"c{n}", RowCode.TYPE, "m") for n in range(150))
    assert [e["column"] for e in value_of(reject(errors=errors))["errors"]] == [f"c{n}" for n in range(100)]


def test_huge_errors_never_make_a_record_that_the_broker_refuses() -> None:
    errors = tuple(RowError("c" * 50_000, RowCode.TYPE, "m" * 50_000) for _ in range(100))
    value, headers = encode_reject(reject(b"\n" * 300_000, errors=errors), ORIGIN)
    # of 256 KiB (262,144 bytes): five of 50,247 bytes each, with the name cut
    assert len(json.loads(value)["errors"]) == 5
    assert len(value) + sum(len(content) for _, content in headers) < 900_000


def test_long_names_of_columns_are_cut() -> None:
    errors = tuple(RowError("ü" * 9_000 + str(n), RowCode.TYPE, "m") for n in range(100))
    value, _ = encode_reject(reject(b"\n" * 300_000, errors=errors), ORIGIN)
    assert [error["column"] for error in json.loads(value)["errors"]] == ["ü" * 200] * 100
    assert len(value) < 900_000


@pytest.mark.parametrize(
    ("encoding", "raw", "text"),
    [
        ("cp1252", b"M\xfcller;5\x80", "Müller;5€"),
        ("iso8859-5", b"\xbf\xe0", "Пр"),
        ("utf-16-le", "a€\U0001f600".encode("utf-16-le"), "a€\U0001f600"),
        ("utf-16-be", "a€".encode("utf-16-be"), "a€"),
    ],
)
def test_raw_is_text_whatever_the_file_is_encoded_in(encoding: str, raw: bytes, text: str) -> None:
    value = value_of(reject(raw, encoding=encoding))
    assert (value["raw"], value["raw_encoding"]) == (text, "utf-8")
    assert (value["raw_bytes"], value["raw_truncated"]) == (len(raw), False)


def test_bytes_that_are_not_in_the_files_encoding_are_base64() -> None:
    # 0x81 is no character of cp1252; D8 00 is half of one
    value = value_of(reject(b"a\x81", encoding="cp1252"))
    assert (value["raw"], value["raw_encoding"]) == (base64.b64encode(b"a\x81").decode(), "base64")
    value = value_of(reject(b"\xd8\x00\x00a", encoding="utf-16-be"))
    assert (value["raw"], value["raw_encoding"]) == (base64.b64encode(b"\xd8\x00\x00a").decode(), "base64")


@pytest.mark.parametrize(("encoding", "bytes_each"), [("cp1252", 1), ("utf-16-le", 2)])
def test_text_is_cut_by_its_json_and_counted_in_the_files_bytes(encoding: str, bytes_each: int) -> None:
    fits = (LIMIT - 2) // 2  # `ü` has two bytes in UTF-8
    whole = value_of(reject(("ü" * fits).encode(encoding), encoding=encoding))
    assert (len(whole["raw"]), whole["raw_truncated"]) == (fits, False)
    cut = value_of(reject(("ü" * (fits + 1)).encode(encoding), encoding=encoding))
    assert (len(cut["raw"]), cut["raw_truncated"]) == (fits, True)
    assert cut["raw_bytes"] == (fits + 1) * bytes_each
    head = value_of(reject("äb".encode(encoding), encoding=encoding, raw_bytes=2_000_000))
    assert (head["raw"], head["raw_truncated"], head["raw_bytes"]) == ("äb", True, 2_000_000)


def test_a_file_name_that_is_no_utf8_is_still_json() -> None:
    origin = RejectOrigin("batch", "j", 1, b"caf\xe9.csv".decode("utf-8", "surrogateescape"), "t")
    assert json.loads(encode_reject(reject(), origin)[0])["file"] == "caf?.csv"
