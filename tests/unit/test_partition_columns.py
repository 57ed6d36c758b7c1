"""Columns from folders, as Hive names them."""

from __future__ import annotations

import pytest

from connectors.errors import HeaderError, JobCode
from connectors.partition_columns import partition_columns


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        ("a.csv", {}),
        ("year=2024/month=05/a.csv", {"year": "2024", "month": "05"}),
        ("month=05/year=2024/a.csv", {"month": "05", "year": "2024"}),
        ("sales/year=2024/part=1.csv", {"year": "2024"}),
        ("year=2024/raw/day=7/a.csv", {"year": "2024", "day": "7"}),
        ("city=K%C3%B6ln%2FBonn/a.csv", {"city": "Köln/Bonn"}),
        ("a%3Db=c=d/a.csv", {"a=b": "c=d"}),
        ("city=New York/a.csv", {"city": "New York"}),
        ("city=a+b/a.csv", {"city": "a+b"}),
        ("city=100%/a.csv", {"city": "100%"}),
        ("city=/a.csv", {"city": ""}),
        ("=x/a.csv", {}),
        ("city=__HIVE_DEFAULT_PARTITION__/a.csv", {"city": ""}),
        ("city=Zürich/a.csv", {"city": "Zürich"}),
    ],
)
def test_folders_are_columns_in_their_order(file: str, columns: dict[str, str]) -> None:
    found = partition_columns(file)
    assert found == columns
    assert list(found) == list(columns)


def test_a_name_that_stands_twice() -> None:
    with pytest.raises(HeaderError) as raised:
        partition_columns("year=2024/ye%61r=2025/a.csv")
    assert raised.value.code is JobCode.HEADER_DUPLICATE
    assert raised.value.message == "the folder of the partition column `year` stands twice in the file's path"


def test_a_name_that_the_file_has_too() -> None:
    with pytest.raises(HeaderError) as raised:
        partition_columns("year=2024/a.csv", ("id", "year"))
    assert raised.value.code is JobCode.HEADER_DUPLICATE
    assert raised.value.message == "the folder of the partition column `year` is a column of the file, too"
    assert partition_columns("year=2024/a.csv", ("id", "Year")) == {"year": "2024"}


@pytest.mark.parametrize("folder", ["city=K%F6ln", "%FF=1", "city=\udcf6"])
def test_a_name_that_is_no_utf8(folder: str) -> None:
    with pytest.raises(HeaderError) as raised:
        partition_columns(f"{folder}/a.csv")
    assert raised.value.code is JobCode.ENCODING
    shown = folder.replace("\udcf6", "?")
    assert raised.value.message == f"the folder `{shown}` is not UTF-8 once its percent signs are decoded"
