"""An HTTP client of the whole application over in-memory twins."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.unit.http.described import watching
from tests.unit.http.twins import Rig, rig
from worker.http.app import middlewares, setup_http
from worker.ui.docs import setup_docs
from worker.ui.routes import setup_ui

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def parts() -> Rig:
    return rig()


@pytest.fixture
async def client(parts: Rig) -> AsyncIterator[Client]:
    """Every answer that it gets is held against the document of the interface, too."""
    undescribed: list[str] = []
    app = web.Application(middlewares=[watching(undescribed), *middlewares(parts.services)])
    setup_http(app, parts.services)
    setup_ui(app, parts.services)
    setup_docs(app)
    async with TestClient(TestServer(app)) as client:
        yield client
    assert undescribed == []
