"""Locks by name and by key: one holder, whoever asks, and nothing left of them."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
from pathlib import Path

import pytest

from worker.intake.dropzone import Dropzone
from worker.intake.locks import KeyLocks, NamedLocks
from worker.intake.upload import sweep_uploads
from worker.state.api import UnavailableError


async def test_a_name_has_one_holder_and_others_do_not_wait() -> None:
    locks = NamedLocks()
    inside: list[str] = []

    async def use(name: str) -> None:
        async with locks.hold(name):
            assert name not in inside
            inside.append(name)
            await asyncio.sleep(0)
            inside.remove(name)

    async with locks.hold("a"):
        async with asyncio.timeout(30):
            await use("b")
        waiting = [asyncio.create_task(use("a")) for _ in range(5)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting)
    assert locks._locks == {}


async def test_a_key_has_one_holder_among_all_workers(tmp_path: Path) -> None:
    inside = 0
    most = 0

    async def use(locks: KeyLocks) -> None:
        nonlocal inside, most
        async with locks.hold("key"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= 1

    workers = [KeyLocks(tmp_path) for _ in range(3)]
    async with asyncio.timeout(60):
        await asyncio.gather(*(use(workers[number % 3]) for number in range(30)))
    assert most == 1
    assert list(tmp_path.iterdir()) == []


async def test_a_key_that_another_process_keeps_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    path = tmp_path / f"{hashlib.sha256(b'key').hexdigest()}.lock"
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UnavailableError) as caught:
            async with KeyLocks(tmp_path, patience_seconds=0.01).hold("key"):
                raise AssertionError("the key was held twice")
    assert (caught.value.code, caught.value.message) == (
        "NOT_READY",
        "another request with the key `key` is still under way at another worker",
    )
    async with asyncio.timeout(30), KeyLocks(tmp_path).hold("key"):  # the file was left by a dead process
        pass
    assert list(tmp_path.iterdir()) == []


async def test_a_block_that_fails_gives_the_key_free(tmp_path: Path) -> None:
    locks = KeyLocks(tmp_path)
    with pytest.raises(ZeroDivisionError):
        async with locks.hold("key"):
            raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


async def test_a_stop_keeps_the_key_until_the_process_ends(tmp_path: Path) -> None:
    """A thread may still move the file: another worker must not look for it yet."""
    held = asyncio.Event()

    async def hold() -> None:
        async with KeyLocks(tmp_path).hold("key"):
            held.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await asyncio.wait_for(held.wait(), 30)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(UnavailableError):
        async with KeyLocks(tmp_path, patience_seconds=0).hold("key"):
            raise AssertionError("the key was held twice")


async def test_the_sweep_of_uploads_spares_a_held_key_and_takes_a_dead_ones(tmp_path: Path) -> None:
    zone = Dropzone(tmp_path)
    zone.create()
    (zone.uploads / "dead.lock").touch()
    async with KeyLocks(zone.uploads).hold("key"):
        sweep_uploads(zone)
        assert len(list(zone.uploads.iterdir())) == 1
    assert list(zone.uploads.iterdir()) == []


def test_the_sweep_spares_a_key_that_changes_hands_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = Dropzone(tmp_path)
    zone.create()
    path = zone.uploads / "key.lock"
    path.touch()
    real = fcntl.flock

    def flock(descriptor: int, operation: int) -> None:
        path.unlink()  # its holder releases it, and the next one takes it
        path.touch()
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    assert sweep_uploads(zone) == 0
    assert path.exists()
