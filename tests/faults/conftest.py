"""The same workers and topics as the integration tests have."""

from __future__ import annotations

from tests.integration.conftest import new_worker, topics, worker

__all__ = ["new_worker", "topics", "worker"]
