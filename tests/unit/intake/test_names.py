from __future__ import annotations

import pytest

from worker.intake.names import is_ignored, path_fits, printable, readable, stored_name, upload_name


@pytest.mark.parametrize(
    "name", [".hidden", "_private.csv", "a.csv.part", "a.tmp", "a.csv.crdownload", "a.csv~", ".job.json"]
)
def test_hidden_and_unfinished_names_are_left_alone(name: str) -> None:
    assert is_ignored(name)


@pytest.mark.parametrize("name", ["a.csv", "a_b.csv", "part", "a.part.csv", "tmp", "error.json", "~a", "-"])
def test_other_names_are_not(name: str) -> None:
    assert not is_ignored(name)


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("a.csv", "a.csv"),
        ("../x", "x"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\x.csv", "x.csv"),
        ("C:\\Users\\me\\my file.csv", "my file.csv"),
        ("a/b\\c.csv", "c.csv"),
        ("", "unnamed"),
        ("..", "unnamed"),
        (".", "unnamed"),
        ("folder/", "unnamed"),
        ("a\0b.csv", "a_b.csv"),
        ("two\nlines.csv", "two\nlines.csv"),
        ("\"quoted\" 'name'.csv", "\"quoted\" 'name'.csv"),
        (".job.json", ".job.json"),
        ("b\udcfcro.csv", "b\ufffdro.csv"),
        ("year=2024/month=05/x.csv", "year=2024/month=05/x.csv"),
        ("./year=2024//x.csv", "year=2024/x.csv"),
        ("...../.x/x.csv", "...../.x/x.csv"),
        ("a/../../x.csv", "x.csv"),
        ("a/..", "unnamed"),
        ("//server/share/x.csv", "x.csv"),
        ("year=2024\\x.csv", "x.csv"),
        ("a\\../x.csv", "x.csv"),
    ],
)
def test_upload_names_keep_the_folders_of_a_plain_path(sent: str, name: str) -> None:
    assert upload_name(sent) == name


@pytest.mark.parametrize(
    ("file", "stored"),
    [
        ("a.csv", "a.csv"),
        (".job.json", "_.job.json"),
        ("error.json", "_error.json"),
        (".job.json.new", "_.job.json.new"),
        ("_error.json", "_error.json"),
        ("year=2024/x.csv", "x.csv"),
        ("a/error.json", "_error.json"),
        ("a" * 300 + "/x.csv", "x.csv"),
        ("x" * 251 + ".csv", "x" * 251 + ".csv"),
        ("x" * 252 + ".csv", "x" * 251 + ".csv"),
        ("x" * 9000, "x" * 255),
        ("ü" * 200 + ".parquet", "ü" * 123 + ".parquet"),  # 247 bytes of room: 123 of two bytes
        ("x." + "y" * 400, "x." + "y" * 253),  # that is no suffix
    ],
)
def test_stored_names_fit_and_spare_our_own_files(file: str, stored: str) -> None:
    assert stored_name(file) == stored


@pytest.mark.parametrize(
    ("file", "fits"),
    [
        ("x" * 9000, True),
        ("f/" * 16 + "x.csv", True),
        ("f/" * 17 + "x.csv", False),
        ("ü" * 500 + "/" + "x" * 23, True),  # 1,024 bytes
        ("ü" * 500 + "/" + "x" * 24, False),
    ],
)
def test_paths_have_sixteen_folders_and_1024_bytes(file: str, fits: bool) -> None:
    assert path_fits(file) == fits


def test_names_become_unicode_and_one_line() -> None:
    assert readable("b\udcfcro\n.csv") == "b\ufffdro\n.csv"
    assert printable("b\udcfc\n\x1b[31m ü.csv") == "b\ufffd\ufffd\ufffd[31m ü.csv"
