"""The worker's id and the lock on its data dir."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from worker.state.identity import IdentityError, WorkerIdentity


def test_the_id_is_made_once_and_kept(tmp_path: Path) -> None:
    first = WorkerIdentity.acquire(tmp_path / "a" / "b")
    assert re.fullmatch(r"[a-zA-Z0-9._-]{1,48}-[a-z0-9]{6}", first.worker_id)
    first.release()
    second = WorkerIdentity.acquire(tmp_path / "a" / "b")
    assert second.worker_id == first.worker_id
    second.release()


def test_two_data_dirs_have_two_ids(tmp_path: Path) -> None:
    one, two = WorkerIdentity.acquire(tmp_path / "1"), WorkerIdentity.acquire(tmp_path / "2")
    assert one.worker_id != two.worker_id
    one.release()
    two.release()


def test_the_setting_wins_and_is_kept(tmp_path: Path) -> None:
    WorkerIdentity.acquire(tmp_path).release()
    WorkerIdentity.acquire(tmp_path, "worker-7").release()
    kept = WorkerIdentity.acquire(tmp_path)
    assert kept.worker_id == "worker-7"
    kept.release()


def test_a_broken_id_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "worker.id").write_text("two words\n")
    identity = WorkerIdentity.acquire(tmp_path)
    assert (tmp_path / "worker.id").read_text() == identity.worker_id + "\n"
    assert " " not in identity.worker_id
    identity.release()


def test_a_second_process_is_refused_by_name_until_the_first_is_gone(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from worker.state.identity import WorkerIdentity;"
        "WorkerIdentity.acquire(pathlib.Path(sys.argv[1]))"
    )
    identity = WorkerIdentity.acquire(tmp_path)
    second = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert second.returncode != 0
    assert f"is in use by the worker with process id `{os.getpid()}`" in second.stderr
    assert "BATCH_DATA_DIR" in second.stderr
    identity.release()
    third = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert third.returncode == 0, third.stderr


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IdentityError, match=r"cannot be used: .*set BATCH_DATA_DIR"):
        WorkerIdentity.acquire(tmp_path / "file" / "below")
