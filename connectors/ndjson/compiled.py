"""The compiled encoder of NDJSON, on the bytes of a block."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice

from connectors.api import Block, BlockEncoder, EncodedBlock
from connectors.compiled import CompiledEncoder, EncoderJob, Plan, compile_plan
from connectors.compiled.job import BoundConverter
from connectors.compiled.pieces import pieces
from connectors.compiled.scanned import is_plain
from connectors.compiled.strips import Strips
from connectors.compiled.workspace import Workspace
from connectors.headers import NO_HEADERS, OriginHeaders
from connectors.model import PLAIN_CELLS, ColumnRule, RowRules
from connectors.model.grammar import JsonSyntaxError, quote
from connectors.ndjson.members import NotAnObjectError, parse_members
from connectors.ndjson.reader import NdjsonBlock
from connectors.ndjson.reference import NdjsonReferenceConverter
from connectors.text.lines import split_lines

__all__ = ["CompiledNdjsonEncoder", "member_names", "ndjson_plan"]

_SAMPLE_ROWS = 100
_MAX_NAMES = 1000


def member_names(block: NdjsonBlock) -> list[str]:
    """Return the names of members in the first rows of a block, in the order that they have there."""
    names: list[str] = []
    for row in islice(split_lines(block.data), _SAMPLE_ROWS):
        try:
            members = parse_members(block.data[row.start : row.end].decode())
        except (UnicodeDecodeError, JsonSyntaxError, NotAnObjectError):
            continue
        _merge(names, [member.name for member in members[:_MAX_NAMES]])
    return names


def _merge(known: list[str], names: Iterable[str]) -> None:
    """Add the names that are not known yet, each behind the one before it; there are at most _MAX_NAMES."""
    at = 0
    for name in names:
        if known[at : at + 1] == [name]:  # what is in the known order costs no search
            at += 1
        elif name in known:
            at = known.index(name) + 1
        elif len(known) < _MAX_NAMES:
            known.insert(at, name)
            at += 1


def ndjson_plan(
    converter: NdjsonReferenceConverter, names: Iterable[str], headers: OriginHeaders = NO_HEADERS
) -> tuple[Plan, tuple[str, ...]] | None:
    """Return the plan of what `converter` does with lines whose members are `names`, in this order, some of
    them perhaps missing, and the names of its columns. None: no such line is a record.

    `headers` are those of the records.
    """
    rules, fixed = converter.rules, converter.fixed
    candidates = dict.fromkeys([*names, *sorted(rules.names)])
    of_lines = [(name, rules.rule(name)) for name in candidates if name not in fixed]
    columns = [rule for _, rule in of_lines if rule is not None]
    of_fixed = [rule for name in fixed if (rule := rules.rule(name)) is not None]
    if len(of_fixed) < len(fixed):
        return None
    bound = RowRules([*columns, *of_fixed], rules.required, rules.judge)
    plan = compile_plan(
        bound,
        [_column(rule) for rule in columns],
        tuple(fixed.values()),
        key=converter.key if converter.key in bound.columns else None,
        cells=PLAIN_CELLS,
        max_row_bytes=converter.limit.max_row_bytes,
        headers=headers,
    )
    return None if plan is None else (plan, bound.columns[: len(columns)])


def _column(rule: ColumnRule) -> tuple[ColumnRule, str | None]:
    """A member that the model gives no type has its own in every row: the reference has to read it."""
    return (rule, rule.empty) if rule.typed else (replace(rule, candidates=()), "null")


class CompiledNdjsonEncoder:
    """A BlockEncoder whose columns are the members that the first block has. Thread-safe.

    `make_job` takes the plan and its converter. Blocks that the kernels cannot scan are for `reference`.
    """

    name = "compiled"

    def __init__(
        self,
        converter: NdjsonReferenceConverter,
        reference: BlockEncoder,
        make_job: Callable[[Plan, BoundConverter], EncoderJob],
        headers: OriginHeaders = NO_HEADERS,
    ) -> None:
        self._converter = converter
        self._reference = reference
        self._make_job = make_job
        self._headers = headers
        self._lock = threading.Lock()
        self._encoder: BlockEncoder | None = None

    def encode(self, block: Block) -> EncodedBlock:
        assert isinstance(block, NdjsonBlock)
        if not is_plain(block):
            return self._reference.encode(block)
        with self._lock:
            encoder = self._encoder = self._encoder or self._made_for(block)
        return encoder.encode(block)

    def _made_for(self, block: NdjsonBlock) -> BlockEncoder:
        found = ndjson_plan(self._converter, member_names(block), self._headers)
        if found is None:
            return self._reference
        plan, names = found
        maker = _NdjsonStripMaker(plan, self._converter, names)
        return CompiledEncoder(self._make_job(plan, self._converter), maker, self._reference)


class _NdjsonStripMaker:
    """The StripMaker of lines with members of these names."""

    def __init__(self, plan: Plan, converter: NdjsonReferenceConverter, names: tuple[str, ...]) -> None:
        self._plan = plan
        self._rules = converter.rules
        self._names = names
        self._pieces = pieces([quote(name)[1:-1].encode() for name in names])

    def takes(self, block: Block) -> bool:
        assert isinstance(block, NdjsonBlock)
        return is_plain(block)

    def strips(self, work: Workspace, block: Block) -> Strips:
        from connectors.ndjson.strips import NdjsonStrips  # numba loads with the first block

        assert isinstance(block, NdjsonBlock)
        return NdjsonStrips(self._plan, self._rules, self._names, self._pieces, work, block)
