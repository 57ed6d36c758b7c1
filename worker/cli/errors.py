"""Errors of the command line, by what the caller does next.

CliError                      message and hint go to stderr, the command exits with `exit_code`
├── UsageError                the command itself is wrong
├── ApiError                  the worker answered with an error
└── ConnectionFailure         no answer: while a worker restarts, the same request may work later
    ├── UnreachableError      nothing listens at the address
    └── ConnectionLostError   the connection ended before the answer did
        └── SilenceError      nothing came for a while: a worker that has nothing to say, or none
"""

from __future__ import annotations

__all__ = [
    "ApiError",
    "CliError",
    "ConnectionFailure",
    "ConnectionLostError",
    "SilenceError",
    "UnreachableError",
    "UsageError",
]


class CliError(Exception):
    """The command cannot do what was asked.

    `message` says what and which value, `hint` what to do, `code` is the contract's where there is one.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


class UsageError(CliError):
    """The command line or the environment is wrong: nothing was asked of a worker."""

    exit_code = 2


class ApiError(CliError):
    """The worker answered with an error: HTTP `status` and the contract's `code`."""

    def __init__(self, status: int, code: str, message: str, hint: str) -> None:
        super().__init__(message, hint, code)
        self.status = status


class ConnectionFailure(CliError):  # noqa: N818 (the two below are the errors)
    """The worker could not be asked, or its answer did not arrive whole."""


class UnreachableError(ConnectionFailure):
    """Nothing answers at the worker's address."""


class ConnectionLostError(ConnectionFailure):
    """The connection ended in the middle of a request or an answer."""


class SilenceError(ConnectionLostError):
    """An answer has begun, and nothing more of it came in time."""
