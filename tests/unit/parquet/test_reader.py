"""Blocks, positions and broken files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.api import Position
from connectors.errors import HeaderError, JobCode, JobError
from connectors.parquet import footer
from connectors.parquet.reader import ParquetBlock, ParquetReader

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
READ_ALL = """
import sys
from pathlib import Path
from connectors.errors import JobError
from connectors.parquet.reader import ParquetReader

try:
    reader = ParquetReader(Path(sys.argv[1]), block_bytes=4096)
    print(sum(block.batch.num_rows for block in iter(reader.read_block, None)), "rows")
except JobError as error:
    print(error.code)
"""
GROUPS = [500, 1, 137, 300]


def rows_of(count: int, first: int = 0) -> pa.Table:
    ids = range(first, first + count)
    return pa.table(
        {"id": pa.array(ids, pa.int64()), "name": pa.array([f"name {i}" for i in ids], pa.string())}
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Row groups of 500, 1, 137 and 300 rows."""
    path = tmp_path / "rows.parquet"
    with pq.ParquetWriter(path, rows_of(0).schema) as writer:
        first = 0
        for count in GROUPS:
            writer.write_table(rows_of(count, first))
            first += count
    return path


def read(path: Path, block_bytes: int, position: Position | None = None) -> list[ParquetBlock]:
    reader = ParquetReader(path, block_bytes=block_bytes, position=position or Position())
    try:
        return list(iter(reader.read_block, None))
    finally:
        reader.close()


def ids(blocks: list[ParquetBlock]) -> list[int]:
    return [value for block in blocks for value in block.batch.column("id").to_pylist()]


@pytest.mark.parametrize("block_bytes", [1, 100, 1000, 5000, 4 * 1024 * 1024])
def test_all_rows_in_order(file: Path, block_bytes: int) -> None:
    assert ids(read(file, block_bytes)) == list(range(sum(GROUPS)))


def test_positions(file: Path) -> None:
    assert [(block.start, block.end) for block in read(file, 1024 * 1024)] == [
        (Position(), Position(row=500, block=1, row_group=1)),
        (Position(row=500, block=1, row_group=1), Position(row=501, block=2, row_group=2)),
        (Position(row=501, block=2, row_group=2), Position(row=638, block=3, row_group=3)),
        (Position(row=638, block=3, row_group=3), Position(row=938, block=4, row_group=4)),
    ]


def test_blocks_hold_about_as_many_bytes_as_asked(file: Path) -> None:
    sizes = [block.batch.nbytes for block in read(file, 3000)]
    assert len(sizes) > 5
    assert max(sizes) < 6000


@pytest.mark.parametrize("block_bytes", [200, 3000])
def test_resume_at_every_position(file: Path, block_bytes: int) -> None:
    blocks = read(file, block_bytes)
    for number in range(len(blocks)):
        assert read(file, block_bytes, blocks[number].start) == blocks[number:]
    assert read(file, block_bytes, blocks[-1].end) == []


def test_snapshot_is_the_next_read(file: Path) -> None:
    reader = ParquetReader(file, block_bytes=1000)
    assert reader.snapshot() == Position()
    while (block := reader.read_block()) is not None:
        assert reader.snapshot() == block.end
    assert reader.snapshot() == read(file, 1000)[-1].end
    reader.close()
    reader.close()


def test_empty_row_groups_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    with pq.ParquetWriter(path, rows_of(0).schema) as writer:
        for table in (rows_of(0), rows_of(3), rows_of(0), rows_of(2, 3), rows_of(0)):
            writer.write_table(table)
    assert pq.ParquetFile(path).num_row_groups == 5
    blocks = read(path, 1024)
    assert ids(blocks) == [0, 1, 2, 3, 4]
    assert [block.end for block in blocks] == [
        Position(row=3, block=1, row_group=2),
        Position(row=5, block=2, row_group=4),
    ]
    assert ids(read(path, 1024, blocks[0].end)) == [3, 4]


def test_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(rows_of(0), path)
    reader = ParquetReader(path, block_bytes=1024)
    assert reader.columns == ("id", "name")
    assert reader.read_block() is None
    reader.close()


def test_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({}), path)
    reader = ParquetReader(path, block_bytes=1024)
    assert reader.columns == ()
    assert reader.read_block() is None
    reader.close()


