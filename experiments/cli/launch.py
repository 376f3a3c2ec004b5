"""lossmith launch: the main job, on a cluster."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .commands import Given, command
from .options import StoreUrl, TimeLimit, Trials
from .output import console, tell

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

Address = Annotated[
    str,
    typer.Option(
        envvar="RAY_API_SERVER_ADDRESS",
        help="The URL of the Ray cluster's dashboard, such as http://127.0.0.1:8265.",
        show_default=False,
    ),
]
Follow = Annotated[bool, typer.Option("--follow", help="Show the job's log until it ends.")]
WithFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        metavar="FILE",
        help="Another file of code that the task file imports; it goes along. May be given several times.",
        show_default=False,
    ),
]


def launch(  # noqa: PLR0913  (one for each option)
    spec: Annotated[
        str,
        typer.Argument(
            metavar="SPEC", help="A YAML file that names the task and the budget.", show_default=False
        ),
    ],
    *,
    address: Address,
    name: Annotated[
        str | None,
        typer.Option(help="What to call the search (default: made from the SPEC).", show_default=False),
    ] = None,
    trials: Trials = None,
    time_limit: TimeLimit = None,
    with_files: WithFiles = None,
    follow: Follow = False,
    store: StoreUrl = None,
) -> None:
    """Search a loss on a Ray cluster.

    The SPEC, its task file and the files named by --with are shipped, and nothing else; the cluster knows
    its own store and MLflow. The token comes from RAY_AUTH_TOKEN_PATH.
    """
    from pathlib import Path

    from ..running import jobs
    from ..spec import load_spec
    from ..usercode import pack, term_files, transfer_files

    wanted = load_spec(spec, {"name": name, "trials": trials, "time_limit": time_limit})
    code = (*term_files(wanted.space), *transfer_files(wanted.transfer), *(with_files or ()))
    files = pack(wanted.task, code)
    client = jobs.client_for(address)
    chosen = wanted.name or jobs.new_name(Path(spec).stem)
    job = jobs.submit_search(client, wanted, files, chosen)
    print_job(client, job, chosen, address, Given(None, store), follow=follow)


def print_job(
    client: JobSubmissionClient, job: str, name: str, address: str, given: Given, *, follow: bool
) -> None:
    """Wait until a job's search has begun, print where to look, and follow it if that is wanted.

    Args:
        client: Of the cluster.
        job: The job's id.
        name: The name of the search.
        address: The cluster's address.
        given: Where searches are kept.
        follow: Whether to show the job's log until it ends.
    """
    from ..running import jobs

    jobs.wait_until_begun(client, job, tell)
    out = console()
    out.print(f"{name} runs on {address} as job {job}", soft_wrap=True)
    for words in (("show", name), ("cancel", name), ("resume", name, "--address", address)):
        out.print(f"  {command(*words, given=given)}", soft_wrap=True)
    if given.store is None and not os.environ.get("LOSSMITH_STORE"):
        out.print("  (each with --store or LOSSMITH_STORE naming the cluster's store, or where it is known:")
        out.print(f"  docker compose exec ray-head lossmith show {name})", soft_wrap=True)
    sys.stdout.flush()
    if follow:
        jobs.follow(client, job, name, _write, tell)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
