"""The status page is asked for like any other address."""

from tests.unit.http.conftest import client, parts

__all__ = ["client", "parts"]
