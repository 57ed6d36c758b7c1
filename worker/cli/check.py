"""`batch job check` and `batch model infer`: a file is looked at, and nothing of it is delivered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from worker.cli.client import Client
from worker.cli.errors import CliError
from worker.cli.jobs import HAS_REJECTS, Submission
from worker.cli.jsontext import members
from worker.cli.output import note, print_error, print_json, print_table
from worker.cli.progress import uploading
from worker.cli.upload import Form, upload

__all__ = ["check_file", "infer_model"]


def check_file(client: Client, submission: Submission) -> int:
    """Print what would become of the file's rows: 0 all are delivered, 4 some are rejected, 1 it fails."""
    with uploading() as sent:
        form, query = submission.form(), {"validate": "true"}
        text = upload(client, ("jobs",), form, submission.file, sent, query=query, waits=True)
    print_json(text)
    report: dict[str, Any] = json.loads(text)
    print_table(("COLUMN", "CODE", "ROWS", "FIRST", "MESSAGE"), [_row(group) for group in report["errors"]])
    failure = report["error"]
    if failure is not None:
        print_error(CliError(failure["message"], failure["hint"], failure["code"]))
        return 1
    if report["rejected"]:
        note(f"{report['rejected']:,} of {report['rows']:,} rows would be rejected")
        return HAS_REJECTS
    return 0


def infer_model(client: Client, file: Path, options: Sequence[tuple[str, str]]) -> int:
    """Print a JSON Schema that the file passes, ready for `batch model create`."""
    with uploading() as sent:
        text = upload(client, ("models", "infer"), Form(options), file, sent, waits=True)
    print_json(members(text)["schema"])
    return 0


def _row(group: dict[str, Any]) -> tuple[object, ...]:
    first = group["examples"][0] if group["examples"] else {"row": None, "message": None}
    return group["column"] or "(row)", group["code"], f"{group['count']:,}", first["row"], first["message"]
