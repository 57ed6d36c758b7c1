"""How to reach the broker: one value that every client is made from."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import connectors.kafka.fetching  # noqa: F401 (mends the consumers that are made from here)

__all__ = ["KafkaConnection"]


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Address and credentials of a cluster, and the replication that topics made there get.

    `ssl_cafile` None: the system's authorities. `ssl_certfile` is the client's own certificate, whose key
    stands in `ssl_keyfile` or in the same file. The files are read once a process.
    """

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    replication_factor: int = 1
    min_isr: int = 1

    def client_options(self) -> dict[str, Any]:
        """Return the keyword arguments that every aiokafka client takes."""
        return {"bootstrap_servers": self.bootstrap_servers, **self.security_options()}

    def security_options(self) -> dict[str, Any]:
        """Return those of them that are not about the address; a single connection takes them, too."""
        options: dict[str, Any] = {"security_protocol": self.security_protocol}
        if self.security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.sasl_password
        if self.security_protocol.endswith("SSL"):
            options["ssl_context"] = _context(self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile)
        return options


@lru_cache(maxsize=8)
def _context(cafile: Path | None, certfile: Path | None, keyfile: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=cafile)
    if certfile is not None:
        context.load_cert_chain(certfile, keyfile)
    return context
