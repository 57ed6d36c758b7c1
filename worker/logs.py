"""Log lines for people or for machines, and a lid on what the Kafka clients say during an outage."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any, Literal

__all__ = ["JsonFormatter", "OutageFilter", "TextFormatter", "set_up_logging"]

_CLIENTS = ("aiokafka", "faust", "mode", "kafka")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_WINDOW_SECONDS = 30.0
_LINES_A_WINDOW = 3
_MOST_KINDS = 1000  # a client may write values into its format strings


class TextFormatter(logging.Formatter):
    """`time level message` on one line, time in UTC; a traceback only follows where one was logged."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_time(record)} {record.levelname.lower():<8} {_one_line(record.getMessage())}"
        return line if record.exc_info is None else f"{line}\n{self.formatException(record.exc_info)}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (RFC 3339), `level`, `logger`, `message`, and the record's extra fields.

    A traceback is the field `exception`.
    """

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info is not None:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


class OutageFilter(logging.Filter):
    """Lets a few lines of each kind from each Kafka client pass, then counts.

    A kind is logger and format string. The first line after a window of `window` seconds says how many were
    left out. Connection errors lose their traceback: they are the broker's state, not a defect.
    """

    def __init__(
        self,
        *,
        lines: int = _LINES_A_WINDOW,
        window: float = _WINDOW_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._lines = lines
        self._window = window
        self._clock = clock
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}  # → start of the window, lines in it

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] not in _CLIENTS:
            return True
        if _is_connection_error(record):
            record.exc_info = None
            record.exc_text = None
        return self._within_limit(record)

    def _within_limit(self, record: logging.LogRecord) -> bool:
        kind = (record.name, str(record.msg)[:80])
        now = self._clock()
        start, count = self._kinds.get(kind, (now, 0))
        if now - start >= self._window:
            if count > self._lines:
                record.msg = f"{record.getMessage()} ({count - self._lines} more like this were left out)"
                record.args = ()
            start, count = now, 0
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        self._kinds[kind] = (start, count + 1)
        return count < self._lines


def set_up_logging(
    format: Literal["text", "json"], level: str, stream: IO[str] | None = None
) -> logging.Handler:
    """Log to `stream` (standard error) from now on, and return the handler.

    The Kafka clients are heard from `warning` on; with `debug`, from `info` on.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    handler.addFilter(OutageFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for client in _CLIENTS:
        logging.getLogger(client).setLevel(logging.INFO if level == "debug" else logging.WARNING)
    return handler


def _one_line(message: str) -> str:
    """A file's name may hold a newline: it must not begin a line that looks like another record."""
    return message.replace("\r", "\\r").replace("\n", "\\n")


def _is_connection_error(record: logging.LogRecord) -> bool:
    if not record.exc_info or record.exc_info[0] is None:
        return False
    kinds = record.exc_info[0].__mro__
    return OSError in kinds or any(kind.__module__.startswith("aiokafka.errors") for kind in kinds)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
