"""The keywords of draft 2020-12 by what they hold, and which of them are column rules.

Source: https://json-schema.org/draft/2020-12 (Core §10 and §11, Validation §6).
"""

from __future__ import annotations

__all__ = ["ASSERTIONS", "COLUMN_RULES", "SCHEMA", "SCHEMA_LIST", "SCHEMA_MAP"]

SCHEMA = frozenset(
    {
        "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames",
        "then", "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
"""Keywords whose value is a schema."""

SCHEMA_LIST = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
"""Keywords whose value is a list of schemas."""

SCHEMA_MAP = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
"""Keywords whose value is an object of schemas."""

COLUMN_RULES = frozenset(
    {
        "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
        "minLength", "maxLength", "pattern", "format",
    }
)  # fmt: skip
"""What is checked here, on a column's own text, instead of by the library on the row's JSON."""

ASSERTIONS = frozenset(
    {
        *COLUMN_RULES, *(SCHEMA - {"contentSchema"}), *SCHEMA_LIST, "dependentRequired", "dependentSchemas",
        "maxContains", "maxItems", "maxProperties", "minContains", "minItems", "minProperties",
        "patternProperties", "properties", "required", "uniqueItems",
    }
)  # fmt: skip
"""Every keyword that can make a value invalid, alone or with another one; references apart."""