def test_repeated_long_values_are_read_in_bounded_blocks(tmp_path: Path) -> None:
    """50,000 times 2,000 bytes are a few hundred bytes in the file, and 100 MB decoded at once."""
    path = tmp_path / "rows.parquet"
    indices = pa.array([0] * 50_000, pa.int32())
    pq.write_table(pa.table({"id": pa.DictionaryArray.from_arrays(indices, ["x" * 2000])}), path)
    assert path.stat().st_size < 20_000
    blocks = read(path, 1024 * 1024)
    assert sum(block.batch.num_rows for block in blocks) == 50_000
    assert max(block.batch.nbytes for block in blocks) < 4 * 1024 * 1024
    assert blocks[-1].batch.column("id").to_pylist()[-1] == "x" * 2000


def test_dictionary_columns_have_the_type_of_their_values(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"id": pa.array(["a", None, "b"]).dictionary_encode()}), path)
    assert pa.types.is_dictionary(pq.ParquetFile(path).schema_arrow.field("id").type)
    reader = ParquetReader(path, block_bytes=1024)
    assert reader.schema.field("id").type == pa.string()
    block = reader.read_block()
    assert block is not None
    assert block.batch.schema == reader.schema
    assert block.batch.column("id").to_pylist() == ["a", None, "b"]
    reader.close()


