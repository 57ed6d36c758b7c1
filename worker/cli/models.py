"""`batch model …`"""

from __future__ import annotations

import json
from pathlib import Path

from worker.cli.client import Client
from worker.cli.errors import CliError
from worker.cli.output import print_array, print_deleted, print_json, print_table

__all__ = ["create_model", "delete_model", "list_models", "show_model", "update_model"]


def create_model(client: Client, name: str, path: Path) -> int:
    schema = _read_schema(path)
    # the schema's own text: numbers reach the worker as they are written
    print_json(client.post("models", body=f'{{"name": {json.dumps(name)}, "schema": {schema}}}'))
    return 0


def update_model(client: Client, name: str, path: Path, version: int | None) -> int:
    schema = _read_schema(path)
    print_json(client.put("models", name, body=f'{{"schema": {schema}}}', if_match=version))
    return 0


def delete_model(client: Client, name: str, version: int | None) -> int:
    client.delete("models", name, if_match=version)
    print_deleted(name)
    return 0


def list_models(client: Client, limit: int) -> int:
    models = client.items("models", limit=limit)
    print_array(models)
    read = [json.loads(model) for model in models]
    print_table(("MODEL", "VERSION", "CREATED"), [(m["name"], m["version"], m["created_at"]) for m in read])
    return 0


def show_model(client: Client, name: str, version: int | None) -> int:
    print_json(client.get("models", name, version=version))
    return 0


def _read_schema(path: Path) -> str:
    try:
        text = path.read_text("utf-8-sig")
        json.loads(text, parse_int=str, parse_constant=_refuse)
    except OSError as error:
        raise CliError(
            f"cannot read `{path}`: {(error.strerror or str(error)).lower()}", "name a file that you may read"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CliError(
            f"`{path}` is not JSON: {error}", "correct the file; a model is one JSON Schema in UTF-8"
        ) from error
    return text


def _refuse(constant: str) -> None:
    raise ValueError(f"`{constant}` is not a JSON number")
