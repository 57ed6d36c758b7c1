"""What compressed files unpack to: whole, broken, cut short, and too much of it."""

from __future__ import annotations

import gzip
import random
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import JobCode, JobError
from connectors.text import unpacked as unpacked_module
from connectors.text.compression import STEP_BYTES, Compression, compression_of
from connectors.text.unpacked import MAX_RATIO, RATIO_FROM_BYTES, UnpackedFile

LIMIT = 1 << 33
ROWS = b"".join(b"%d,name %d,%d\n" % (n, n * 7919 % 1009, n % 7) for n in range(40_000))


def zstd_checked(data: bytes) -> bytes:
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


PACKERS = [
    pytest.param(lambda data: gzip.compress(data, mtime=0), id="gzip"),
    pytest.param(zstd_checked, id="zstd"),
]
each_packer = pytest.mark.parametrize("pack", PACKERS)
Pack = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("unpacked") / "file"


@contextmanager
def unpacked(path: Path, data: bytes, *, max_bytes: int = LIMIT) -> Iterator[UnpackedFile]:
    path.write_bytes(data)
    compression = compression_of(data)
    assert compression is not None
    source = UnpackedFile(path.open("rb", buffering=0), compression, max_bytes=max_bytes)
    try:
        yield source
    finally:
        source.close()


def read_all(source: UnpackedFile, size: int = 100_000) -> bytes:
    """Everything up to the end or the damage, which is then `source.damage`."""
    found = b""
    while piece := source.read(len(found), size):
        found += piece
    return found


def failure(source: UnpackedFile) -> JobError:
    assert source.damage is not None
    return source.damage


@pytest.mark.parametrize(
    ("head", "compression"),
    [
        (b"\x1f\x8b\x08", Compression.GZIP),
        (b"\x28\xb5\x2f\xfd", Compression.ZSTD),
        (b"\x50\x2a\x4d\x18", Compression.ZSTD),
        (b"\x5f\x2a\x4d\x18", Compression.ZSTD),
        (b"\x60\x2a\x4d\x18", None),
        (b"\x1f", None),
        (b"", None),
    ],
)
def test_the_first_bytes_say_how_a_file_is_compressed(head: bytes, compression: Compression | None) -> None:
    assert compression_of(head) is compression


parts = st.lists(st.binary(max_size=300) | st.integers(0, 3000).map(lambda n: ROWS[:n]), max_size=5)


@settings(max_examples=200, deadline=None)
@given(
    parts=parts,
    kind=st.sampled_from(["gzip", "padded gzip", "zstd", "zstd with skippable frames"]),
    steps=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 500)), max_size=10),
)
def test_reads_that_go_forward_get_what_was_packed(
    scratch: Path, parts: list[bytes], kind: str, steps: list[tuple[int, int]]
) -> None:
    whole = b"".join(parts)
    if kind.endswith("gzip"):
        data = b"".join(gzip.compress(part) for part in parts) or gzip.compress(b"")
        data += b"\x00" * (700 if kind.startswith("padded") else 0)
    else:
        skipped = b"\x51\x2a\x4d\x18\x03\x00\x00\x00abc" if "skippable" in kind else b""
        data = b"".join(skipped + zstd.compress(part) for part in parts) or zstd.compress(b"")
    with unpacked(scratch, data) as source:
        position = 0
        for forward, size in steps:
            position = min(position + forward, len(whole))
            assert source.read(position, size) == whole[position : position + size]
            assert source.damage is None
        assert source.reach(position) >= position
        assert source.reach(len(whole) + 1) == len(whole)
        assert source.read(len(whole), 10) == b""
        assert source.damage is None
        assert source.file_bytes(len(whole)) == len(data)


@each_packer
def test_the_same_steps_whatever_is_read(scratch: Path, pack: Pack) -> None:
    data = pack(ROWS)
    found = []
    for size in (1_000, 50_000, len(ROWS)):
        with unpacked(scratch, data) as source:
            used = []
            for position in range(0, len(ROWS), 50_000):
                for start in range(position, min(position + 50_000, len(ROWS)), size):
                    source.read(start, size)
                used.append(source.file_bytes(position))
        found.append(used)
    assert found[0] == found[1] == found[2]
    assert found[0] == sorted(found[0])
    assert 0 < found[0][1] < found[0][-1] <= len(data)


@each_packer
def test_what_was_passed_is_forgotten(scratch: Path, pack: Pack) -> None:
    with unpacked(scratch, pack(ROWS)) as source:
        source.read(1000, 10)
        with pytest.raises(ValueError, match="position 999 was forgotten"):
            source.read(999, 10)


@each_packer
def test_a_cut_file_gives_what_is_there_and_says_where_it_ends(scratch: Path, pack: Pack) -> None:
    data = pack(ROWS[:2000])
    name = "gzip" if data[0] == 0x1F else "zstd"
    for size in range(4, len(data)):
        with unpacked(scratch, data[:size]) as source:
            text = read_all(source)
            error = failure(source)
        assert ROWS.startswith(text)
        assert error.code is JobCode.UNSUPPORTED_FILE_TYPE
        assert error.message == f"the {name} data is cut short: it ends at byte `{size}` of the file"
        assert error.hint == "compress the file again, or check that it was copied whole"