def test_int96_beyond_the_range_of_nanoseconds(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = pa.table({"id": pa.array([253_402_300_799_000_000, 1], pa.timestamp("us"))})
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    (block,) = read(path, 1024)
    assert block.batch.column("id").view(pa.int64()).to_pylist() == [253_402_300_799_000_000, 1]


def failure(path: Path, position: Position | None = None) -> JobError:
    with pytest.raises(JobError) as caught:
        read(path, 1024, position)
    return caught.value


def test_truncated_at_every_length(file: Path, tmp_path: Path) -> None:
    data = file.read_bytes()
    path = tmp_path / "cut.parquet"
    for length in [*range(4, 200), *range(200, len(data), 97), *range(len(data) - 50, len(data))]:
        path.write_bytes(data[:length])
        error = failure(path)
        assert error.code is JobCode.PARQUET_INVALID
        assert error.message.startswith("the Parquet file is cut short")
        assert f"`{length}` bytes" in error.message


def test_truncated_messages(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.parquet"
    path.write_bytes(file.read_bytes()[:8])
    error = failure(path)
    assert error.message == "the Parquet file is cut short: it has only `8` bytes"
    path.write_bytes(file.read_bytes()[:100])
    error = failure(path)
    assert error.message == "the Parquet file is cut short: its `100` bytes do not end with a footer"
    assert error.hint == "write the file again, or check that it was copied whole"


def test_cut_in_the_middle_but_with_its_footer(file: Path, tmp_path: Path) -> None:
    data = file.read_bytes()
    path = tmp_path / "cut.parquet"
    path.write_bytes(data[:500] + data[-3000:])
    assert failure(path).code is JobCode.PARQUET_INVALID


def test_encrypted_footer(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "secret.parquet"
    path.write_bytes(file.read_bytes()[:-4] + b"PARE")
    error = failure(path)
    assert error.code is JobCode.PARQUET_INVALID
    assert error.message == "the Parquet file cannot be read: its footer is encrypted"


def test_damaged_column_metadata_do_not_end_the_process(tmp_path: Path) -> None:
    """pyarrow 26 aborts when it is asked for this column's metadata; reading the column only fails."""
    data = bytearray((SAMPLES / "odd/types.parquet").read_bytes())
    assert data[5229] == 38
    data[5229] = 146
    path = tmp_path / "damaged.parquet"
    path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(path)], cwd=SAMPLES.parent, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "PARQUET_INVALID\n"), done.stderr


def test_random_footer(tmp_path: Path) -> None:
    path = tmp_path / "noise.parquet"
    path.write_bytes(b"PAR1" + bytes(range(256)) * 4 + (1000).to_bytes(4, "little") + b"PAR1")
    error = failure(path)
    assert error.code is JobCode.PARQUET_INVALID
    assert error.message.startswith("the footer of the Parquet file cannot be read: ")
    assert "\n" not in error.message


def test_damage_in_the_middle_fails_after_the_rows_before(file: Path, tmp_path: Path) -> None:
    data = bytearray(file.read_bytes())
    offset = pq.ParquetFile(file).metadata.row_group(2).column(1).data_page_offset
    data[offset : offset + 20] = b"\xff" * 20
    path = tmp_path / "damaged.parquet"
    path.write_bytes(data)
    reader = ParquetReader(path, block_bytes=1024 * 1024)
    seen = [reader.read_block(), reader.read_block()]
    assert [block.end.row for block in seen if block] == [500, 501]
    with pytest.raises(JobError) as caught:
        reader.read_block()
    reader.close()
    assert caught.value.code is JobCode.PARQUET_INVALID
    assert caught.value.message.startswith("row group `2` of the Parquet file cannot be read: ")


def test_a_flipped_bit_is_found_where_pages_have_checksums(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(rows_of(1000), path, write_page_checksum=True, use_dictionary=False, compression="NONE")
    data = bytearray(path.read_bytes())
    data[data.index(b"name 500")] ^= 1
    path.write_bytes(data)
    error = failure(path)
    assert error.code is JobCode.PARQUET_INVALID
    assert "row group `0`" in error.message


def test_gone(tmp_path: Path) -> None:
    error = failure(tmp_path / "rows.parquet")
    assert error.code is JobCode.FILE_GONE
    assert error.message == "the file `rows.parquet` is no longer in the job's folder"


@pytest.mark.parametrize(
    "position", [Position(row=939, row_group=4), Position(row=4, row_group=1), Position(row=0, row_group=9)]
)
def test_a_position_outside_the_file(file: Path, position: Position) -> None:
    error = failure(file, position)
    assert error.code is JobCode.FILE_CHANGED
    assert f"row `{position.row}` is not in row group `{position.row_group}`" in error.message


def test_a_column_chunk_over_the_limit(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    column = pq.ParquetFile(file).metadata.row_group(0).column(1)
    monkeypatch.setattr(footer, "MAX_CHUNK_BYTES", column.total_uncompressed_size - 1)
    error = failure(file)
    assert error.code is JobCode.PARQUET_ROW_GROUP_TOO_LARGE
    assert error.message == (
        f"column `name` of row group 0 has `{column.total_uncompressed_size}` bytes uncompressed; "
        f"the limit is {column.total_uncompressed_size - 1}"
    )
    assert error.hint.startswith("write the file again with smaller row groups")


def test_a_column_chunk_at_the_limit_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    column = pq.ParquetFile(file).metadata.row_group(0).column(1)
    monkeypatch.setattr(footer, "MAX_CHUNK_BYTES", column.total_uncompressed_size)
    assert len(ids(read(file, 1024))) == sum(GROUPS)


def test_the_limit_is_256_mib() -> None:
    assert footer.MAX_CHUNK_BYTES == 268_435_456


def test_duplicate_names(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    one = pa.array([1])
    pq.write_table(pa.Table.from_arrays([one, one, one], names=["a", "b", "a"]), path)
    error = failure(path)
    assert isinstance(error, HeaderError)
    assert error.code is JobCode.HEADER_DUPLICATE
    assert error.message == "`2` columns have the name `a`"


def test_an_empty_name(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([1])], names=["a", ""]), path)
    error = failure(path)
    assert isinstance(error, HeaderError)
    assert error.code is JobCode.HEADER_MISSING
    assert error.message == "column `2` has an empty name"


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"cafe": [1]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"cafe", b"caf\xe9"))
    error = failure(path)
    assert isinstance(error, HeaderError)
    assert error.code is JobCode.ENCODING
    assert error.message == "the name of a column is not valid UTF-8: `caf\ufffd`"


def test_every_type_survives_the_file(tmp_path: Path) -> None:
    """What the writer of values is tested with comes out of a file in the same type, or a wider one."""
    columns: dict[str, Any] = {
        "list": pa.array([[1], None], pa.list_(pa.int8())),
        "map": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
        "view": pa.array(["a", None], pa.string_view()),
        "uuid": pa.array([b"x" * 16, None], pa.uuid()),
        "half": pa.array([1.5, None], pa.float16()),
        "null": pa.nulls(2),
    }
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table(columns), path)
    (block,) = read(path, 1024)
    assert block.batch.num_rows == 2
    for name, array in columns.items():
        assert block.batch.column(name).to_pylist() == array.to_pylist()
