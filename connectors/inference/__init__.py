"""A model for a file that has none yet: what its values have in common, as a JSON Schema.

Every row of the file that can be read passes the schema that is found for it. All of the file is read, block
by block; what is remembered of a column is bounded.
"""

from connectors.inference.infer import InferenceStoppedError, infer_schema

__all__ = ["InferenceStoppedError", "infer_schema"]
