"""The page that checks a file: its form has every option, its answer says what would become of the rows."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from connectors.model.options import Options
from tests.unit.http.conftest import Client
from tests.unit.http.forms import HEADERS, field, form
from tests.unit.http.twins import Rig
from tests.unit.ui.html_page import Page, page

CHECK = "/ui/models/orders/check"
ATTACK = "<script>alert(1)</script>"
REPORT: dict[str, Any] = {
    "format": "csv+gzip",
    "columns": ["id"],
    "rows": 1_200,
    "valid": 1_199,
    "rejected": 1,
    "errors": [
        {
            "column": ATTACK,
            "code": "TYPE",
            "count": 1,
            "examples": [{"row": 7, "line": 8, "message": f"`{ATTACK}` is not an integer"}],
        },
        {"column": None, "code": "ENCODING", "count": 0, "examples": []},
    ],
    "unlisted": 4,
    "error": None,
}


@pytest.fixture(autouse=True)
async def model(parts: Rig) -> None:
    options = {"delimiter": "\t", "null_values": ["NA", '"'], "header": False, "columns": ["id"]}
    await parts.models.create("orders", {"x-batch": options})


async def _check(client: Client, *texts: tuple[str, str]) -> Page:
    sent = form(*(field(*text) for text in texts), field("file", b"1\n", "a.csv"))
    answer = await client.post(CHECK, data=sent, headers=HEADERS)
    assert (answer.status, answer.content_type) == (200, "text/html")
    return Page(await answer.text())


async def test_the_form_has_every_option_with_the_models_own(client: Client) -> None:
    assert CHECK in (await page(client, "/ui/models/orders")).values("a", "href")
    found = await page(client, CHECK)
    names = found.values("input", "name")
    assert names == ["model", *(option.name for option in fields(Options)), "file"]
    given = {value for value in found.values("input", "value") if value}
    assert given == {"orders", "tab", '["NA", "\\""]', "false", '["id"]'}
    assert found.values("form", "enctype") == ["multipart/form-data"]


async def test_the_report(parts: Rig, client: Client) -> None:
    parts.checker.report = REPORT
    found = await _check(client, ("model", "orders"), ("decimal", ","), ("key", ""))
    assert "1 row would be rejected Rows 1,200 Valid 1,199 Rejected 1 Format csv+gzip" in found.text
    assert f"{ATTACK} TYPE 1 row 7, line 8: {ATTACK} is not an integer" in found.text
    assert "The row as a whole ENCODING" in found.text
    assert "and 4 further errors" in found.text
    ((_, file, _, options),) = parts.checker.asked
    assert (file, options["decimal"], options["delimiter"], "key" in options) == ("a.csv", ",", "\t", False)
    assert parts.published == []


async def test_a_file_that_would_fail(parts: Rig, client: Client) -> None:
    error = {"code": "HEADER_DUPLICATE", "message": "column `id` is named twice", "hint": "rename one"}
    parts.checker.report = {**REPORT, "format": None, "rows": 0, "valid": 0, "errors": [], "error": error}
    found = await _check(client, ("model", "orders"))
    assert "This file would fail Column id is named twice. Rename one. HEADER_DUPLICATE" in found.text


async def test_a_file_without_a_fault(parts: Rig, client: Client) -> None:
    parts.checker.report = {**REPORT, "rejected": 0, "errors": [], "unlisted": 0}
    assert "Every row would be delivered" in (await _check(client, ("model", "orders"))).text


async def test_a_refusal_is_a_page(parts: Rig, client: Client) -> None:
    sent = form(field("model", "orders"), field("file", b"%PDF-1.7", "a.pdf"))
    answer = await client.post(CHECK, data=sent, headers=HEADERS)
    assert (answer.status, answer.content_type) == (400, "text/html")
    assert "UNSUPPORTED_FILE_TYPE" in await answer.text()
    foreign = {**HEADERS, "Origin": "http://evil.example"}
    assert (await client.post(CHECK, data=sent, headers=foreign)).status == 403
    assert parts.checker.asked == []
