from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.intake.conftest import ABC_SHA256, EMPTY_SHA256
from worker.intake.received import Identity, SourceChangedError, hash_file


def never() -> bool:
    return False


def identity_of(path: Path) -> Identity:
    return Identity.of(path.lstat())


@pytest.mark.parametrize(("data", "sha256"), [(b"abc", ABC_SHA256), (b"", EMPTY_SHA256)])
def test_a_file_is_hashed(tmp_path: Path, data: bytes, sha256: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    received = hash_file(path, identity_of(path), never)
    assert (received.sha256, received.size, received.path) == (sha256, len(data), path)


def test_a_million_letters(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a" * 1_000_000)  # FIPS 180-2, B.3
    assert hash_file(path, identity_of(path), never).sha256 == (
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    )


def test_a_file_altered_before_or_while_it_is_hashed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    before = identity_of(path)
    path.write_bytes(b"abcd")
    with pytest.raises(SourceChangedError):
        hash_file(path, before, never)

    def write_more() -> bool:
        with path.open("ab") as file:
            file.write(b"e")
        return False

    with pytest.raises(SourceChangedError):
        hash_file(path, identity_of(path), write_more)


def test_what_took_the_files_place_is_neither_followed_nor_waited_for(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"abc")
    link = tmp_path / "link"
    link.symlink_to(secret)
    with pytest.raises(OSError, match="symbolic links"):
        hash_file(link, identity_of(secret), never)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SourceChangedError):
        hash_file(pipe, identity_of(pipe), never)
    before = identity_of(secret)
    (tmp_path / "other").hardlink_to(secret)
    with pytest.raises(SourceChangedError):
        hash_file(secret, before, never)


def test_hashing_ends_when_the_file_is_gone_or_the_worker_stops(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    identity = identity_of(path)
    with pytest.raises(SourceChangedError, match="given up"):
        hash_file(path, identity, lambda: True)
    path.unlink()
    with pytest.raises(SourceChangedError, match="vanished"):
        hash_file(path, identity, never)
