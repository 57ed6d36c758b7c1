"""The corner cases of the npm package csv-spectrum, which come with the values that a reader must see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.api import Position
from connectors.csv.reader import CsvReader
from connectors.testing import decode_batch
from connectors.text.opening import open_text
from tests.unit.compiled.both import Both

SPECTRUM = Path(__file__).with_name("spectrum")


@pytest.mark.parametrize("path", sorted((SPECTRUM / "csvs").iterdir()), ids=lambda path: path.stem)
@pytest.mark.parametrize("block_bytes", [1, 10, 1000])
def test_both_encoders_see_what_the_collection_says(path: Path, block_bytes: int) -> None:
    expected = json.loads((SPECTRUM / "json" / f"{path.stem}.json").read_text("utf-8"))
    source = open_text(path, max_decompressed_bytes=1 << 20)
    reader = CsvReader(
        source,
        block_bytes=block_bytes,
        max_row_bytes=1000,
        delimiter=",",
        header=True,
        columns=None,
        position=Position(),
    )
    both = Both({}, reader.columns)
    rows: list[dict[str, Any]] = []
    while (block := reader.read_block()) is not None:
        encoded = both.check(block)
        rows += [json.loads(r.value or b"") for batch in encoded.batches for r in decode_batch(batch)]
    reader.close()
    expected = expected if isinstance(expected, list) else [expected]
    if path.stem == "location_coordinates":
        for row in (*rows, *expected):
            row.pop("Contact Phone Number")  # the collection has another one in each of the two files
    assert rows == expected
    assert both.converter.asked == 0
