"""A broker behind TLS and passwords, with certificates of an authority that lives as long as the tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.conftest import Broker, free_port

__all__ = ["PLAIN_USER", "SCRAM_USER", "SecuredBroker", "secured_broker"]

PLAIN_USER = ("plain-user", "plain-secret")
SCRAM_USER = ("scram-user", "scram-secret")
_LISTENERS = ("PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL", "SSL")


@dataclass(frozen=True)
class SecuredBroker:
    """Addresses by listener. `SSL` asks for a client certificate; `files` holds the PEM files."""

    addresses: dict[str, str]
    files: Path

    def settings(self, listener: str, **settings: object) -> dict[str, object]:
        """The settings of a client of the listener, but for user and certificate."""
        tls = {"ssl_cafile": self.files / "ca.pem"} if listener.endswith("SSL") else {}
        return {"security_protocol": listener, **tls, **settings}


@contextmanager
def secured_broker(folder: Path) -> Iterator[SecuredBroker]:
    """Start a broker with a listener of each kind; SCRAM-SHA-256 and PLAIN, a user for each."""
    _make_certificates(folder)
    broker = Broker(folder / "kafka")
    ports = {name: broker.port if name == "PLAINTEXT" else free_port() for name in _LISTENERS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BATCH_KAFKA_EXTRA", _properties(folder, ports, broker.controller_port))
        broker.start()
    try:
        addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        _add_scram_user(addresses["PLAINTEXT"])
        yield SecuredBroker(addresses, folder)
    finally:
        broker.stop()


def _properties(folder: Path, ports: dict[str, int], controller: int) -> str:
    listeners = ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
    protocols = ",".join(f"{name}:{name}" for name in ports)
    login = "org.apache.kafka.common.security"
    user, password = PLAIN_USER
    lines = [
        f"listeners={listeners},CONTROLLER://127.0.0.1:{controller}",
        f"advertised.listeners={listeners}",
        f"listener.security.protocol.map=CONTROLLER:PLAINTEXT,{protocols}",
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256",
        "ssl.keystore.type=PEM",
        f"ssl.keystore.location={folder}/broker.pem",
        "ssl.truststore.type=PEM",
        f"ssl.truststore.location={folder}/ca.pem",
        "listener.name.ssl.ssl.client.auth=required",
    ]
    for listener in ("sasl_plaintext", "sasl_ssl"):
        at = f"listener.name.{listener}"
        lines += [
            f'{at}.plain.sasl.jaas.config={login}.plain.PlainLoginModule required user_{user}="{password}";',
            f"{at}.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;",
        ]
    return "\n".join(lines)


def _add_scram_user(address: str) -> None:
    user, password = SCRAM_USER
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
    change = UserScramCredentialUpsertion(user, info, password.encode())
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    admin.alter_user_scram_credentials([change])[user].result(30)


def _make_certificates(folder: Path) -> None:
    """`ca.pem` signs broker.pem and client.pem with client.key; other.pem is an authority of nobody."""
    for name in ("ca", "other"):
        _openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem",
        )  # fmt: skip
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("broker", "client"):
        _openssl(
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr",
        )  # fmt: skip
        _openssl(
            "x509", "-req", "-days", "2", "-in", f"{folder}/{name}.csr", "-out", f"{folder}/{name}.crt",
            "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key", "-CAcreateserial",
            "-extfile", f"{folder}/names",
        )  # fmt: skip
    key = (folder / "broker.key").read_text()  # OpenSSL 3 writes PKCS#8, which Kafka wants
    (folder / "broker.pem").write_text(key + (folder / "broker.crt").read_text())


def _openssl(*args: str) -> None:
    done = subprocess.run(
        ["openssl", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
