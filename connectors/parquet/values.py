"""Arrow values as the texts that records are made of (contract: "Row semantics", Parquet).

A leaf becomes its canonical text: integers and decimals their digits, floats the shortest text that reads
back in their own width, timestamps RFC 3339 in UTC, binary base64. Lists, maps (as arrays of pairs) and
structs become JSON text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, repeat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.model.grammar import quote
from connectors.model.jsontype import JsonType
from connectors.parquet import leaves
from connectors.parquet.leaves import Array, Unwritable, Value

__all__ = ["ValueWriter", "value_writer"]

_ANY = (JsonType.NULL, *(type for type in JsonType if type is not JsonType.NULL))


@dataclass(frozen=True, slots=True)
class ValueWriter:
    """Writes the values of one Arrow type.

    `types` are the JSON Schema types that they can have, their own first; `texts` returns one value for
    each value of an array.
    """

    types: tuple[JsonType, ...]
    texts: Callable[[Array], Sequence[Value]]

    def json(self, text: str | None) -> str:
        """Return a value's text as JSON."""
        if text is None:
            return "null"
        return quote(text) if self.types[0] is JsonType.STRING else text


def value_writer(type: pa.DataType) -> ValueWriter | None:
    """Return the writer of an Arrow type; None where it has none, as for durations."""
    for holds, make in _MAKERS:
        if holds(type):
            return make(type)
    return None


# the JSON text of a value inside a list, map or struct
_Part = str | Unwritable


def _parts(writer: ValueWriter, array: Array) -> list[_Part]:
    return [v if isinstance(v, Unwritable) else writer.json(v) for v in writer.texts(array)]


def _compose(write: Callable[[list[str]], str], parts: list[_Part]) -> _Part:
    """Put parts together; with one that cannot be written, the whole cannot, for the first one's reason."""
    bad = next((part for part in parts if isinstance(part, Unwritable)), None)
    text = write([part.raw if isinstance(part, Unwritable) else part for part in parts])
    return text if bad is None else Unwritable(bad.code, bad.message, text)


def _array_text(parts: list[str]) -> str:
    return f"[{','.join(parts)}]"


def _list_texts(item: ValueWriter, array: Array) -> list[Value]:
    """`flatten` leaves out what null lists cover, and `list_value_length` is null for them."""
    parts = iter(_parts(item, array.flatten()))
    lengths = pc.list_value_length(array).to_pylist()
    return [None if n is None else _compose(_array_text, list(islice(parts, n))) for n in lengths]


def _list(type: Any) -> ValueWriter | None:
    item = value_writer(type.value_type)
    return None if item is None else ValueWriter((JsonType.ARRAY,), partial(_list_texts, item))


def _map(type: Any) -> ValueWriter | None:
    """A map is stored as a list of entries; an entry is written as a pair."""
    key, item = value_writer(type.key_type), value_writer(type.item_type)
    if key is None or item is None:
        return None
    entries = pa.list_(pa.struct([("key", type.key_type), ("value", type.item_type)]))

    def pair_texts(array: Array) -> list[Value]:
        keys, values = array.flatten()
        columns = zip(_parts(key, keys), _parts(item, values), strict=True)
        return [_compose(_array_text, list(pair)) for pair in columns]

    pair = ValueWriter((JsonType.ARRAY,), pair_texts)
    return ValueWriter((JsonType.ARRAY,), lambda array: _list_texts(pair, array.cast(entries)))


def _struct(type: Any) -> ValueWriter | None:
    """None also where two fields have one name: their object would hold only one of them."""
    names = [quote(field.name) for field in type]
    fields = [value_writer(field.type) for field in type]
    writers = [writer for writer in fields if writer is not None]
    if len(writers) < len(fields) or len(set(names)) < len(names):
        return None

    def object_text(parts: list[str]) -> str:
        return f"{{{','.join(f'{name}:{part}' for name, part in zip(names, parts, strict=True))}}}"

    def texts(array: Array) -> list[Value]:
        columns = [_parts(writer, column) for writer, column in zip(writers, array.flatten(), strict=True)]
        rows = zip(*columns, strict=True) if columns else repeat((), len(array))
        valid = array.is_valid().to_pylist()
        return [_compose(object_text, list(row)) if ok else None for row, ok in zip(rows, valid, strict=True)]

    return ValueWriter((JsonType.OBJECT,), texts)


def _dictionary(type: Any) -> ValueWriter | None:
    value = value_writer(type.value_type)
    return value and ValueWriter(value.types, lambda array: value.texts(array.dictionary_decode()))


def _extension(type: Any) -> ValueWriter | None:
    """An extension type is written as its storage is; a UUID in its own form."""
    if isinstance(type, pa.UuidType):
        return ValueWriter((JsonType.STRING,), lambda array: leaves.uuid_texts(array.storage))
    storage = value_writer(type.storage_type)
    return storage and ValueWriter(storage.types, lambda array: storage.texts(array.storage))


def _leaf(texts: Callable[[Array], Sequence[Value]], *types: JsonType) -> Callable[[Any], ValueWriter]:
    return lambda _: ValueWriter(types, texts)


_is = pa.types
_MAKERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], ValueWriter | None]], ...] = (
    (lambda type: isinstance(type, pa.BaseExtensionType), _extension),
    (_is.is_dictionary, _dictionary),
    (_is.is_null, _leaf(pa.Array.to_pylist, *_ANY)),
    (_is.is_integer, _leaf(leaves.integer_texts, JsonType.INTEGER, JsonType.NUMBER)),
    (_is.is_floating, _leaf(leaves.float_texts, JsonType.NUMBER)),
    (_is.is_decimal, _leaf(leaves.decimal_texts, JsonType.NUMBER, JsonType.STRING)),
    (_is.is_boolean, _leaf(leaves.boolean_texts, JsonType.BOOLEAN)),
    (_is.is_string, _leaf(leaves.string_texts, JsonType.STRING)),
    (_is.is_large_string, _leaf(leaves.string_texts, JsonType.STRING)),
    (_is.is_string_view, _leaf(leaves.string_texts, JsonType.STRING)),
    (_is.is_binary, _leaf(leaves.base64_texts, JsonType.STRING)),
    (_is.is_large_binary, _leaf(leaves.base64_texts, JsonType.STRING)),
    (_is.is_binary_view, _leaf(leaves.base64_texts, JsonType.STRING)),
    (_is.is_fixed_size_binary, _leaf(leaves.base64_texts, JsonType.STRING)),
    (_is.is_date, _leaf(leaves.date_texts, JsonType.STRING)),
    (_is.is_time, _leaf(leaves.time_texts, JsonType.STRING)),
    (_is.is_timestamp, _leaf(leaves.timestamp_texts, JsonType.STRING)),
    (_is.is_list, _list),
    (_is.is_large_list, _list),
    (_is.is_fixed_size_list, _list),
    (_is.is_list_view, _list),
    (_is.is_large_list_view, _list),
    (_is.is_map, _map),
    (_is.is_struct, _struct),
)
