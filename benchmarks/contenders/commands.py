"""Contenders that are one command a delivery: what they have in common."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.api import Delivery, RunError, Usage
from benchmarks.broker import Broker
from benchmarks.processes import Finished, run_metered

__all__ = ["CommandContender"]

_TIMEOUT_SECONDS = 900.0


class CommandContender:
    """Runs a command for each delivery; keeps nothing running between them."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self._broker = broker
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "output.log"

    def start(self) -> None:
        """Nothing outlives a delivery."""

    def clean(self, delivery: Delivery) -> None:
        self._broker.delete_topics(delivery.topics)

    def close(self) -> None:
        """Nothing outlives a delivery."""

    def _run(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> Finished:
        try:
            return run_metered(argv, self._log, _TIMEOUT_SECONDS, environment)
        except OSError as error:
            raise RunError(f"`{argv[0]}` cannot be run: {error}") from error

    def _run_script(self, argv: Sequence[str], environment: Mapping[str, str]) -> tuple[Any, Usage]:
        """Run Python with more variables than those of now; return the JSON that it prints last."""
        done = self._run([sys.executable, *argv], {**os.environ, **environment})
        try:
            return json.loads(done.output.splitlines()[-1]), done.usage
        except (IndexError, ValueError) as error:
            raise RunError(f"the script said no time: {done.output[-500:]}") from error
