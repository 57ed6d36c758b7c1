"""What the reference answered, where the kernels that frame look for it: as text beside the strip's own."""

from __future__ import annotations

from collections import Counter

from connectors.api import Converted
from connectors.compiled.job import EncoderJob
from connectors.compiled.kernels import layout
from connectors.compiled.pieces import message_at
from connectors.compiled.workspace import Workspace
from connectors.errors import RowCode
from connectors.rejects import encode_reject

__all__ = ["Answers"]


class Answers:
    """The rows of one strip that the reference converted. `text` grows by what is to be framed of them."""

    def __init__(self, job: EncoderJob, work: Workspace, first_row: int, text: bytearray) -> None:
        self._job = job
        self._work = work
        self._first_row = first_row
        self._text = text

    def add(self, converted: Converted) -> Counter[RowCode]:
        """Note what became of rows; return their rejects' codes."""
        codes = Counter[RowCode]()
        for record in converted.records:
            self._add(record.row, layout.SIDE_RECORD, record.value, record.key)
        for reject in converted.rejects:
            codes[reject.errors[0].code] += 1
            value, headers = encode_reject(reject, self._job.reject_origin)
            message = headers[message_at(headers)][1]
            self._add(reject.row, layout.SIDE_REJECT, value, message)
            self._work.make_letter_room(len(self._job.letter.text) + len(value) + len(message) + 100)
        return codes

    def _add(self, row: int, verdict: int, value: bytes, key: bytes | None) -> None:
        """Note what became of a row: value and key of a record, value and message of a reject."""
        start, middle = len(self._text), len(self._text) + len(value)
        self._text += value + (key or b"")
        fields = self._work.rows[row - self._first_row]
        fields[layout.VERDICT] = verdict
        fields[layout.VALUE_START], fields[layout.VALUE_END] = start, middle
        fields[layout.KEY_IN] = layout.NO_KEY if key is None else layout.KEY_IN_SIDE
        fields[layout.KEY_START], fields[layout.KEY_END] = middle, len(self._text)
