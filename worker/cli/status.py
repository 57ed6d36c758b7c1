"""`batch status`"""

from __future__ import annotations

import json
from typing import Any

from worker.cli.client import Client
from worker.cli.errors import CliError
from worker.cli.output import print_error, print_json

__all__ = ["show_status"]


def show_status(client: Client) -> int:
    """Print what the worker says of itself; 1 while it is not ready."""
    health = client.get("healthz")
    ready, text = client.readiness()
    print_json(f'{{"url": {json.dumps(client.url)}, "healthz": {health}, "readyz": {text}}}')
    if ready:
        return 0
    said: dict[str, Any] = json.loads(text)
    print_error(CliError(said["detail"], said["hint"], said["code"]))
    return 1
