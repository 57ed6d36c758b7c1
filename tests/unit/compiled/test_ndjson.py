"""The compiled encoder of NDJSON gives what its reference gives, byte for byte, whatever the lines are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.api import Block, Converted, EncodedBlock, Position
from connectors.compiled import EncoderJob
from connectors.encoding import ReferenceEncoder
from connectors.headers import NO_HEADERS, OriginHeaders
from connectors.kafka.framing import Codec
from connectors.model import Outcome, compile_model
from connectors.model.options import RecordHeaders
from connectors.ndjson.compiled import CompiledNdjsonEncoder, member_names
from connectors.ndjson.reader import NdjsonBlock
from connectors.ndjson.reference import NdjsonReferenceConverter
from connectors.records import RecordLimit
from connectors.testing import decode_batch
from connectors.text.lines import split_lines
from tests.unit.compiled.both import ORIGIN, START, contents, headers, without_times
from tests.unit.compiled.hostile import TEXTS, schemas


class _Counted(NdjsonReferenceConverter):
    asked = 0

    def convert(self, block: Block) -> Converted:
        converted = super().convert(block)
        self.asked += len(converted.records) + len(converted.rejects)
        return converted


class _Both:
    def __init__(
        self,
        model: dict[str, Any],
        *,
        key: str | None = None,
        fixed: Mapping[str, Outcome] | None = None,
        headers: OriginHeaders = NO_HEADERS,
        partitions: int = 1,
        max_row_bytes: int = 900_000,
        strip_bytes: int = 2_000_000,
    ) -> None:
        rules = compile_model(model).members()
        limit = RecordLimit(max_row_bytes, headers)
        plain = NdjsonReferenceConverter(rules, key=key, limit=limit, fixed=fixed)
        self.converter = _Counted(rules, key=key, limit=limit, fixed=fixed)
        self.reference = ReferenceEncoder(
            plain, partitions=partitions, codec=Codec.NONE, reject_origin=ORIGIN, headers=headers
        )
        self.compiled = CompiledNdjsonEncoder(
            self.converter,
            self.reference,
            lambda plan, converter: EncoderJob(
                plan,
                converter,
                partitions=partitions,
                codec=Codec.NONE,
                reject_origin=ORIGIN,
                headers=headers,
                strip_bytes=strip_bytes,
            ),
            headers,
        )

    def check(self, data: bytes) -> EncodedBlock:
        expected, actual = self.reference.encode(_block(data)), self.compiled.encode(_block(data))
        assert contents(actual) == contents(expected)
        assert without_times(actual.batches) == without_times(expected.batches)
        assert without_times(actual.reject_batches) == without_times(expected.reject_batches)
        return actual


def _block(data: bytes) -> NdjsonBlock:
    rows = len(split_lines(data))
    end = Position(START.byte + len(data), START.row + rows, START.line + data.count(b"\n"), START.block + 1)
    return NdjsonBlock(START, end, data, rows, "utf-8", 7)


def _values(encoded: EncodedBlock) -> list[str]:
    return [(record.value or b"").decode() for b in encoded.batches for record in decode_batch(b)]


# fmt: off
TOKENS = st.one_of(
    st.sampled_from([
        "0", "-0", "1", "-1", "12345678901234567890", "0.5", "-2.25", "1e3", "1E+3", "1e-400", "1e401",
        "01", "+1", ".5", "5.", "1e", "--1", "- 1", "1_0", "NaN", "Infinity", "true", "false", "null", "True",
        "nul", "truex", "nullnull", "[]", "[1, 2]", "{}", '{"a": {"b": [1, "}"]}}', "[1,", "{", "]", '""',
        '"a"', '"', '"\\', '"\\"', '"\\\\"', '"\\n\\t\\/\\b\\f\\r"', '"\\u00e9"', '"\\ud83d\\ude00"',
        '"\\ud800"', '"\\x"', '"\t"', '"\x01"', '"é😀"', '"2024-02-29"', '"2024-01-01T00:00:00Z"',
        '"a@b.c"', '"EUR"', "[" * 101 + "]" * 101,
    ]),
    st.sampled_from(TEXTS).map(json.dumps),
    st.sampled_from(TEXTS).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(json.dumps),
    st.text(max_size=8).map(lambda text: json.dumps(text, ensure_ascii=False)),
)
SPACES = st.sampled_from(["", "", "", "", " ", "\t", " \r ", "  "])
# fmt: on


@st.composite
def _line(draw: st.DrawFn, names: list[str]) -> bytes:
    """Most lines have the names in their order, some left out; some have one twice or at an odd place."""
    chosen = [name for name in names if draw(st.integers(0, 7))]
    if draw(st.integers(0, 7)) == 0:
        chosen.insert(draw(st.integers(0, len(chosen))), draw(st.sampled_from([*names, "other", "year"])))
    escape = draw(st.booleans())
    parts = []
    for name in chosen:
        tokens = [json.dumps(name, ensure_ascii=escape), ":", draw(TOKENS)]
        parts.append("".join(draw(SPACES) + token for token in tokens) + draw(SPACES))
    line = f"{draw(SPACES)}{{{','.join(parts)}}}{draw(SPACES)}".encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(line)))
        line = line[:at] + draw(st.binary(max_size=2)) + line[at + draw(st.integers(0, 2)) :]
    return line


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_model_and_any_lines(data: st.DataObject) -> None:
    model = data.draw(schemas())
    names = list(model["properties"])
    if data.draw(st.integers(0, 3)) == 0:
        model["additionalProperties"] = False
    elif data.draw(st.booleans()):
        names.append("free")
    both = _Both(
        model,
        key=data.draw(st.sampled_from([None, *names, "year", "other"])),
        fixed=data.draw(st.sampled_from([{}, {"year": "2024"}]))
        if "additionalProperties" not in model
        else {},
        headers=headers(data.draw(st.sampled_from(RecordHeaders))),
        partitions=data.draw(st.sampled_from([1, 1, 3])),
        max_row_bytes=data.draw(st.sampled_from([900_000, 60, 200])),
        strip_bytes=data.draw(st.sampled_from([2_000_000, 1, 300])),
    )
    ends = st.sampled_from([b"\n", b"\n", b"\r\n", b"\n\n", b"\n\r\n", b"\r"])
    for _ in range(2):  # the second block meets the columns of the first
        lines = data.draw(st.lists(st.tuples(_line(names), ends).map(b"".join), min_size=1, max_size=6))
        text = b"".join(lines)
        both.check(text.rstrip(b"\n") if data.draw(st.booleans()) else text)


ORDERS: dict[str, Any] = {
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "name": {"type": "string", "maxLength": 9},
        "price": {"type": ["number", "null"]},
        "paid": {"type": "boolean"},
        "tag": {"type": "string", "pattern": "^[a-z]+$"},
    },
    "required": ["id"],
}


def test_it_is_compiled_what_is_written() -> None:
    lines = [
        r'{"id": 1, "name": "q\"\\ü", "price": 1.50, "paid": true, "tag": "a", "free": [1, {"x": "]"}]}',
        '{ "id" : -0 , "name":"a" }',
        '{"id":7,"price":null,"free":"\\u00e9"}',
    ]
    both = _Both(ORDERS, key="id")
    encoded = both.check("\n".join(lines).encode())
    assert _values(encoded) == [
        r'{"id":1,"name":"q\"\\ü","price":1.50,"paid":true,"tag":"a","free":[1,{"x":"]"}]}',
        '{"id":7,"price":null,"free":"é"}',
    ]
    assert encoded.rejected == 1
    assert both.converter.asked == 0


def test_lines_in_another_order_are_left_to_the_reference() -> None:
    both = _Both(ORDERS)
    both.check(b'{"id":1,"name":"a"}\n' * 100 + b'{"name":"a","id":1}\n')
    assert both.converter.asked == 1


def test_optional_members_that_come_later_are_columns_too() -> None:
    lines = b'{"id":1,"z":1}\n{"id":1,"name":"a","y":2}\n{"id":2,"name":"b","y":1,"z":2}\n'
    assert member_names(_block(lines)) == ["id", "name", "y", "z"]
    both = _Both(ORDERS)
    both.check(lines)
    assert both.converter.asked == 0


def test_a_line_of_ever_new_members_does_not_take_the_job_up() -> None:
    """Names are looked for among those that are known: there may not be a hundred thousand of them."""
    line = b"{" + b",".join(b'"m%d":1' % n for n in range(60_000)) + b"}\n"
    names = member_names(_block(line * 3 + b'{"m0":1,"other":2}\n'))
    assert names == [f"m{n}" for n in range(1000)]
