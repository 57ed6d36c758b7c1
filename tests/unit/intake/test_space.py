"""When there is no space: the limit, a disk or a quota that is full, and a disk that does not say."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.intake.space import DiskSpace, is_full

ZONE, DATA = Path("/zone"), Path("/data")


def disks(zone: int | None, data: int | None = 10**9) -> Callable[[Path], int]:
    """What the two disks have free; None stands for one that does not answer."""

    def free(folder: Path) -> int:
        found = {ZONE: zone, DATA: data}[folder]
        if found is None:
            raise OSError(errno.ESTALE, "Stale file handle", str(folder))
        return found

    return free


@pytest.mark.parametrize(
    ("zone", "data", "message"),
    [
        (1000, 1000, None),
        (999, 1000, "the drop zone's disk has `999` bytes free; nothing is taken below `1000`"),
        (1000, 999, "the data dir's disk has `999` bytes free; nothing is taken below `1000`"),
        (None, 1000, "the free space of the drop zone's disk cannot be found out: Stale file handle"),
        (1000, None, "the free space of the data dir's disk cannot be found out: Stale file handle"),
    ],
)
def test_both_disks_must_have_the_limit_free(zone: int, data: int, message: str | None) -> None:
    reason = DiskSpace(ZONE, 1000, disks(zone, data), data_dir=DATA).shortage()
    if message is None:
        assert reason is None
    else:
        assert reason is not None
        assert (reason.code, reason.message) == ("NO_SPACE", message)


def test_a_limit_of_0_takes_on_whatever_the_disks_say() -> None:
    DiskSpace(ZONE, 0, disks(0, None), data_dir=DATA).check()


@pytest.mark.parametrize(
    ("limit", "zone", "message"),
    [
        (1000, 999, "the drop zone's disk has `999` bytes free; nothing is taken below `1000`"),
        (
            0,
            0,
            "the drop zone's disk is full (`0` bytes free), or the worker's user has used up its quota on it",
        ),
        (
            1000,
            5000,
            "the drop zone's disk is full (`5000` bytes free), "
            "or the worker's user has used up its quota on it",
        ),
        (1000, None, "the drop zone's disk is full, or the worker's user has used up its quota on it"),
    ],
)
def test_what_is_said_of_a_write_that_found_no_room(limit: int, zone: int | None, message: str) -> None:
    error = DiskSpace(ZONE, limit, disks(zone)).error()
    assert (error.code, error.message) == ("NO_SPACE", message)


@pytest.mark.parametrize(
    ("number", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False), (errno.EROFS, False)]
)
def test_which_errors_mean_a_full_disk(number: int, full: bool) -> None:
    assert is_full(OSError(number, "")) is full


def test_the_real_disk_is_asked(tmp_path: Path) -> None:
    assert DiskSpace(tmp_path, 1, data_dir=tmp_path).shortage() is None
    reason = DiskSpace(tmp_path, 2**62, data_dir=tmp_path).shortage()
    assert reason is not None
    assert f"nothing is taken below `{2**62}`" in reason.message
    gone = DiskSpace(tmp_path / "gone", 1).shortage()
    assert gone is not None
    assert gone.message == (
        "the free space of the drop zone's disk cannot be found out: No such file or directory"
    )
