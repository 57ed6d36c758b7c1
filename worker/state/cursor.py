"""Cursors of the job lists: opaque outside, `[created_at, job_id]` of the last job shown inside."""

from __future__ import annotations

import base64
import binascii
import json

from worker.jobs.job import Job
from worker.state.api import StateError

__all__ = ["decode_cursor", "encode_cursor"]


def encode_cursor(last: Job) -> str:
    """Return the cursor of the page after `last`."""
    raw = json.dumps([last.created_at, last.job_id], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[str, str]:
    """Return created_at and job id of the last job shown. Raises StateError `INVALID_REQUEST`."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        created_at, job_id = json.loads(raw)
    except (binascii.Error, ValueError, TypeError):
        created_at = job_id = None
    if not isinstance(created_at, str) or not isinstance(job_id, str):
        raise StateError(
            "INVALID_REQUEST",
            f"cursor `{cursor[:100]}` is not one that a list has answered",
            "take `next_cursor` of the page before, or leave `cursor` out to start at the newest job",
        )
    return created_at, job_id
