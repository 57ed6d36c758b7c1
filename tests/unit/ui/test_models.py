"""The pages of the models."""

from __future__ import annotations

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig
from tests.unit.ui.html_page import page
from worker.jobs import exact_json
from worker.state.api import Model

TEXT = (
    '{"title":"Orders","type":"object","properties":{"id":{"type":"integer","minimum":1.0},'
    '"state":{"enum":["new","done"]},"note":{"type":["string","null"],"maxLength":80}},'
    '"required":["id"],"x-batch":{"delimiter":";"}}'
)


async def test_there_is_none(client: Client) -> None:
    assert (
        "There is no model yet. Create one with batch model create" in (await page(client, "/ui/models")).text
    )


async def test_the_list(parts: Rig, client: Client) -> None:
    await parts.models.create("orders", exact_json.loads_decimal(TEXT), TEXT)
    found = await page(client, "/ui/models")
    assert "orders Orders 3 1 2026-01-01 00:00:00 UTC" in found.text
    assert "/ui/models/orders" in found.values("a", "href")


async def test_columns_options_and_schema(parts: Rig, client: Client) -> None:
    await parts.models.create("orders", exact_json.loads_decimal(TEXT), TEXT)
    found = await page(client, "/ui/models/orders")
    assert "id integer yes minimum 1.0" in found.text
    assert 'state by its values no enum ["new","done"]' in found.text
    assert "note string or null no maxLength 80" in found.text
    assert 'Options delimiter ";"' in found.text
    assert '"id": { "type": "integer", "minimum": 1.0 }' in found.text
    assert '"enum": ["new", "done"]' in found.text
    assert "/ui/jobs?model=orders" in found.values("a", "href")


async def test_versions(parts: Rig, client: Client) -> None:
    await parts.models.create("orders", {"title": "first"})
    parts.models._models["orders"].append(Model("orders", 2, {"title": "second"}, "2026-01-02T00:00:00.000Z"))
    newest = await page(client, "/ui/models/orders")
    assert "version 2" in newest.text
    assert "second" in newest.text
    assert "2 (newest) 1" in newest.text
    first = await page(client, "/ui/models/orders?version=1")
    assert "version 1" in first.text
    assert "first" in first.text
    assert ("a", "aria-current", "page") in first.attributes
