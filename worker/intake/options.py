"""The options of a job, from its model and the request: one place for drop folder, upload and retry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.errors import OptionError
from connectors.model.options import merge_options
from worker.jobs.topics import is_reserved

__all__ = ["job_options"]


def job_options(namespace: str, schema: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a schema's `x-batch` with a request's `overrides` over them, checked.

    Raises OptionError as `merge_options`, and when `topic` or `dlq_topic` is one of the worker's own: rows of
    several jobs in there would be read as one job's, or as commands.
    """
    options = merge_options(schema, overrides)
    for name in ("topic", "dlq_topic"):
        topic = options.get(name)
        if topic is not None and is_reserved(namespace, topic):
            raise OptionError(
                f"option `{name}` is `{topic}`, a name that the worker keeps for its own topics",
                f"use a name that begins neither with `{namespace}_` nor with `{namespace}.`",
            )
    return options
