"""The names of a job's topics (contract §3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["is_reserved", "job_dlq_topic", "job_topic", "own_topic"]


def own_topic(namespace: str, job_id: str, first_attempt: int = 1) -> str:
    """The topic of a job that shares none; a retry from the start writes into a new one."""
    name = f"{namespace}_{job_id}"
    return name if first_attempt == 1 else f"{name}_r{first_attempt}"


def job_topic(namespace: str, job_id: str, options: Mapping[str, Any], first_attempt: int = 1) -> str:
    """The topic of the rows: the option `topic`, else the job's own."""
    return options.get("topic") or own_topic(namespace, job_id, first_attempt)


def job_dlq_topic(namespace: str, job_id: str, options: Mapping[str, Any], first_attempt: int = 1) -> str:
    """The topic of the rejects: the option `dlq_topic`, else the job's own."""
    return options.get("dlq_topic") or f"{own_topic(namespace, job_id, first_attempt)}_dlq"


def is_reserved(namespace: str, topic: str) -> bool:
    """Whether a topic is one of the worker's own, which no job may share."""
    return topic.startswith((f"{namespace}_", f"{namespace}."))
