"""TLS and passwords: the whole worker over each, and what it says when the broker refuses it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.kafka.connection import KafkaConnection
from connectors.kafka.diagnosis import find_refusal
from tests.conftest import ROOT, free_port
from tests.harness import Topics, WorkerProcess, eventually
from tests.integration.secured import PLAIN_USER, SCRAM_USER, SecuredBroker, secured_broker

SAMPLE = (ROOT / "samples/api_data.csv").read_bytes()
SCHEMA = json.loads((ROOT / "schemas/default.json").read_text())


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    with secured_broker(tmp_path_factory.mktemp("secured")) as broker:
        yield broker


@pytest.fixture
def new_client(
    tmp_path: Path, secured: SecuredBroker, namespace: str
) -> Iterator[Callable[..., WorkerProcess]]:
    """Make a worker that talks to a listener of the secured broker."""
    made: list[WorkerProcess] = []

    def new(listener: str, **settings: object) -> WorkerProcess:
        made.append(
            WorkerProcess(
                tmp_path,
                secured.addresses[listener],
                namespace,
                internal_partitions=2,
                **secured.settings(listener, **settings),
            )
        )
        return made[-1]

    yield new
    for worker in made:
        worker.close()


def user(name_and_password: tuple[str, str], mechanism: str = "PLAIN") -> dict[str, str]:
    name, password = name_and_password
    return {"sasl_username": name, "sasl_password": password, "sasl_mechanism": mechanism}


@pytest.mark.parametrize("kind", ["SASL_PLAINTEXT", "SASL_SSL", "SSL"])
def test_a_job_completes(secured: SecuredBroker, new_client: Callable[..., WorkerProcess], kind: str) -> None:
    settings: dict[str, Any] = {
        "SASL_PLAINTEXT": user(PLAIN_USER),
        "SASL_SSL": user(SCRAM_USER, "SCRAM-SHA-256"),
        "SSL": {
            "ssl_certfile": secured.files / "client.crt",
            "ssl_keyfile": secured.files / "client.key",
        },
    }[kind]
    worker = new_client(kind, **settings)
    worker.start()
    worker.create_model("default_model", SCHEMA)
    _, job = worker.upload("default_model", "api_data.csv", SAMPLE)
    ended = worker.wait_ended(job["job_id"])
    assert (ended["state"], ended["rows_delivered"], ended["rows_rejected"]) == ("COMPLETED", 197, 3)
    topics = Topics(secured.addresses["PLAINTEXT"])
    assert len(topics.values(ended["topic"])) == 197
    assert len(topics.values(ended["dlq_topic"])) == 3
    assert worker.terminate() == 0
    for secret in (PLAIN_USER[1], SCRAM_USER[1], "BEGIN"):
        assert secret not in worker.log


def test_a_wrong_password_is_said_and_outlived(new_client: Callable[..., WorkerProcess]) -> None:
    worker = new_client("SASL_SSL", **user((SCRAM_USER[0], "wr0ng-secret"), "SCRAM-SHA-256"))
    worker.start(ready=False)
    said = eventually(lambda: refused(worker), "the worker says why")
    address = worker.bootstrap
    assert said["detail"] == (
        f"Kafka at `{address}` cannot be used: `{address}` refuses the user or the password (SCRAM-SHA-256)"
    )
    assert said["hint"] == "check BATCH_SASL_USERNAME, BATCH_SASL_PASSWORD and BATCH_SASL_MECHANISM"
    assert (said["code"], said["broker_ok"]) == ("KAFKA_UNAVAILABLE", False)
    assert "refuses the user or the password (SCRAM-SHA-256); check BATCH_SASL_USERNAME" in worker.log
    assert "wr0ng-secret" not in worker.log
    assert worker.status("/healthz") == 200
    assert worker.terminate() == 0
    worker.settings["BATCH_SASL_PASSWORD"] = SCRAM_USER[1]
    worker.start()


def test_an_unknown_authority_is_said_and_outlived(
    secured: SecuredBroker, new_client: Callable[..., WorkerProcess]
) -> None:
    worker = new_client("SASL_SSL", **user(PLAIN_USER), ssl_cafile=secured.files / "other.pem")
    worker.start(ready=False)
    said = eventually(lambda: refused(worker), "the worker says why")
    assert f"the certificate of `{worker.bootstrap}` is not trusted" in said["detail"]
    assert said["hint"] == "set BATCH_SSL_CAFILE to the file of the authority that signed it"
    assert "set BATCH_SSL_CAFILE" in worker.log
    assert worker.terminate() == 0


def refused(worker: WorkerProcess) -> dict[str, Any] | None:
    if worker.status("/readyz") == 0:
        return None
    _, answer = worker.json("GET", "/readyz")
    found: dict[str, Any] = answer
    return found if "cannot be used" in found["detail"] else None


async def words(secured: SecuredBroker, listener: str, **settings: Any) -> tuple[str, str] | None:
    address = secured.addresses[listener]
    found = await find_refusal(KafkaConnection(address, **settings))
    return None if found is None else (found.message.replace(address, "HERE"), found.hint)


async def test_what_fits_is_no_refusal(secured: SecuredBroker) -> None:
    ca = secured.files / "ca.pem"
    assert await words(secured, "PLAINTEXT") is None
    tls = {"security_protocol": "SASL_SSL", "ssl_cafile": ca}
    assert await words(secured, "SASL_SSL", **tls, **user(PLAIN_USER)) is None


async def test_no_broker_at_all_is_nothing_to_mend_in_the_settings() -> None:
    assert await find_refusal(KafkaConnection(f"127.0.0.1:{free_port()}")) is None


async def test_one_address_that_answers_is_enough(secured: SecuredBroker) -> None:
    servers = f"127.0.0.1:{free_port()},{secured.addresses['PLAINTEXT']}"
    assert await find_refusal(KafkaConnection(servers)) is None


async def test_a_mechanism_that_the_listener_has_not(secured: SecuredBroker) -> None:
    settings = {"security_protocol": "SASL_PLAINTEXT", **user(PLAIN_USER, "SCRAM-SHA-512")}
    assert await words(secured, "SASL_PLAINTEXT", **settings) == (
        "`HERE` does not know the mechanism `SCRAM-SHA-512`",
        "set BATCH_SASL_MECHANISM to one that the broker's listener has",
    )


async def test_a_user_where_there_are_none(secured: SecuredBroker) -> None:
    settings = {"security_protocol": "SASL_PLAINTEXT", **user(PLAIN_USER)}
    assert await words(secured, "PLAINTEXT", **settings) == (
        "`HERE` knows no users",
        "set BATCH_SECURITY_PROTOCOL to what this listener speaks; it is `SASL_PLAINTEXT`",
    )


@pytest.mark.parametrize("listener", ["SASL_PLAINTEXT", "SASL_SSL"])
async def test_another_protocol_than_the_listener_speaks(secured: SecuredBroker, listener: str) -> None:
    found = await words(secured, listener)
    assert found is not None
    assert found[0] == "`HERE` closes the connection before it answers"
    assert "does this listener speak `PLAINTEXT`" in found[1]


async def test_a_listener_that_asks_for_a_certificate(secured: SecuredBroker) -> None:
    settings = {"security_protocol": "SSL", "ssl_cafile": secured.files / "ca.pem"}
    found = await words(secured, "SSL", **settings)
    assert found is not None
    assert "BATCH_SSL_CERTFILE" in found[1]


async def test_a_certificate_for_another_name(secured: SecuredBroker) -> None:
    port = secured.addresses["SASL_SSL"].rpartition(":")[2]
    settings: dict[str, Any] = {"security_protocol": "SSL", "ssl_cafile": secured.files / "ca.pem"}
    found = await find_refusal(KafkaConnection(f"localhost:{port}", **settings))
    assert found is not None
    assert found.message.startswith(
        f"the certificate of `localhost:{port}` is not trusted: hostname mismatch"
    )
    assert found.hint.startswith("use a name that the certificate has")


async def test_a_name_that_leads_nowhere() -> None:
    found = await find_refusal(KafkaConnection("no-such-host.invalid:9092"))
    assert found is not None
    assert found.message.startswith("the name of `no-such-host.invalid:9092` leads nowhere: ")
    assert found.hint == "check the name in BATCH_BOOTSTRAP_SERVERS"
