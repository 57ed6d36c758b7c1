"""The compiled cut gives what `cut_rows` gives, whose own tests say what is right."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.csv import cutting
from connectors.csv.rows import cut_rows
from connectors.text.lines import Cut

# the search goes by chunks of 32 bytes: texts without a quote or line end that are about as long
pieces = st.sampled_from(
    [b'"', b'""', b",", b";", b"\n", b"\r", b"\r\n", b" ", b"a", b"\xc3\xa9", b"\xff", b"x" * 31, b"y" * 33]
)
texts = st.lists(pieces, max_size=40).map(b"".join)


@settings(max_examples=2000, deadline=None)
@given(
    data=texts,
    limit=st.integers(0, 300),
    delimiter=st.sampled_from([b",", b";"]),
    ends=st.booleans(),
)
@example(data=b'"a""', limit=10, delimiter=b",", ends=True)
@example(data=b'"a"\n', limit=3, delimiter=b",", ends=True)
@example(data=b'a,"b\nc', limit=10, delimiter=b",", ends=True)
@example(data=b"\r", limit=10, delimiter=b",", ends=True)
@example(data=b"", limit=10, delimiter=b",", ends=True)
def test_the_compiled_cut_is_that_of_the_reference(
    data: bytes, limit: int, delimiter: bytes, ends: bool
) -> None:
    assert cutting.cut_rows(data, limit, delimiter, ends=ends) == cut_rows(data, limit, delimiter, ends=ends)


@pytest.mark.parametrize("position", range(30, 70))
def test_a_quote_or_line_end_is_found_wherever_it_stands_in_a_chunk(position: int) -> None:
    before = b"x" * (position - 2)
    data = before + b',"\n"\n' + b"y" * 40 + b"\nz"
    after = len(data) - 1
    assert cutting.cut_rows(data, len(data), b",", ends=False) == Cut(after, 2, 3)
    assert cutting.cut_rows(data, after - 1, b",", ends=False) == Cut(position + 3, 1, 2)


def test_the_limit_is_not_looked_beyond() -> None:
    data = b'a\n"b"' + b'"\nc\n'
    assert cutting.cut_rows(data, len(b'a\n"b"'), b",", ends=True) == Cut(2, 1, 1)
