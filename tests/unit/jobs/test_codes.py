"""The error table, docs/errors.md and the data path know the same codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.errors import JobCode, RowCode
from connectors.model.messages import TEMPLATES
from worker.jobs.codes import CODES, Where, status_of

DOC = Path(__file__).parents[3] / "docs/errors.md"
HEADINGS = {
    "Requests": Where.REQUEST,
    "Jobs that fail": Where.JOB_FAILS,
    "Jobs that wait": Where.JOB_WAITS,
    "Files that wait": Where.FILE_WAITS,
    "Rows": Where.ROW,
}


def documented() -> dict[Where, dict[str, tuple[int | None, str]]]:
    """Read the tables of docs/errors.md: where → code → status and meaning."""
    found: dict[Where, dict[str, tuple[int | None, str]]] = {where: {} for where in Where}
    where: Where | None = None
    for line in DOC.read_text().split("### What rejects say")[0].splitlines():
        if line.startswith("## "):
            where = HEADINGS.get(line[3:])
        row = re.fullmatch(r"\| (?:(\d+) \| )?`([A-Z_]+)` \| (.+) \|", line)
        if row and where:
            found[where][row[2]] = (int(row[1]) if row[1] else None, row[3])
    return found


@pytest.mark.parametrize("where", list(Where))
def test_the_document_lists_exactly_the_table(where: Where) -> None:
    expected = {
        code: (info.status if where is Where.REQUEST else None, info.meaning)
        for code, info in CODES.items()
        if where in info.where
    }
    assert documented()[where] == expected


def test_the_data_path_has_no_code_of_its_own() -> None:
    assert {code for code, info in CODES.items() if Where.ROW in info.where} == set(RowCode)
    assert set(JobCode) <= {code for code, info in CODES.items() if Where.JOB_FAILS in info.where}


def test_every_code_of_a_request_has_a_status_and_no_other_has() -> None:
    for code, info in CODES.items():
        assert (info.status is not None) == (Where.REQUEST in info.where), code


def test_a_status_is_asked_only_of_codes_that_answer_requests() -> None:
    assert status_of("JOB_NOT_FOUND") == 404
    with pytest.raises(KeyError, match="SLOT"):
        status_of("SLOT")


def test_the_document_lists_every_message_of_rows() -> None:
    listed = re.findall(
        r"^\| `([A-Z_]+)` \| (.+) \|$", DOC.read_text().split("### What rejects say")[1], re.M
    )
    assert listed == [(str(code), template) for code, template in TEMPLATES.values()]
