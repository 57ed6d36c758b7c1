"""Models: what a file's rows must be, and the JSON that is written for them (contract §4 and §5).

`compile_model` checks a JSON Schema once; `CompiledModel.bind` gives the `RowRules` of a file with certain
columns, `CompiledModel.members` the `MemberRules` of rows that name their own. A converter reads each cell by
its column's `ColumnRule`, in the file's `CellFormat`, and lets `check` make the row's JSON or its errors.
These rules are the definition of right: another implementation gives the same bytes.
"""

from connectors.model.cells import PLAIN_CELLS, CellFormat
from connectors.model.column import ColumnRule, Outcome
from connectors.model.compile import CompiledModel, compile_model
from connectors.model.jsontype import JsonType
from connectors.model.members import MemberRules
from connectors.model.row import RowKey, RowRules, key_of

__all__ = [
    "PLAIN_CELLS",
    "CellFormat",
    "ColumnRule",
    "CompiledModel",
    "JsonType",
    "MemberRules",
    "Outcome",
    "RowKey",
    "RowRules",
    "compile_model",
    "key_of",
]
