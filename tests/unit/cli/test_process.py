"""What only a process of its own shows: signals, pipes, terminals, and what is loaded."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

from tests.unit.cli.fake_worker import ID, FakeWorker, Reply, Stream, job

ROOT = Path(__file__).resolve().parents[3]
RECORDS = f"GET /jobs/{ID}/records"
# a shell that started the tests in the background has SIGINT ignored, and children inherit that
RUN = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from worker.cli.main import main; sys.exit(main())"
)


def start(worker: FakeWorker, *argv: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *argv],
        cwd=ROOT,
        env={
            **os.environ,
            "BATCH_URL": worker.url,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )


@pytest.fixture
def held(worker: FakeWorker) -> threading.Event:
    """A running job whose second record comes when the event is set."""
    goes_on = threading.Event()
    lines = [
        b'{"partition":0,"offset":%d,"timestamp":1,"key":null,"value":{"n":%d}}\n' % (n, n) for n in range(2)
    ]
    worker.on(f"GET /jobs/{ID}", job("RUNNING"))
    worker.on(RECORDS, Stream(lines, goes_on=goes_on))
    return goes_on


def test_a_record_is_printed_before_the_next_one_comes(worker: FakeWorker, held: threading.Event) -> None:
    with start(worker, "job", "tail", ID) as tail:
        assert tail.stdout is not None
        assert tail.stdout.readline() == b'{"n":0}\n'
        worker.on(f"GET /jobs/{ID}", job(offsets={"0": [0, 2]}))
        held.set()
        assert tail.stdout.read() == b'{"n":1}\n'
    assert tail.returncode == 0


def test_a_reader_that_has_enough_is_no_error(worker: FakeWorker, held: threading.Event) -> None:
    with start(worker, "job", "tail", ID) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        tail.stdout.readline()
        tail.stdout.close()
        held.set()
        assert tail.stderr.read() == b""
    assert tail.returncode == 0


def test_ctrl_c_ends_with_130_and_without_a_traceback(worker: FakeWorker, held: threading.Event) -> None:
    with start(worker, "job", "tail", ID) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        assert tail.stderr.read() == b""
    held.set()
    assert tail.returncode == 130


def on_a_terminal(worker: FakeWorker, *argv: str) -> str:
    """Return what a command writes to stderr when that is a terminal."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 100))
    try:
        with start(worker, *argv, stderr=slave) as command:
            command.communicate()
        os.close(slave)
        seen = b""
        while True:
            try:
                seen += os.read(master, 65536)
            except OSError:  # EIO: the last writer has closed it
                return seen.decode()
    finally:
        os.close(master)


def test_a_terminal_gets_a_table_that_no_file_name_can_break(worker: FakeWorker) -> None:
    rows = [job(file="a\x1b[2J.csv"), job("RUNNING", size_bytes=1536, rows_delivered=1234567)]
    worker.on("GET /jobs", Reply(json.dumps({"items": rows, "next_cursor": None})))
    head, first, second = on_a_terminal(worker, "job", "list").splitlines()
    assert head.split() == ["JOB", "STATE", "MODEL", "FILE", "SIZE", "DELIVERED", "REJECTED", "CREATED"]
    assert "\x1b" not in first
    assert "a\ufffd[2J.csv     1000 B" in first
    assert "1.5 KiB  1,234,567" in second
    assert max(map(len, (head, first, second))) <= 99


def test_a_terminal_gets_a_bar_while_waiting(worker: FakeWorker) -> None:
    waiting = {"code": "SLOT", "message": "all slots are taken", "hint": "wait"}
    worker.on(f"GET /jobs/{ID}", job("RUNNING", bytes_read=250, rows_read=70, waiting=waiting), job())
    seen = on_a_terminal(worker, "job", "wait", ID)
    assert "[#####...............]  25%  RUNNING  70 rows, 0 rejected  waits: all slots are taken" in seen
    assert seen.endswith("\r\x1b[K")


def test_a_command_loads_nothing_heavy(worker: FakeWorker) -> None:
    worker.on("GET /jobs", Reply('{"items":[],"next_cursor":null}'))
    heavy = [
        "faust",
        "aiokafka",
        "aiohttp",
        "asyncio",
        "pydantic",
        "pyarrow",
        "rocksdict",
        "config",
        "connectors",
    ]
    code = (
        "import sys; from worker.cli.main import main; main(['job', 'list']); "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"BATCH_URL": worker.url}, capture_output=True, check=True
    )
    assert ran.stdout == b"[]\n[]\n"
