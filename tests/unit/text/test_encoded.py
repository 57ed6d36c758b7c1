"""Text in its encodings: byte order marks, and UTF-16 as UTF-8 with the file's own positions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.errors import JobCode, JobError
from connectors.text.opening import open_text
from connectors.text.source import TextSource


@contextmanager
def opened(path: Path, data: bytes, encoding: str = "utf-8") -> Iterator[TextSource]:
    path.write_bytes(data)
    source = open_text(path, encoding=encoding, max_decompressed_bytes=1)
    try:
        yield source
    finally:
        source.close()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("encoded") / "file"


@pytest.mark.parametrize(
    ("data", "option", "encoding", "file_encoding", "start", "text"),
    [
        (b"a\xc3\xa9", "utf-8", "utf-8", "utf-8", 0, b"a\xc3\xa9"),
        (b"\xef\xbb\xbfa", "utf-8", "utf-8", "utf-8", 3, b"a"),
        (b"a\xe9", "cp1252", "cp1252", "cp1252", 0, b"a\xe9"),
        (b"\xef\xbb\xbfa", "cp1252", "utf-8", "utf-8", 3, b"a"),
        (b"\xff\xfea\x00", "utf-8", "utf-8", "utf-16", 2, b"a"),
        (b"\xfe\xff\x00a", "utf-8", "utf-8", "utf-16", 2, b"a"),
        (b"\xff\xfe\xe9\x00", "utf-16", "utf-8", "utf-16", 2, b"\xc3\xa9"),
        (b"\xfe\xff\x00a", "cp1252", "utf-8", "utf-16", 2, b"a"),
        (b"\xef\xbb\xbfa", "utf-16", "utf-8", "utf-8", 3, b"a"),
        (b"", "utf-16", "utf-8", "utf-8", 0, b""),
        (b"\xff", "utf-8", "utf-8", "utf-8", 0, b"\xff"),
    ],
)
def test_a_mark_decides_and_else_the_option(
    tmp_path: Path, data: bytes, option: str, encoding: str, file_encoding: str, start: int, text: bytes
) -> None:
    with opened(tmp_path / "file", data, option) as source:
        assert (source.encoding, source.file_encoding, source.start) == (encoding, file_encoding, start)
        assert source.read(source.start, 100) == text


@pytest.mark.parametrize("data", [b"a,b\n", b"a\x00", b"\xff"])
def test_utf_16_without_a_mark_is_refused(tmp_path: Path, data: bytes) -> None:
    (path := tmp_path / "file").write_bytes(data)
    with pytest.raises(JobError) as raised:
        open_text(path, encoding="utf-16", max_decompressed_bytes=1)
    assert raised.value.code is JobCode.ENCODING
    assert f"begins with `{data[:3].hex(' ')}` (byte `0` of the file)" in raised.value.message
    assert "option `encoding`" in raised.value.hint


any_character = st.characters(exclude_categories=()) | st.sampled_from('\n,"aé€𝄞\ud834\udd1e')


@settings(max_examples=400, deadline=None)
@given(
    text=st.text(any_character, max_size=40),
    codec=st.sampled_from(["utf-16-le", "utf-16-be"]),
    odd=st.binary(max_size=1),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=60),
)
@example(text="𝄞𝄞", codec="utf-16-le", odd=b"", sizes=[1])
@example(text="\ud834", codec="utf-16-be", odd=b"x", sizes=[3])
def test_utf_16_is_handed_out_piece_by_piece(
    scratch: Path, text: str, codec: str, odd: bytes, sizes: list[int]
) -> None:
    mark = "\ufeff".encode(codec)
    data = mark + text.encode(codec, "surrogatepass") + odd
    # two surrogates side by side are a character
    expected = (
        text.encode(codec, "surrogatepass").decode(codec, "surrogatepass").encode("utf-8", "surrogatepass")
    )
    expected += b"\xff" * len(odd)
    pieces, position, number = [], 2, 0
    with opened(scratch, data) as source:
        while piece := source.read(position, size := sizes[number % len(sizes)]):
            assert len(piece) <= size + 3
            pieces.append(piece)
            position += source.width(piece)
            assert len(piece) >= size or position == len(data)
            number += 1
        assert position == len(data)
        assert source.width(expected) == len(data) - 2
        assert source.damage is None
    assert b"".join(pieces) == expected
