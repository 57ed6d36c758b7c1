"""Reading requests and writing JSON answers: what cannot be read is `INVALID_REQUEST`, and says where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from worker.http.problems import Problem

__all__ = ["MAX_BODY_BYTES", "json_answer", "read_json", "read_query", "validated"]

MAX_BODY_BYTES = 900_000  # with its envelope it still fits a Kafka record of the broker's default limit

T = TypeVar("T", bound=BaseModel)


def json_answer(
    value: Mapping[str, Any] | str, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer with `value` as JSON; a str is JSON already."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return web.Response(
        body=text.encode("utf-8", "replace"),
        status=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        content_type="application/json",
    )


def read_query(request: web.Request, model: type[T]) -> T:
    """Check the query string. Raises Problem."""
    values: dict[str, str] = {}
    for name, value in request.query.items():
        if name in values:
            raise Problem("INVALID_REQUEST", f"parameter `{name}` is given twice", "give it once")
        values[name] = value
    return validated(model, values, "parameter")


async def read_json(request: web.Request) -> tuple[Any, str]:
    """Read the body as JSON: its value, and its text, in which numbers are as they were sent.

    Raises Problem for one that is too large or is not strict JSON in UTF-8.
    """
    try:
        raw = await _body(request)
    except web.RequestPayloadError as error:
        raise Problem("INVALID_REQUEST", f"the body did not arrive whole: {error}", "send it again") from None
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode("utf-8")  # an escaped half of a surrogate pair
    except (ValueError, RecursionError) as error:
        raise Problem(
            "INVALID_REQUEST", f"the body is not JSON: {str(error).lower()}", "send one JSON object in UTF-8"
        ) from None
    return value, text


def validated(model: type[T], values: object, kind: str) -> T:
    """Return `values` as `model`; `kind` is what its names are called. Raises Problem."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        names = ", ".join(f"`{field.alias or name}`" for name, field in model.model_fields.items())
        raise Problem("INVALID_REQUEST", _explain(first, kind), f"this call knows {names}") from None


def _explain(error: Any, kind: str) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if not name:
        return "the body is not a JSON object"
    if error["type"] == "extra_forbidden":
        return f"there is no {kind} `{name}`"
    if error["type"] == "missing":
        return f"{kind} `{name}` is missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    shown = str(error["input"])[:100]
    return f"{kind} `{name}` is `{shown}`: {message[0].lower()}{message[1:]}"


async def _body(request: web.Request) -> bytes:
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise Problem(
                "INVALID_REQUEST",
                f"the body is larger than {MAX_BODY_BYTES} bytes",
                "send a smaller one; a schema of that size can often share parts by `$ref`",
            )
    return bytes(body)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"`{name}` is not a JSON number")
