"""The bytes that a compressed file unpacks to, read forward with only what is still needed held in memory."""

from __future__ import annotations

from collections import deque
from typing import BinaryIO

from connectors.errors import JobCode, JobError
from connectors.text.compression import Compression, Unpacker

__all__ = ["MAX_RATIO", "RATIO_FROM_BYTES", "UnpackedFile"]

MAX_RATIO = 500
"""How many times its size a file may unpack to: exports reach 100 to 300, gzip of one repeated byte 1,032."""

RATIO_FROM_BYTES = 1_000_000
"""From so many unpacked bytes on the ratio counts."""

_PIECE_BYTES = 16 * 1024


class UnpackedFile:
    """A ByteSource of what an open file unpacks to, at most `max_bytes`.

    It is unpacked once, from its start; what lies before the last read is forgotten. `damage` is
    UNSUPPORTED_FILE_TYPE for data that is broken or cut short, DECOMPRESSION_LIMIT at the limits; what came
    before it is read first.
    """

    def __init__(self, file: BinaryIO, compression: Compression, *, max_bytes: int) -> None:
        self._file = file
        self._compression = compression
        self._max_bytes = max_bytes
        self._unpacker = Unpacker(compression)
        self._taken = 0  # bytes of the file that the unpacker was given
        self._held = bytearray()
        self._end = 0  # position behind what is held
        self._ended = False
        self._failure: JobError | None = None
        # the position behind a step, and the bytes of the file used so far
        self._steps = deque([(0, 0)])
        self.damage: JobError | None = None

    def read(self, position: int, size: int) -> bytes:
        self._skip_to(position)
        while self._end < position + size and not self._ended:
            self._step()
        with memoryview(self._held) as held:
            data = bytes(held[:size])
        self.damage = self._failure if len(data) < size else None
        return data

    def reach(self, position: int) -> int:
        self._skip_to(position)
        if self._end < position and self._failure is not None:
            raise self._failure
        return self._end

    def file_bytes(self, position: int) -> int:
        if self._ended and position >= self._end:
            return self._taken
        self._forget_steps(position)
        return self._steps[0][1]

    def close(self) -> None:
        self._file.close()

    def _skip_to(self, position: int) -> None:
        """Unpack up to `position`, and forget what lies before it."""
        start = self._end - len(self._held)
        if position < start:
            raise ValueError(f"position {position} was forgotten: only {start} and what follows is held")
        while self._end < position and not self._ended:
            self._held.clear()
            self._forget_steps(self._end)
            self._step()
        del self._held[: max(0, len(self._held) - (self._end - position))]

    def _forget_steps(self, position: int) -> None:
        """Forget what `file_bytes` needs for positions before `position` only."""
        while self._steps[0][0] < position and len(self._steps) > 1:
            self._steps.popleft()

    def _step(self) -> None:
        """Unpack some more. The steps are always the same, whatever is read."""
        piece = self._file.read(_PIECE_BYTES) if self._unpacker.needs_input else b""
        self._taken += len(piece)
        before = self._taken - len(piece) - self._unpacker.unused
        if self._unpacker.needs_input and not piece:
            self._ended = True
            self._failure = None if self._unpacker.complete else self._cut_short()
            return
        unpacked = self._unpacker.unpack(piece)
        self._held += unpacked
        self._end += len(unpacked)
        if self._unpacker.broken is not None:
            self._fail(self._broken(before, self._unpacker.broken))
        # at the end of a frame more may turn out to be unused than was known before
        used = max(self._steps[-1][1], self._taken - self._unpacker.unused)
        self._check_limits(used)
        self._steps.append((self._end, used))

    def _check_limits(self, used: int) -> None:
        if self._end > self._max_bytes:
            del self._held[len(self._held) - (self._end - self._max_bytes) :]
            self._end = self._max_bytes
            self._fail(
                self._over_limit(
                    f"unpacks to more than `{self._max_bytes}` bytes",
                    "split the file, or raise BATCH_MAX_DECOMPRESSED_BYTES",
                )
            )
        elif self._end > RATIO_FROM_BYTES and self._end > MAX_RATIO * used:
            self._fail(
                self._over_limit(
                    f"unpacks to more than {MAX_RATIO} times its size: `{used}` bytes to `{self._end}`",
                    "if that is right, unpack the file and submit it as it is",
                )
            )

    def _fail(self, failure: JobError) -> None:
        self._ended = True
        self._failure = failure

    def _over_limit(self, what: str, hint: str) -> JobError:
        return JobError(JobCode.DECOMPRESSION_LIMIT, f"the {self._compression} data {what}", hint)

    def _cut_short(self) -> JobError:
        return self._unreadable(f"is cut short: it ends at byte `{self._taken}` of the file")

    def _broken(self, byte: int, reason: str) -> JobError:
        reason = reason[:1].lower() + reason[1:]
        return self._unreadable(f"is broken, as shows after byte `{byte}` of the file: {reason}")

    def _unreadable(self, what: str) -> JobError:
        return JobError(
            JobCode.UNSUPPORTED_FILE_TYPE,
            f"the {self._compression} data {what}",
            "compress the file again, or check that it was copied whole",
        )
