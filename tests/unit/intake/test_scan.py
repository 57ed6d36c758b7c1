from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from worker.intake.scan import Found, scan_incoming


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


def scan(incoming: Path) -> dict[str, Found]:
    return {found.name: found for found in scan_incoming(incoming, "default_model")}


def refusals(incoming: Path) -> dict[str, tuple[str, str] | None]:
    return {
        name: None if found.refusal is None else (found.refusal.code, found.refusal.message)
        for name, found in scan(incoming).items()
    }


def test_the_folder_names_the_model(incoming: Path) -> None:
    (incoming / "top.csv").write_bytes(b"12345")
    (incoming / "orders").mkdir()
    (incoming / "orders/a.csv").write_bytes(b"")
    found = scan(incoming)
    assert {name: (item.model, item.refusal) for name, item in found.items()} == {
        "top.csv": ("default_model", None),
        "orders/a.csv": ("orders", None),
    }
    identity = found["top.csv"].identity
    assert identity is not None
    assert (identity.size, identity.inode) == (5, (incoming / "top.csv").stat().st_ino)


def test_links_pipes_and_sockets_are_refused(incoming: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.csv").write_bytes(b"abc")
    (tmp_path / "folder").mkdir()
    (incoming / "link.csv").symlink_to(tmp_path / "outside.csv")
    (incoming / "broken.csv").symlink_to(tmp_path / "nothing")
    (incoming / "orders").symlink_to(tmp_path / "folder")
    (incoming / "hard.csv").hardlink_to(tmp_path / "outside.csv")
    os.mkfifo(incoming / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(incoming / "socket.csv"))
    assert refusals(incoming) == {
        "link.csv": ("LINK_REFUSED", "`link.csv` is a symbolic link, not a file"),
        "broken.csv": ("LINK_REFUSED", "`broken.csv` is a symbolic link, not a file"),
        "orders": ("LINK_REFUSED", "`orders` is a symbolic link, not a file"),
        "hard.csv": ("LINK_REFUSED", "`hard.csv` is a hard link: the file has `2` names"),
        "pipe.csv": ("LINK_REFUSED", "`pipe.csv` is a pipe, not a file"),
        "socket.csv": ("LINK_REFUSED", "`socket.csv` is a socket, not a file"),
    }


def test_names_and_folders_that_are_left_alone(incoming: Path) -> None:
    for folder in ("Orders!", "orders/2026/may", ".git", "orders/.cache", "_old"):
        (incoming / folder).mkdir(parents=True)
    for name in (".gitkeep", "a.part", "Orders!/a.csv", "orders/2026/b.csv", ".git/config", "orders/b~"):
        (incoming / name).write_bytes(b"abc")
    ignored = "is named like a hidden or unfinished file"
    assert refusals(incoming) == {
        ".gitkeep": ("NAME_IGNORED", f"`.gitkeep` {ignored}"),
        ".git": ("NAME_IGNORED", f"`.git` {ignored}"),
        "_old": ("NAME_IGNORED", f"`_old` {ignored}"),
        "a.part": ("NAME_IGNORED", f"`a.part` {ignored}"),
        "orders/.cache": ("NAME_IGNORED", f"`orders/.cache` {ignored}"),
        "orders/b~": ("NAME_IGNORED", f"`orders/b~` {ignored}"),
        "Orders!/a.csv": ("NO_MODEL", "`Orders!/a.csv` lies in `Orders!/`, which cannot be a model's name"),
        "orders/2026": (
            "NO_MODEL",
            "the folder `orders/2026/` is too deep; only `incoming/` and `incoming/<model>/` are read",
        ),
    }


def test_hostile_names_are_found_and_shown_as_unicode(incoming: Path) -> None:
    names = [b"two\nlines.csv", b"\"quoted\" 'x'.csv", b"sp ace.csv", b"x" * 251 + b".csv", b"b\xfcro.csv"]
    for name in names:
        Path(os.fsdecode(bytes(incoming) + b"/" + name)).write_bytes(b"abc")
    shown = {item.shown for item in scan(incoming).values() if item.refusal is None}
    assert shown == {
        "two\nlines.csv",
        "\"quoted\" 'x'.csv",
        "sp ace.csv",
        "x" * 251 + ".csv",
        "b\ufffdro.csv",
    }


def test_what_cannot_be_read_is_reported_and_the_rest_goes_on(
    incoming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (incoming / "locked").mkdir()
    (incoming / "a.csv").write_bytes(b"abc")
    real = os.scandir

    def scandir(folder: Path) -> Any:
        if Path(folder).name == "locked":
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert refusals(incoming) == {
        "a.csv": None,
        "locked": ("INTERNAL", "`locked` cannot be taken: Permission denied"),
    }


def test_a_missing_incoming_is_reported(incoming: Path) -> None:
    incoming.rmdir()
    assert refusals(incoming) == {
        ".": ("INTERNAL", "`incoming` cannot be taken: No such file or directory"),
    }
