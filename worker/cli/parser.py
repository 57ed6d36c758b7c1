"""The commands and their arguments, with the words that `--help` prints."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from worker.jobs.job import State

__all__ = ["build_parser"]

_EPILOG = """\
environment:
  BATCH_URL         address of the worker (http://127.0.0.1:8000)
  BATCH_API_TOKEN   the worker's token, if it asks for one

exit codes:
  0 done   1 the request failed   2 wrong usage   3 the job ended FAILED or CANCELLED
  4 rows were rejected, under --fail-on-rejects or in a check   130 interrupted

JSON goes to stdout; tables and bars only to a terminal's stderr."""

_FORMATS = "CSV, NDJSON or Parquet, told apart by content"


def build_parser() -> argparse.ArgumentParser:
    """Return the parser. The chosen verb stands in `verb`: `worker`, `status`, `job tail`, …"""
    parser = argparse.ArgumentParser(
        prog="batch",
        description="Turn CSV, NDJSON and Parquet files into Kafka topics, exactly once.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    groups = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_models(groups)
    _add_jobs(groups)
    dropzone = _verb(groups, "dropzone", "dropzone", "list what waits in the drop folder, and why")
    _limit(dropzone, 50, "files")
    _verb(groups, "status", "status", "say whether worker and broker are ready")
    _verb(groups, "worker", "worker", "run the worker in the foreground; settings come from BATCH_*")
    return parser


def _add_models(groups: Any) -> None:
    verbs = _group(groups, "model", "the JSON Schemas that rows are checked against")
    create = _verb(verbs, "model create", "create", "create a model from a JSON Schema file")
    create.add_argument("name", metavar="NAME", help="1 to 64 of a-z 0-9 _ -")
    _schema_file(create)
    listing = _verb(verbs, "model list", "list", "list the models")
    _limit(listing, 50, "models")
    show = _verb(verbs, "model show", "show", "show a model")
    show.add_argument("name", metavar="NAME")
    show.add_argument("--version", type=_count, metavar="N", help="this version instead of the newest")
    update = _verb(verbs, "model update", "update", "make the next version of a model; jobs keep theirs")
    update.add_argument("name", metavar="NAME")
    _schema_file(update)
    _if_version(update)
    delete = _verb(verbs, "model delete", "delete", "delete a model, all versions, while no job needs it")
    delete.add_argument("name", metavar="NAME")
    _if_version(delete)
    infer = _verb(verbs, "model infer", "infer", "print a schema that a file passes; nothing is created")
    infer.add_argument("file", metavar="FILE", type=Path, help=_FORMATS)
    _options(infer, "what need not be found, e.g. encoding=cp1252; repeatable")


def _add_jobs(groups: Any) -> None:
    verbs = _group(groups, "job", "files on their way to a topic")
    _add_create(verbs)
    listing = _verb(verbs, "job list", "list", "list jobs, newest first")
    _limit(listing, 50, "jobs")
    listing.add_argument("--state", metavar="S[,S…]", help=f"only these: {', '.join(State)}")
    listing.add_argument("--model", metavar="MODEL", help="only jobs of this model")
    listing.add_argument("--query", metavar="TEXT", help="part of the file's name or start of the id")
    _job_id(_verb(verbs, "job show", "show", "show a job"))
    _job_id(_verb(verbs, "job cancel", "cancel", "ask for a job to end; what it has committed stays"))
    _job_id(_verb(verbs, "job pause", "pause", "stop a job after its last commit; it keeps its place"))
    _job_id(_verb(verbs, "job resume", "resume", "let a paused job go on where it stopped"))
    _add_retry(verbs)
    _job_id(_verb(verbs, "job delete", "delete", "delete an ended job with its own topics"))
    waiting = _job_id(_verb(verbs, "job wait", "wait", "wait for a job's end and show it"))
    _fail_on_rejects(waiting)
    tail = _job_id(
        _verb(verbs, "job tail", "tail", "print a job's records as they are committed, until it ends")
    )
    _fail_on_rejects(tail)
    rejects = _job_id(_verb(verbs, "job rejects", "rejects", "print the rejected rows and why"))
    _limit(rejects, None, "rejects")
    rejects.add_argument("--follow", action="store_true", help="go on until the job ends")


def _add_create(verbs: Any) -> None:
    create = _submission(_verb(verbs, "job create", "create", "upload a file and make it a job"))
    create.add_argument(
        "--idempotency-key",
        type=_key,
        metavar="KEY",
        help="send it again with the same key, and it is still one job",
    )
    _wait(create, "the job's end")
    _fail_on_rejects(create, " (implies --wait)")
    _submission(_verb(verbs, "job check", "check", "check all rows of a file; nothing is delivered"))


def _add_retry(verbs: Any) -> None:
    retry = _verb(
        verbs,
        "job retry",
        "retry",
        "let a failed or cancelled job go on where it stopped, with the newest model",
    )
    retry.add_argument("job_id", metavar="JOB", nargs="?", help="the job's id")
    begin = retry.add_mutually_exclusive_group()
    begin.add_argument("--from-start", action="store_true", help="deliver the whole file again instead")
    begin.add_argument("--rejects", action="store_true", help="only the rejected rows of a completed job")
    retry.add_argument(
        "--model-version",
        type=_count,
        metavar="N",
        help="with this version of the model instead of the newest",
    )
    retry.add_argument(
        "--allow-duplicates",
        action="store_true",
        help="with --from-start: write the rows into a shared topic once more",
    )
    retry.add_argument(
        "--state",
        metavar="S[,S…]",
        help="retry all jobs in these states, oldest first, instead of one; not those that failed with "
        "DUPLICATE_FILE",
    )
    retry.add_argument("--model", metavar="MODEL", help="with --state: only jobs of this model")
    _limit(retry, None, "jobs")
    _wait(retry, "the end of what is retried")


def _submission(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("model", metavar="MODEL", help="the model that its rows are checked against")
    parser.add_argument("file", metavar="FILE", type=Path, help=_FORMATS)
    _options(parser, "an option over the model's, e.g. delimiter=tab or 'null_values=[\"NA\"]'; repeatable")
    parser.add_argument(
        "--name", metavar="PATH", help="call the file so, e.g. year=2024/may.csv for partition_columns"
    )
    return parser


def _options(parser: argparse.ArgumentParser, help_: str) -> None:
    parser.add_argument(
        "--option", metavar="KEY=VALUE", type=_option, action="append", default=[], help=help_
    )


def _wait(parser: argparse.ArgumentParser, for_what: str) -> None:
    parser.add_argument("--wait", action="store_true", help=f"wait for {for_what}")


def _group(groups: Any, name: str, help_: str) -> Any:
    parser = groups.add_parser(name, help=help_, description=_sentence(help_))
    return parser.add_subparsers(title="verbs", metavar="VERB", required=True)


def _verb(verbs: Any, verb: str, name: str, help_: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=help_, description=_sentence(help_))
    parser.set_defaults(verb=verb)
    return parser


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _job_id(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("job_id", metavar="JOB", help="the job's id")
    return parser


def _schema_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="SCHEMA.json", type=Path, help="a JSON Schema, draft 2020-12")


def _if_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--if-version", type=_count, metavar="N", help="only if the newest version is still this one"
    )


def _limit(parser: argparse.ArgumentParser, default: int | None, what: str) -> None:
    known = "all" if default is None else default
    parser.add_argument(
        "--limit", type=_count, default=default, metavar="N", help=f"at most so many {what} ({known})"
    )


def _fail_on_rejects(parser: argparse.ArgumentParser, more: str = "") -> None:
    parser.add_argument(
        "--fail-on-rejects", action="store_true", help=f"exit with 4 if any row was rejected{more}"
    )


def _count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"`{text}` is not a whole number from 1 on")
    return value


def _key(text: str) -> str:
    if not (1 <= len(text) <= 255 and text.isascii() and text.isprintable()):
        raise argparse.ArgumentTypeError("a key is 1 to 255 printable ASCII characters")
    return text


def _option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"`{text}` is not of the form key=value")
    return name, value
