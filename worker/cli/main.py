"""The command `batch`: from arguments to an exit code."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from worker.cli import check, jobs, models, retry
from worker.cli.client import Client
from worker.cli.dropzone import list_dropzone
from worker.cli.errors import CliError
from worker.cli.output import print_error
from worker.cli.parser import build_parser
from worker.cli.status import show_status

__all__ = ["main"]

_INTERRUPTED = 130
_DEFAULT_URL = "http://127.0.0.1:8000"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. SystemExit(2) for wrong arguments, as argparse does."""
    args = build_parser().parse_args(argv)
    if args.verb == "worker":
        from worker.daemon import main as run_worker  # here alone: it loads everything that the rest need not

        return run_worker()
    url = os.environ.get("BATCH_URL") or _DEFAULT_URL
    try:
        return _run(args, Client(url, token=os.environ.get("BATCH_API_TOKEN") or None))
    except CliError as error:
        print_error(error)
        return error.exit_code
    except json.JSONDecodeError:
        print_error(
            CliError(f"`{url}` answered, but not as a worker does", "check BATCH_URL; what listens there?")
        )
        return 1
    except BrokenPipeError:
        # the reader has what it wanted, as in `batch job tail … | head`; the flush at exit must not fail
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print_error(CliError(f"cannot write the output: {error.strerror}", "look at where stdout leads to"))
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run(args: argparse.Namespace, client: Client) -> int:
    match args.verb:
        case "model create":
            return models.create_model(client, args.name, args.file)
        case "model list":
            return models.list_models(client, args.limit)
        case "model show":
            return models.show_model(client, args.name, args.version)
        case "model update":
            return models.update_model(client, args.name, args.file, args.if_version)
        case "model delete":
            return models.delete_model(client, args.name, args.if_version)
        case "model infer":
            return check.infer_model(client, args.file, args.option)
        case "job create":
            submission = jobs.Submission(args.model, args.file, args.option, args.name)
            return jobs.create_job(client, submission, args.idempotency_key, args.wait, args.fail_on_rejects)
        case "job check":
            return check.check_file(client, jobs.Submission(args.model, args.file, args.option, args.name))
        case "job list":
            return jobs.list_jobs(client, args.limit, args.state, args.model, args.query)
        case "job show":
            return jobs.show_job(client, args.job_id)
        case "job cancel" | "job pause" | "job resume":
            return jobs.ask_of_job(client, args.job_id, args.verb.removeprefix("job "))
        case "job retry":
            among = retry.Filter(args.state, args.model, args.limit)
            asked = retry.Retry(args.from_start, args.rejects, args.model_version, args.allow_duplicates)
            return retry.retry(client, args.job_id, among, asked, args.wait)
        case "job delete":
            return jobs.delete_job(client, args.job_id)
        case "job wait":
            return jobs.wait_for_job(client, args.job_id, args.fail_on_rejects)
        case "job tail":
            return jobs.tail_job(client, args.job_id, args.fail_on_rejects)
        case "job rejects":
            return jobs.show_rejects(client, args.job_id, args.limit, args.follow)
        case "dropzone":
            return list_dropzone(client, args.limit)
        case "status":
            return show_status(client)
        case verb:
            raise AssertionError(f"`{verb}` is parsed but not run")
