"""The compiled converter and encoder: what the reference does, by numba on the bytes of a block.

`compile_plan` turns a bound model into tables, or says that its rows are for the reference alone. A
`CompiledEncoder` has a block's rows from the `Strips` of its format, converts and frames them with kernels
that run outside the GIL, and asks the reference for whatever they are not certain of: the kernels have to be
right only about what they accept. A `CompiledChecker` counts rows and errors in the same way, and frames
nothing. `warm_up` compiles the kernels or loads them from the cache, so that no
block waits for it. numba is imported with the first block, or there.
"""

from connectors.compiled.cache import is_filled
from connectors.compiled.checker import CompiledChecker
from connectors.compiled.encoder import CompiledEncoder
from connectors.compiled.job import EncoderJob
from connectors.compiled.plan import Plan, compile_plan
from connectors.compiled.warm_up import warm_up

__all__ = ["CompiledChecker", "CompiledEncoder", "EncoderJob", "Plan", "compile_plan", "is_filled", "warm_up"]
