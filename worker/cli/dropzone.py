"""`batch dropzone`"""

from __future__ import annotations

import json

from worker.cli.client import Client
from worker.cli.output import amount, print_array, print_table

__all__ = ["list_dropzone"]


def list_dropzone(client: Client, limit: int) -> int:
    """Print what lies in `incoming/` and why it is not taken."""
    files = client.items("dropzone", limit=limit)
    print_array(files)
    print_table(("PATH", "CODE", "SIZE", "SINCE", "WHY"), [_row(json.loads(file)) for file in files])
    return 0


def _row(file: dict[str, object]) -> tuple[object, ...]:
    size = None if file["size_bytes"] is None else amount(file["size_bytes"])
    return file["path"], file["code"], size, file["since"], file["message"]
