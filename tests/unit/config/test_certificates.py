"""Files of certificates are looked at when the settings are read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from config.settings import SettingsError, load_settings

pytestmark = pytest.mark.usefixtures("clean_environment")


def openssl(*args: str) -> None:
    subprocess.run(["openssl", *args], check=True, capture_output=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its key, the key under a passphrase, and another key."""
    folder = tmp_path_factory.mktemp("pems")
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test",
        "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem",
    )  # fmt: skip
    openssl(
        "rsa",
        "-aes256",
        "-passout",
        "pass:secret",
        "-in",
        f"{folder}/key.pem",
        "-out",
        f"{folder}/locked.pem",
    )
    openssl("genrsa", "-out", f"{folder}/other.pem", "2048")
    (folder / "both.pem").write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    (folder / "text.pem").write_text("no certificate\n")
    return folder


def refusal(**settings: Path) -> str:
    with pytest.raises(SettingsError) as raised:
        load_settings(**settings)
    return str(raised.value)


def test_what_fits_is_taken(pems: Path) -> None:
    settings = load_settings(
        ssl_cafile=pems / "cert.pem", ssl_certfile=pems / "cert.pem", ssl_keyfile=pems / "key.pem"
    )
    assert settings.ssl_keyfile == pems / "key.pem"
    assert load_settings(ssl_certfile=pems / "both.pem").ssl_keyfile is None


def test_authorities_that_cannot_be_read(pems: Path) -> None:
    absent, text = pems / "absent.pem", pems / "text.pem"
    assert refusal(ssl_cafile=absent) == (
        f"BATCH_SSL_CAFILE: `{absent}` is not allowed: `{absent}` cannot be read: no such file or directory"
    )
    assert refusal(ssl_cafile=text) == (
        f"BATCH_SSL_CAFILE: `{text}` is not allowed: it holds no certificate in PEM"
    )
    assert refusal(ssl_cafile=pems).endswith("cannot be read: is a directory")


def test_a_certificate_and_a_key_that_do_not_fit(pems: Path) -> None:
    certificate = pems / "cert.pem"
    assert "key values mismatch" in refusal(ssl_certfile=certificate, ssl_keyfile=pems / "other.pem")
    assert "has a passphrase" in refusal(ssl_certfile=certificate, ssl_keyfile=pems / "locked.pem")
    assert refusal(ssl_certfile=certificate).startswith("BATCH_SSL_KEYFILE is not set: ")
    assert "set BATCH_SSL_CERTFILE, too" in refusal(ssl_keyfile=pems / "key.pem")
