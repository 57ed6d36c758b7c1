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
    for folder in ("Orders!/may", "orders/2026/may", ".git", "orders/.cache", "orders/2026/_old", "_old"):
        (incoming / folder).mkdir(parents=True)
    for name in (
        ".gitkeep",
        "a.part",
        "Orders!/a.csv",
        "Orders!/may/b.csv",
        "orders/2026/b.csv",
        "orders/2026/_old/c.csv",
        "orders/.cache/d.csv",
        ".git/config",
        "orders/b~",
    ):
        (incoming / name).write_bytes(b"abc")
    ignored = "is named like a hidden or unfinished file"
    lies = "lies in `Orders!/`, which cannot be a model's name"
    assert refusals(incoming) == {
        ".gitkeep": ("NAME_IGNORED", f"`.gitkeep` {ignored}"),
        "a.part": ("NAME_IGNORED", f"`a.part` {ignored}"),
        ".git": ("NAME_IGNORED", f"`.git` {ignored}"),
        "_old": ("NAME_IGNORED", f"`_old` {ignored}"),
        "orders/b~": ("NAME_IGNORED", f"`orders/b~` {ignored}"),
        "orders/.cache": ("NAME_IGNORED", f"`orders/.cache` {ignored}"),
        "orders/2026/_old": ("NAME_IGNORED", f"`orders/2026/_old` {ignored}"),
        "orders/2026/b.csv": None,
        "Orders!/a.csv": ("NO_MODEL", f"`Orders!/a.csv` {lies}"),
        "Orders!/may/b.csv": ("NO_MODEL", f"`Orders!/may/b.csv` {lies}"),
    }


def test_files_in_nested_folders_take_the_first_folders_model(incoming: Path) -> None:
    for name in ("orders/year=2024/month=05/x.csv", "x/y/z.csv", "top.csv", "orders/b\udcfc/x.csv"):
        (incoming / name).parent.mkdir(parents=True, exist_ok=True)
        (incoming / name).write_bytes(b"abc")
    (incoming / "orders/empty/also empty").mkdir(parents=True)
    found = scan(incoming)
    assert {name: (item.model, item.file, item.path, item.refusal) for name, item in found.items()} == {
        "orders/year=2024/month=05/x.csv": (
            "orders",
            "year=2024/month=05/x.csv",
            incoming / "orders/year=2024/month=05/x.csv",
            None,
        ),
        "orders/b\udcfc/x.csv": ("orders", "b\ufffd/x.csv", incoming / "orders/b\udcfc/x.csv", None),
        "x/y/z.csv": ("x", "y/z.csv", incoming / "x/y/z.csv", None),
        "top.csv": ("default_model", "top.csv", incoming / "top.csv", None),
    }


def test_sixteen_folders_are_read_and_the_next_is_not(incoming: Path) -> None:
    deepest = "/".join(["orders", *(str(number) for number in range(1, 17))])
    (incoming / deepest / "17").mkdir(parents=True)
    (incoming / deepest / "a.csv").write_bytes(b"abc")
    (incoming / deepest / "17/b.csv").write_bytes(b"abc")
    assert refusals(incoming) == {
        f"{deepest}/a.csv": None,
        f"{deepest}/17": (
            "NO_MODEL",
            f"the folder `{deepest}/17/` lies more than `16` folders below its model's",
        ),
    }


def test_a_path_may_have_1024_bytes_below_its_model(incoming: Path) -> None:
    folders = "/".join(["ü" * 100] * 5)  # 5 times 200 bytes, and 4 slashes
    (incoming / "orders" / folders).mkdir(parents=True)
    fits, over = f"orders/{folders}/{'x' * 19}", f"orders/{folders}/{'x' * 20}"
    for name in (fits, over):
        (incoming / name).write_bytes(b"abc")
    assert refusals(incoming) == {
        fits: None,
        over: ("NO_MODEL", f"the path of `{over}` below its model's folder is over `1024` bytes"),
    }


def test_no_folder_that_becomes_a_link_is_followed(
    incoming: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at an entry and its opening somebody puts a link in its place."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.csv").write_bytes(b"abc")
    (incoming / "orders/2026").mkdir(parents=True)
    real = os.open

    def swapped(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if Path(path).name == "2026":
            (incoming / "orders/2026").rmdir()
            (incoming / "orders/2026").symlink_to(tmp_path / "outside")
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", swapped)
    assert refusals(incoming) == {}
    monkeypatch.undo()
    assert refusals(incoming) == {
        "orders/2026": ("LINK_REFUSED", "`orders/2026` is a symbolic link, not a file")
    }


def test_a_folder_that_vanishes_meanwhile_is_left_out(
    incoming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (incoming / "orders/2026").mkdir(parents=True)
    (incoming / "orders/a.csv").write_bytes(b"abc")
    real = os.open

    def vanishing(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if Path(path).name == "2026":
            (incoming / "orders/2026").rmdir()
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", vanishing)
    assert refusals(incoming) == {"orders/a.csv": None}


def test_one_look_returns_so_many_entries_of_each_model(
    incoming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.intake.scan._MAX_FILES", 3)
    monkeypatch.setattr("worker.intake.scan._MAX_REFUSED", 2)
    for model in ("orders", "prices"):
        for number in range(5):
            path = incoming / model / f"{number}/a.csv"
            path.parent.mkdir(parents=True)
            path.write_bytes(b"abc")
            (path.parent / "_a").touch()
    (incoming / "top.csv").write_bytes(b"abc")
    assert {name for name, refusal in refusals(incoming).items() if refusal is None} == {
        "top.csv",
        *(f"{model}/{number}/a.csv" for model in ("orders", "prices") for number in range(3)),
    }
    assert {name for name, refusal in refusals(incoming).items() if refusal is not None} == {
        f"{model}/{number}/_a" for model in ("orders", "prices") for number in range(2)
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
    real = os.open

    def denied(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", denied)
    assert refusals(incoming) == {
        "a.csv": None,
        "locked": ("INTERNAL", "`locked` cannot be taken: Permission denied"),
    }


def test_a_missing_incoming_is_reported(incoming: Path) -> None:
    incoming.rmdir()
    assert refusals(incoming) == {
        ".": ("INTERNAL", "`incoming` cannot be taken: No such file or directory"),
    }
