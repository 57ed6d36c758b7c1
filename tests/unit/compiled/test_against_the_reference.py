"""The compiled encoder gives what the reference gives: same batches, same rejects, byte for byte."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.api import Position
from connectors.model import CellFormat
from connectors.model.options import RecordHeaders
from tests.unit.compiled.both import Both, block, headers
from tests.unit.compiled.hostile import files, schemas

NULLS = st.frozensets(st.sampled_from(["", "NA", "null", "é", "0", "x" * 100, " NA"]), max_size=5)
FIXED = [(), ('"x"',), ("2024", None), ("null",), ('"k\\"\\né"',)]


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_model_and_any_file(data: st.DataObject) -> None:
    schema = data.draw(schemas())
    columns = tuple(schema["properties"])
    fixed = data.draw(st.sampled_from(FIXED))
    folders = ["year", "month"][: len(fixed)]
    if data.draw(st.booleans()):
        schema["properties"].update({name: {"type": ["integer", "string"]} for name in folders})
    delimiter = data.draw(st.sampled_from([",", ",", ";", "\t", "|"]))
    both = Both(
        schema,
        (*columns, *folders),
        key=data.draw(st.sampled_from([None, *columns, *folders])),
        cells=CellFormat(data.draw(NULLS), data.draw(st.booleans())),
        fixed=fixed,
        headers=headers(data.draw(st.sampled_from(RecordHeaders))),
        partitions=data.draw(st.sampled_from([1, 1, 3, 7])),
        max_row_bytes=data.draw(st.sampled_from([900_000, 900_000, 60, 200])),
        strip_bytes=data.draw(st.sampled_from([None, 1, 300, 1000])),
    )
    assert both.plan is not None
    start = Position(
        byte=data.draw(st.integers(0, 2**40)), row=data.draw(st.sampled_from([0, 8, 99_998])), line=3, block=5
    )
    for _ in range(2):  # the second block meets what is left of the first
        both.check(block(data.draw(files(len(columns), delimiter)), delimiter.encode(), start))


TABLE: dict[str, Any] = {
    "properties": {
        "id": {"type": "integer", "minimum": 0},
        "name": {"type": "string", "maxLength": 9},
        "price": {"type": ["number", "null"]},
        "on": {"type": "boolean"},
    },
    "required": ["id", "on"],
}


@settings(max_examples=8, deadline=None)
@given(files(4, ","), st.sampled_from(["id", "name"]), st.integers(1, 200))
def test_every_block_of_a_file(data: bytes, key: str, size: int) -> None:
    """Wherever a block starts or ends, its rows are the same, strips of any size."""
    both = Both(TABLE, tuple(TABLE["properties"]), key=key, partitions=2, strip_bytes=size)
    for cut in range(min(len(data), 300) + 1):
        both.check(block(data[:cut]))
        both.check(block(data[cut:]))
