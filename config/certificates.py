"""Files of certificates: what is wrong with them is said at the start, not when the broker is looked for."""

from __future__ import annotations

import ssl
from pathlib import Path

__all__ = ["check_authorities", "check_certificate"]


def check_authorities(path: Path) -> None:
    """Raise ValueError unless the file holds certificates (PEM)."""
    _check_file(path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise ValueError("it holds no certificate in PEM") from None


def check_certificate(certificate: Path, key: Path | None) -> None:
    """Raise ValueError unless the files hold a certificate and its key (PEM), the key without a passphrase.

    Without `key` the key stands in the certificate's file.
    """
    for path in (certificate, key):
        if path is not None:
            _check_file(path)
    try:
        # a passphrase is refused here: it would be asked for on the terminal
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password=_no_passphrase)
    except ssl.SSLError as error:
        reason = (error.reason or "no certificate and key in PEM").lower().replace("_", " ")
        raise ValueError(f"`{certificate}` and its key cannot be used: {reason}") from None


def _check_file(path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise ValueError(f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}") from None


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase; write it without one, readable by the worker's user only")
