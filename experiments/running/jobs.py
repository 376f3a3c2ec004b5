"""Searches on a Ray cluster: submitted through Ray Jobs, with the user's files and nothing else."""

from __future__ import annotations

import logging
import os
import secrets
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from ...losses.errors import UserError, installed, missing, one_line, shown
from ...search.training.ray.cluster import WAIT_S, WAITING
from ...spaces import own_terms
from ..spec import SearchSpec
from ..tracking.address import answers, why_no_address
from ..usercode import table_files, task_file, trust
from ..version import version

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

ADDRESS = "RAY_API_SERVER_ADDRESS"  # Ray's own name for where jobs are submitted
LAUNCHER = "LOSSMITH_LAUNCHED_WITH"  # the version that submitted a job, for the one that runs it
SPEC_NAME = "lossmith-spec.yaml"
_POLL_S = 1.0
_BEGINS_S = 120.0  # how long a job may take to say that its search has begun
_ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
LARGEST_TABLES = 400 << 20  # bytes; Ray takes packages of 500 MiB
_AWAY_S = 900.0  # how long a cluster whose log is followed may be away: its head starts anew meanwhile


def client_for(address: str) -> JobSubmissionClient:
    """Connect to the cluster at an address.

    Args:
        address: The URL of its dashboard, such as http://127.0.0.1:8265.

    Raises:
        UserError: Nobody answers there, the token is wrong, or Ray is of another version.
    """
    check_address(address)
    _check_token_file()
    if any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")):
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    if not installed("aiohttp", "ray"):  # the former comes with Ray's client of jobs
        raise missing("aiohttp", "a job on a Ray cluster")
    if isinstance(refusal := answers(address), ConnectionRefusedError):  # Ray would ask for half a minute
        raise _explained(address, refusal)
    import ray
    from ray.job_submission import JobSubmissionClient

    os.environ[ADDRESS] = address  # Ray would believe the variable rather than what it is told
    try:
        client = JobSubmissionClient(address)
        found = _cluster_ray_version(client)
    except Exception as error:  # noqa: BLE001  (whatever it is, it is put in one line)
        raise _explained(address, error) from None
    for name in ("ray", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
        logging.getLogger(name).setLevel(logging.ERROR)  # after Ray has set its own
    if found != ray.__version__:
        raise UserError(
            f"client and cluster must have the same Ray, but this one is {ray.__version__} and that at "
            f"{address} is {found}; install ray=={found} here, or rebuild the cluster's image"
        )
    return client


def check_address(address: str) -> None:
    """Refuse what can be the address of no cluster. Nobody is asked.

    Args:
        address: What should be the URL of its dashboard.

    Raises:
        UserError: It is none.
    """
    web = address.startswith(("http://", "https://"))
    if why := why_no_address(address) if web else "it begins with neither http:// nor https://":
        raise UserError(
            "--address must be the URL of a cluster's dashboard such as http://127.0.0.1:8265, but got "
            f"{shown(address, 120)}: {why}"
        )


def new_name(base: str) -> str:
    """Make a name that nobody else takes at the same moment.

    Args:
        base: What it begins with.
    """
    return f"{base}-{secrets.token_hex(3)}"


def submit_search(client: JobSubmissionClient, asked: SearchSpec, files: Mapping[str, str], name: str) -> str:
    """Submit the search of a SPEC, with the SPEC, its tables and files of code, and nothing else.

    Whoever launches a search asks for its losses to be run, so a look at it may run them here too.

    Args:
        client: Of the cluster.
        asked: The SPEC.
        files: The text of each file of code, by its name.
        name: The name of the search.

    Returns:
        The job's id.

    Raises:
        UserError: The tables are too large to ship, or the cluster refuses.
    """
    spec = asked.to_json()
    own = task_file(asked.task)
    tables = {f"{key}/{file.name}": (key, file) for key, file in table_files(asked.task).items()}
    task = asked.task if own is None else _beside(str(asked.task))
    if isinstance(task, dict):
        _check_size([file for _, file in tables.values()])
        task = {**task, **{key: place for place, (key, _) in tables.items()}}
    document = {key: value for key, value in spec.items() if value is not None} | {"task": task, "name": name}
    if terms := own_terms(asked.space):
        trust(terms)
        document["space"] = {**spec["space"], "terms": [_beside(term) for term in terms]}
    document["transfer"] = [_beside(t) if task_file(t) else t for t in spec["transfer"]]
    others = [part for other in files if own is None or other != own.name for part in ("--with", other)]
    with tempfile.TemporaryDirectory(prefix="lossmith-ship-") as folder:
        for file, text in files.items():
            Path(folder, file).write_text(text, encoding="utf-8")
        for place, (_, table) in tables.items():
            Path(folder, place).parent.mkdir()
            shutil.copyfile(table, Path(folder, place))
        Path(folder, SPEC_NAME).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        command = ["lossmith", "search", SPEC_NAME, "--runner", "ray", *others]
        return _submit(client, command, name, folder)


def submit_resume(client: JobSubmissionClient, name: str) -> str:
    """Submit a job that goes on with a search of the cluster's store.

    Args:
        client: Of the cluster.
        name: The name of the search.

    Returns:
        The job's id.

    Raises:
        UserError: The cluster refuses.
    """
    return _submit(client, ["lossmith", "resume", name, "--runner", "ray"], name)


def wait_until_begun(
    client: JobSubmissionClient,
    job: str,
    note: Callable[[str], None] = lambda _: None,
    wait_s: float = _BEGINS_S,
) -> None:
    """Wait until a job has begun to search.

    Args:
        client: Of the cluster.
        job: The job's id.
        note: Called with what the job itself waits for, such as the cluster's first worker.
        wait_s: How long to wait in silence; afterwards the job is taken to have begun.

    Raises:
        UserError: The search was refused; in the job's words.
    """
    end, told = time.monotonic() + wait_s, list[str]()
    while time.monotonic() < end:
        status, log = str(client.get_job_status(job).value), client.get_job_logs(job)
        for line in _waits(log)[len(told) :]:
            note(line)
            told.append(line)
            end = time.monotonic() + WAIT_S + wait_s
        if status == "SUCCEEDED" or _said_something(log):
            break
        if status in _ENDED:
            break
        time.sleep(_POLL_S)
    if str(client.get_job_status(job).value) in ("FAILED", "STOPPED"):
        raise _refused(client, job)


def follow(
    client: JobSubmissionClient,
    job: str,
    name: str,
    write: Callable[[str], None],
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Write the log of a search's job as it grows, until the job ends.

    Where the head is lost, so is its job: then the one in which `supervise` resumes the search is followed.

    Args:
        client: Of the cluster.
        job: The job's id.
        name: The search's name.
        write: Called with each new part of the log.
        note: Called with what the user should know meanwhile.

    Raises:
        UserError: The job ended with a mistake of the user's; in its words.
        RuntimeError: The job ended with another error, or the cluster did not come back.
    """
    shown, away_at = 0, None
    while True:
        try:
            status, text = str(client.get_job_status(job).value), client.get_job_logs(job)
        except Exception as error:  # noqa: BLE001  (the head is away, or came back and knows nothing of the job)
            if away_at is None:
                note(f"the cluster does not answer for {job}: waiting until {name} is resumed there")
            away_at = away_at or time.monotonic()
            if time.monotonic() - away_at > _AWAY_S:
                raise RuntimeError(
                    f"the cluster lost its head and did not resume {name} within {_AWAY_S / 60:.0f} minutes: "
                    f"{one_line(error)}; see lossmith show {name}"
                ) from None
            time.sleep(_POLL_S)
            if successor := _job_of(client, name, job):
                note(f"{name} goes on as job {successor}")
                job, shown, away_at = successor, 0, None
            continue
        away_at = None
        write(text[shown:])
        shown = len(text)
        if status in _ENDED:
            break
        time.sleep(_POLL_S)
    write(client.get_job_logs(job)[shown:])
    if status != "SUCCEEDED":
        raise _refused(client, job)


def _job_of(client: JobSubmissionClient, name: str, but: str) -> str | None:
    """Another job of a search that a cluster runs, or None."""
    try:
        jobs = client.list_jobs()
    except Exception:  # noqa: BLE001  (it is still away)
        return None
    found = [
        job
        for job in jobs
        if job.submission_id != but and (job.metadata or {}).get("lossmith_search") == name
    ]
    newest = max(found, key=lambda job: job.start_time or 0, default=None)
    return None if newest is None else str(newest.submission_id)


def check_launcher(environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to run what another version of lossmith has launched.

    Args:
        environment: Where the launcher's version is told.

    Raises:
        UserError: The versions differ.
    """
    launcher = environment.get(LAUNCHER)
    if launcher and launcher != version():
        raise UserError(
            f"client and cluster must have the same lossmith, but {launcher} launched this and the cluster "
            f"has {version()}; install lossmith=={version()} where you launch, or rebuild the cluster's image"
        )


def _check_size(tables: list[Path]) -> None:
    size = sum(table.stat().st_size for table in tables)
    if size > LARGEST_TABLES:
        raise UserError(
            f"tables to ship must have {LARGEST_TABLES >> 20} MiB at most, but got {size >> 20} MiB; "
            "bring a task file that reads them where the cluster can"
        )


def _check_token_file() -> None:
    place = os.environ.get("RAY_AUTH_TOKEN_PATH")
    if not place or os.environ.get("RAY_AUTH_TOKEN"):
        return
    try:
        Path(place).expanduser().read_bytes()
    except OSError as error:
        raise UserError(
            f"RAY_AUTH_TOKEN_PATH must name a file that can be read, but {place} cannot: {error.strerror}; "
            "deploy/make-secrets makes secrets/ray_token"
        ) from None


def _beside(place: str) -> str:
    """FILE:OBJECT with the file's name alone, as it is shipped."""
    file, _, name = place.rpartition(":")
    return f"{Path(file).name}:{name}"


def _submit(client: JobSubmissionClient, command: list[str], name: str, folder: str | None = None) -> str:
    """Submit a command with the files of a folder; the job's id."""
    # What stands here is shown on the dashboard: the store's address and passwords come from the nodes.
    files = {} if folder is None else {"working_dir": folder}
    try:
        job: str = client.submit_job(
            entrypoint=shlex.join(command),
            submission_id=f"lossmith-{name}-{secrets.token_hex(3)}",
            runtime_env={**files, "env_vars": {LAUNCHER: version()}},
            metadata={"lossmith_search": name},
        )
    except Exception as error:  # noqa: BLE001  (as above)
        raise _explained(client.get_address(), error) from None
    return job


def _cluster_ray_version(client: JobSubmissionClient) -> str:
    answer = client._do_request("GET", "/api/version")  # noqa: SLF001  (there is no other way)
    found: str = answer.json()["ray_version"]
    return found


def _waits(log: str) -> list[str]:
    """The lines in which a job says what it waits for."""
    return [line for line in log.splitlines() if line.startswith(WAITING)]


def _said_something(log: str) -> bool:
    """Whether the search itself has written a line: Ray's own about the job's start are not it."""
    return any(
        line.startswith(("headroom", "explore", "race", "verdict", "search ")) for line in log.splitlines()
    )


def _refused(client: JobSubmissionClient, job: str) -> Exception:
    lines = [line.strip() for line in client.get_job_logs(job).splitlines() if line.strip()]
    said = [line for line in lines if line.startswith(("error: ", "failed: "))]
    if said and said[-1].startswith("error: "):
        return UserError(f"{said[-1].removeprefix('error: ')} (said by the cluster, job {job})")
    info = client.get_job_info(job)
    words = said[-1] if said else one_line(info.message or (lines[-1] if lines else ""), 300)
    return RuntimeError(f"the job {job} ended as {str(info.status.value).lower()}: {words}")


def _explained(address: str, error: Exception) -> UserError:
    text = one_line(error, 300)
    if isinstance(error, ConnectionError) or "onnect" in type(error).__name__:
        return UserError(
            f"cannot reach a Ray cluster at {address}; check the address, and that the cluster is up "
            "(docker compose ps)"
        )
    if any(word in text for word in ("401", "403", "nauthorized", "uthenticat", "orbidden", "token")):
        return UserError(
            f"the Ray cluster at {address} refuses this token; set RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN_PATH to the file that holds the cluster's"
        )
    return UserError(f"the Ray cluster at {address} cannot be used: {text}")
