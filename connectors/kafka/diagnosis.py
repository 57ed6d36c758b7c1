"""Why a broker cannot be used: clients only say that none could, and leave the reason to their log."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass

from aiokafka import errors as kafka
from aiokafka.conn import create_conn
from aiokafka.protocol.metadata import MetadataRequest

from connectors.kafka.connection import KafkaConnection

__all__ = ["Refusal", "find_refusal"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What stands in the way, and which setting to look at.

    A refusal that is not `certain` may also be a broker that starts or stops.
    """

    message: str
    hint: str
    certain: bool = True


async def find_refusal(connection: KafkaConnection, seconds: float = 5.0) -> Refusal | None:
    """Connect once to each address, for at most so many `seconds`, until one answers or tells why not.

    None when there is nothing to mend in the settings: one answers, or none is there at all.
    """
    for server in connection.bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            async with asyncio.timeout(seconds):
                await _ask(connection, host.strip("[]"), int(port), seconds)
        except (kafka.KafkaError, OSError, TimeoutError) as error:
            if (refusal := _refusal(error, server.strip(), connection)) is not None:
                return refusal
        else:
            return None
    return None


async def _ask(connection: KafkaConnection, host: str, port: int, seconds: float) -> None:
    conn = await create_conn(
        host, port, request_timeout_ms=int(seconds * 1000), **connection.security_options()
    )
    try:
        await conn.send(MetadataRequest([]))
    finally:
        conn.close()


def _refusal(error: Exception, server: str, connection: KafkaConnection) -> Refusal | None:
    protocol = connection.security_protocol
    match error:
        case kafka.SaslAuthenticationFailed():
            return Refusal(
                f"`{server}` refuses the user or the password ({connection.sasl_mechanism})",
                "check BATCH_SASL_USERNAME, BATCH_SASL_PASSWORD and BATCH_SASL_MECHANISM",
            )
        case kafka.UnsupportedSaslMechanismError():
            return Refusal(
                f"`{server}` does not know the mechanism `{connection.sasl_mechanism}`",
                "set BATCH_SASL_MECHANISM to one that the broker's listener has",
            )
        case kafka.IllegalSaslStateError():
            return Refusal(
                f"`{server}` knows no users",
                f"set BATCH_SECURITY_PROTOCOL to what this listener speaks; it is `{protocol}`",
            )
        case ssl.SSLCertVerificationError():
            return _untrusted(error, server)
        case ssl.SSLError():
            reason = (error.reason or str(error)).lower().replace("_", " ")
            return Refusal(
                f"TLS with `{server}` fails: {reason}",
                f"check BATCH_SECURITY_PROTOCOL (`{protocol}`), and BATCH_SSL_CERTFILE where the broker asks "
                "for a certificate",
            )
        case socket.gaierror():
            return Refusal(
                f"the name of `{server}` leads nowhere: {(error.strerror or str(error)).lower()}",
                "check the name in BATCH_BOOTSTRAP_SERVERS",
            )
        case kafka.KafkaConnectionError() | ConnectionResetError():
            return Refusal(
                f"`{server}` closes the connection before it answers",
                f"check BATCH_SECURITY_PROTOCOL: does this listener speak `{protocol}`, and does it ask for "
                "a certificate (BATCH_SSL_CERTFILE)?",
                certain=False,
            )
    return None


def _untrusted(error: ssl.SSLCertVerificationError, server: str) -> Refusal:
    reason = error.verify_message.lower().removesuffix(".")
    hint = "set BATCH_SSL_CAFILE to the file of the authority that signed it"
    if "mismatch" in reason or "not valid for" in reason:
        hint = "use a name that the certificate has in BATCH_BOOTSTRAP_SERVERS, and in what brokers advertise"
    elif "expired" in reason:
        hint = "renew the broker's certificate"
    return Refusal(f"the certificate of `{server}` is not trusted: {reason}", hint)
