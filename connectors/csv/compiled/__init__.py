"""The compiled converter and encoder of CSV: what the reference does, by numba on the bytes of a block.

`compile_plan` turns a bound model into tables, or says that its rows are for the reference alone. A
`CompiledCsvEncoder` scans a block, converts and frames its rows with kernels that run outside the GIL, and
asks the reference for whatever they are not certain of: the kernels have to be right only about what they
accept. A `CompiledCsvChecker` counts rows and errors in the same way, and frames nothing; `ScatteredRows`
are single rows of a file. `warm_up` compiles the kernels or loads them from the cache, so that no block waits
for it. numba is imported with the first block, or there.
"""

from connectors.csv.compiled.cache import is_filled
from connectors.csv.compiled.checker import CompiledCsvChecker
from connectors.csv.compiled.encoder import CompiledCsvEncoder
from connectors.csv.compiled.plan import Plan, compile_plan
from connectors.csv.compiled.scattered import ScatteredRows
from connectors.csv.compiled.warm_up import warm_up

__all__ = [
    "CompiledCsvChecker",
    "CompiledCsvEncoder",
    "Plan",
    "ScatteredRows",
    "compile_plan",
    "is_filled",
    "warm_up",
]
