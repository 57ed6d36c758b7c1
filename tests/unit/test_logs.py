"""Log lines, and what becomes of a client's flood."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from aiokafka.errors import KafkaConnectionError

from worker.logs import OutageFilter, set_up_logging


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """Put the loggers back as pytest has them."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("aiokafka", "faust", "mode", "kafka"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def raised(error: Exception) -> Exception:
    """Return it with a traceback."""
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def test_text_lines() -> None:
    out = io.StringIO()
    set_up_logging("text", "info", out)
    logging.getLogger("worker.x").info("job `%s` ends", "a", extra={"job_id": "a"})
    logging.getLogger("worker.x").debug("unheard")
    time, _, rest = out.getvalue().partition(" ")
    assert time.endswith("Z")
    assert rest == "info     job `a` ends\n"


def test_json_lines_carry_the_extra_fields() -> None:
    out = io.StringIO()
    set_up_logging("json", "info", out)
    logging.getLogger("worker.x").warning("job %s\nends", "é", extra={"job_id": "a", "rows": 3, "odd": {1}})
    (line,) = out.getvalue().splitlines()
    fields = json.loads(line)
    assert fields.pop("time").endswith("Z")
    assert fields == {
        "level": "warning",
        "logger": "worker.x",
        "message": "job é\nends",
        "job_id": "a",
        "rows": 3,
        "odd": "{1}",
    }


def test_a_defect_keeps_its_traceback() -> None:
    for format in ("text", "json"):
        out = io.StringIO()
        set_up_logging(format, "info", out)  # type: ignore[arg-type]
        logging.getLogger("aiokafka.consumer").error("failed", exc_info=raised(ZeroDivisionError("x")))
        assert "ZeroDivisionError: x" in out.getvalue()


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "no"), KafkaConnectionError("no"), TimeoutError()]
)
def test_a_connection_error_has_no_traceback(error: Exception) -> None:
    out = io.StringIO()
    set_up_logging("text", "info", out)
    logging.getLogger("aiokafka.conn").error("cannot connect", exc_info=raised(error))
    assert "cannot connect" in out.getvalue()
    assert "Traceback" not in out.getvalue()


def record(name: str, message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, message, args, None)


def test_a_flood_is_cut_to_some_lines_a_window_and_counted() -> None:
    now = 0.0
    lid = OutageFilter(lines=2, window=30, clock=lambda: now)
    passed = [lid.filter(record("aiokafka.conn", "no %d", n)) for n in range(5)]
    assert passed == [True, True, False, False, False]
    assert lid.filter(record("aiokafka.conn", "another kind"))
    assert lid.filter(record("aiokafka.client", "no %d", 1))
    now = 30.0
    next_window = record("aiokafka.conn", "no %d", 6)
    assert lid.filter(next_window)
    assert next_window.getMessage() == "no 6 (3 more like this were left out)"
    now = 60.0
    quiet = record("aiokafka.conn", "no %d", 7)
    assert lid.filter(quiet)
    assert quiet.getMessage() == "no 7"


def test_our_own_lines_are_never_cut() -> None:
    lid = OutageFilter(lines=1, window=30, clock=lambda: 0.0)
    assert all(lid.filter(record("worker.running", "job %d", n)) for n in range(10))


def test_client_loggers_are_heard_from_warning_on() -> None:
    out = io.StringIO()
    set_up_logging("text", "info", out)
    logging.getLogger("aiokafka.conn").info("chatter")
    logging.getLogger("faust.app").warning("heard")
    assert [line.split()[-1] for line in out.getvalue().splitlines()] == ["heard"]