def test_all_that_came_before_the_cut_is_read(scratch: Path) -> None:
    data = gzip.compress(ROWS)
    with unpacked(scratch, data[: len(data) // 2]) as source:
        text = read_all(source)
    assert len(text) > len(ROWS) // 3
    assert ROWS.startswith(text)


@each_packer
def test_no_flipped_byte_gives_other_data_unnoticed(scratch: Path, pack: Pack) -> None:
    whole = ROWS[:300]
    data = pack(whole)
    codes = set()
    for number in range(4, len(data)):
        broken = bytearray(data)
        broken[number] ^= 0x55
        with unpacked(scratch, bytes(broken)) as source:
            text = read_all(source)
            if source.damage is None:
                assert text == whole  # a byte of the header that says nothing about the data
            else:
                codes.add(source.damage.code)
    assert codes == {JobCode.UNSUPPORTED_FILE_TYPE}


@each_packer
def test_rows_far_before_the_damage_are_read(scratch: Path, pack: Pack) -> None:
    data = bytearray(pack(ROWS) + pack(ROWS[::-1]))
    first = len(pack(ROWS))
    data[first + 2000 : first + 2100] = bytes(100)
    with unpacked(scratch, bytes(data)) as source:
        text = read_all(source)
        error = failure(source)
    assert text[: len(ROWS)] == ROWS
    assert "data is broken, as shows after byte `" in error.message
    byte = int(error.message.split("`")[1])
    assert first - 20_000 < byte < len(data)


def test_bytes_behind_the_end_are_damage(scratch: Path) -> None:
    for data in (gzip.compress(b"a\n") + b"garbage", zstd.compress(b"a\n") + b"garbage"):
        with unpacked(scratch, data) as source:
            assert read_all(source) == b"a\n"
            assert "data is broken, as shows after byte `" in failure(source).message


def test_zstd_that_needs_more_than_128_mib_is_refused(scratch: Path) -> None:
    # RFC 8878: no flags, a window of 2^28 bytes, and one raw block of one byte
    data = b"\x28\xb5\x2f\xfd" + bytes([0, 18 << 3]) + b"\x09\x00\x00a"
    with unpacked(scratch, data) as source:
        assert read_all(source) == b""
        assert "too much memory" in failure(source).message
    smaller = b"\x28\xb5\x2f\xfd" + bytes([0, 17 << 3]) + b"\x09\x00\x00a"
    with unpacked(scratch, smaller) as source:
        assert read_all(source) == b"a"


# limits


@each_packer
def test_the_limit_itself_passes_and_a_byte_more_does_not(scratch: Path, pack: Pack) -> None:
    data = pack(ROWS)
    with unpacked(scratch, data, max_bytes=len(ROWS)) as source:
        assert read_all(source) == ROWS
        assert source.damage is None
    with unpacked(scratch, data, max_bytes=len(ROWS) - 1) as source:
        assert read_all(source) == ROWS[:-1]
        error = failure(source)
    assert error.code is JobCode.DECOMPRESSION_LIMIT
    assert f"unpacks to more than `{len(ROWS) - 1}` bytes" in error.message
    assert error.hint == "split the file, or raise BATCH_MAX_DECOMPRESSED_BYTES"


@each_packer
def test_a_bomb_stops_soon_after_the_first_megabyte(scratch: Path, pack: Pack) -> None:
    data = pack(bytes(100_000_000))
    tracemalloc.start()
    try:
        with unpacked(scratch, data) as source:
            end = source.read(0, 1000)
            assert end == bytes(1000)
            with pytest.raises(JobError) as raised:
                source.reach(100_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    error = raised.value
    assert error.code is JobCode.DECOMPRESSION_LIMIT
    assert f"unpacks to more than {MAX_RATIO} times its size" in error.message
    used, unpacked_bytes = (int(text) for text in error.message.split("`")[1::2])
    assert used <= len(data)
    assert RATIO_FROM_BYTES < unpacked_bytes < 100_000_000
    assert unpacked_bytes > MAX_RATIO * used
    assert error.hint == "if that is right, unpack the file and submit it as it is"
    assert peak < 3_000_000


@each_packer
def test_little_may_be_packed_as_tightly_as_it_goes(scratch: Path, pack: Pack) -> None:
    whole = bytes(RATIO_FROM_BYTES)
    with unpacked(scratch, pack(whole)) as source:
        assert read_all(source) == whole
        assert source.damage is None


@each_packer
def test_repetitive_rows_of_real_files_pass_the_ratio(scratch: Path, pack: Pack) -> None:
    rng = random.Random(1)
    whole = b"".join(b"2024-05-01,store %d,0,0,0.00,,,\n" % rng.randrange(9) for _ in range(200_000))
    data = pack(whole)
    assert len(whole) / len(data) > 20
    with unpacked(scratch, data) as source:
        assert source.reach(len(whole)) == len(whole)


@each_packer
def test_a_resume_far_into_a_large_file_keeps_nothing_of_the_way(scratch: Path, pack: Pack) -> None:
    data = pack(ROWS) * 4
    with unpacked(scratch, data) as source, patch.object(unpacked_module, "_PIECE_BYTES", 64):
        tracemalloc.start()
        try:
            assert source.read(len(ROWS) * 3 - 5, 5) == ROWS[-5:]
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert kept < 400_000


def test_the_bytes_used_never_go_back_where_a_frame_ends(scratch: Path) -> None:
    # two whole steps out of few bytes, and behind them another frame in the same piece of the file
    size = 2 * STEP_BYTES
    data = zstd.compress(b"1\n" * (size // 2)) + zstd.compress(ROWS)
    with unpacked(scratch, data) as source:
        used = []
        for position in range(0, size + len(ROWS), 10_000):
            source.read(position, 10_000)
            used.append(source.file_bytes(position))
        used.append(source.file_bytes(size + len(ROWS)))
    assert used == sorted(used)
    assert used[-1] == len(data)


@each_packer
def test_a_large_file_is_read_in_little_memory(scratch: Path, pack: Pack) -> None:
    data = pack(ROWS * 40)
    tracemalloc.start()
    try:
        with unpacked(scratch, data) as source:
            for position in range(0, len(ROWS) * 40, 65_536):
                source.read(position, 65_536)
                source.file_bytes(position)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
