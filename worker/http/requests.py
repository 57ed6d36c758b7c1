"""Reading requests and writing JSON answers: what cannot be read is `INVALID_REQUEST`, and says where."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from worker.http.problems import Problem

__all__ = [
    "MAX_BODY_BYTES",
    "json_answer",
    "no_content",
    "read_if_match",
    "read_json",
    "read_no_body",
    "read_optional_json",
    "read_query",
    "validated",
]

MAX_BODY_BYTES = 900_000  # with its envelope it still fits a Kafka record of the broker's default limit

T = TypeVar("T", bound=BaseModel)
# RFC 9110, section 8.8.3: entity-tags, of which the weak ones never match
_ETAGS = re.compile(r'\s*(W/)?"[\x21\x23-\x7e\x80-\xff]*"\s*(,\s*(W/)?"[\x21\x23-\x7e\x80-\xff]*"\s*)*')
_STRONG = re.compile(r'(W/)?("[^"]*")')


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


def no_content() -> web.Response:
    """Answer that it is done, and that there is nothing to say of it."""
    return web.Response(status=204, headers={"Cache-Control": "no-store"})


def read_if_match(request: web.Request) -> frozenset[str] | None:
    """Return the ETags of `If-Match`, None for one that is absent or `*`. Raises Problem.

    Weak ones stand there with their `W/`, so that they match nothing of ours.
    """
    text = ",".join(request.headers.getall("If-Match", []))
    if not text or text.strip() == "*":
        return None
    if _ETAGS.fullmatch(text) is None:
        raise Problem(
            "INVALID_REQUEST",
            f"the header `If-Match` is `{text[:100]}`, which is no ETag",
            'write the version that you have seen in quotes: `If-Match: "3"`',
        )
    return frozenset(f"{weak}{tag}" for weak, tag in _STRONG.findall(text))


async def read_optional_json(request: web.Request) -> Any:
    """Read a JSON body that may be left out, which reads as an empty object. Raises Problem."""
    return (await read_json(request))[0] if request.can_read_body else {}


async def read_no_body(request: web.Request) -> None:
    """Refuse a body, but for an empty object. Raises Problem."""
    if await read_optional_json(request) != {}:
        raise Problem("INVALID_REQUEST", "this call takes no body", "leave the body out")


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
        reason = " ".join(str(error).split()).removeprefix("400, message: ")
        raise Problem("INVALID_REQUEST", f"the body cannot be read: {reason}", "send it again") from None
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
        raise Problem("INVALID_REQUEST", _explain(first, kind), _hint(model, first, kind)) from None


def _hint(model: type[BaseModel], error: Any, kind: str) -> str:
    """What a wrong value should be; for a wrong name, which names there are."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    if error["loc"] and error["type"] not in ("missing", "extra_forbidden"):
        name = error["loc"][0]
        if text := fields[name].description:
            return f"`{name}`: {text[0].lower()}{text[1:].removesuffix('.')}"
    names = ", ".join(f"`{name}`" for name in fields)
    return f"this call knows {names}" if names else f"this call takes no {kind}s"


def _explain(error: Any, kind: str) -> str:
    if not error["loc"]:
        return "the body is not a JSON object"
    name = error["loc"][0]  # what lies deeper is our reading of it
    if error["type"] == "extra_forbidden":
        return f"there is no {kind} `{name}`"
    if error["type"] == "missing":
        return f"{kind} `{name}` is missing"
    value = error["input"]
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if error["type"] == "dict_type":
        message = "it is not a JSON object"
    else:
        message = str(error["msg"]).removeprefix("Value error, ")
    return f"{kind} `{name}` is `{shown[:100]}`: {message[0].lower()}{message[1:]}"


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
