"""Columns from the names of folders, as Hive and its successors lay tables out: `year=2024/month=05/a.csv`.

Names and values are percent-encoded there (Hive's `FileUtils.escapePathName`), and a null has a name of its
own.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import unquote_to_bytes

from connectors.errors import HeaderError, JobCode
from connectors.model.messages import cut

__all__ = ["partition_columns"]

_NULL = "__HIVE_DEFAULT_PARTITION__"


def partition_columns(file: str, columns: Collection[str] = ()) -> dict[str, str]:
    """Return the columns that the folders of a relative path are, in their order: name to cell.

    Folders that are not `name=value` are none. Raises HeaderError HEADER_DUPLICATE for a name that stands
    twice in the path, or is one of the file's own `columns`, and ENCODING for one that is not UTF-8.
    """
    found: dict[str, str] = {}
    for folder in file.split("/")[:-1]:
        encoded, equals, value = folder.partition("=")
        if not encoded or not equals:
            continue
        name = _decode(encoded, folder)
        if name in found:
            raise _duplicate(name, "stands twice in the file's path")
        if name in columns:
            raise _duplicate(name, "is a column of the file, too")
        found[name] = "" if value == _NULL else _decode(value, folder)
    return found


def _decode(text: str, folder: str) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError:  # also of a path that holds bytes that are no UTF-8
        shown = cut(folder).encode("utf-8", "replace").decode()
        raise HeaderError(
            JobCode.ENCODING,
            f"the folder `{shown}` is not UTF-8 once its percent signs are decoded",
            "name folders in UTF-8, or turn the option `partition_columns` off",
        ) from None


def _duplicate(name: str, why: str) -> HeaderError:
    return HeaderError(
        JobCode.HEADER_DUPLICATE,
        f"the folder of the partition column `{cut(name)}` {why}",
        "give every column a name of its own, or turn the option `partition_columns` off",
    )
