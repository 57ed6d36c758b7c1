"""How the kernels are compiled: outside the GIL, with the signatures that their annotations are; cached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

import numba

from connectors.compiled.cache import cache_directory
from connectors.compiled.kernels.layout import Bytes, Doubles, Longs, Table, Text

__all__ = ["entry", "inlined", "kernel", "merged"]

_Function = TypeVar("_Function", bound=Callable[..., object])

# nothing is allocated, so no array needs to be counted: counting took five sixths of the time
_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
_njit: Any = numba.njit
_types: Any = numba.types
_config: Any = numba.config
_TYPES: list[tuple[Any, Any]] = [
    (int, numba.int64),
    (float, numba.float64),
    (bool, numba.boolean),
    (type(None), numba.void),
    (Bytes, numba.uint8[::1]),
    (Text, numba.types.Array(numba.uint8, 1, "C", readonly=True)),
    (Longs, numba.int64[::1]),
    (Doubles, numba.float64[::1]),
    (Table, numba.int64[:, ::1]),
]


def entry(function: _Function) -> _Function:
    """Compile a function that Python calls."""
    return cast("_Function", _njit(_signature(function), **_OPTIONS)(function))


def kernel(function: _Function) -> _Function:
    """Compile a function that kernels call."""
    return cast("_Function", _njit(_signature(function), no_cpython_wrapper=True, **_OPTIONS)(function))


def merged(function: _Function) -> _Function:
    """Compile a function that becomes part of the kernels that call it: for what is called for each cell."""
    return cast(
        "_Function",
        _njit(_signature(function), no_cpython_wrapper=True, forceinline=True, **_OPTIONS)(function),
    )


def inlined(function: _Function) -> _Function:
    """Make the source of a function part of the kernels that call it; it is never compiled on its own."""
    return cast("_Function", _njit(function, inline="always", **_OPTIONS))


def _signature(function: Callable[..., object]) -> Any:
    hints = get_type_hints(function, include_extras=True)
    returned = hints.pop("return")
    return _type(returned)(*map(_type, hints.values()))


def _type(hint: Any) -> Any:
    if get_origin(hint) is tuple:
        return _types.BaseTuple.from_types([_type(item) for item in get_args(hint)])
    if hasattr(hint, "_fields"):
        return _types.NamedTuple([_type(item) for item in get_type_hints(hint).values()], hint)
    return next(known for annotation, known in _TYPES if annotation == hint)


_config.CACHE_DIR = str(cache_directory())
