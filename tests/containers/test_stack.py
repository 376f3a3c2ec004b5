"""docker-compose.yml as people use it, on a real engine: each test goes on where the last one ended."""

from __future__ import annotations

import base64
import configparser
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from .stack import NEEDS, ROOT, Stack, missing, until

pytestmark = pytest.mark.containers
SPEC = """
task: digits-longtail
trials: 16
cohort: 8
recipe: {epochs: 4}
repeats: {seeds: 2}
headroom: 'off'
race: {seeds: 2, contenders: 2}
verdict: {seeds: 2}
insight: false
"""
TABLE = "task: {file: rows.csv, target: y}\ntrials: 4\ncohort: 4\nheadroom: 'off'\ninsight: false\n"
OTHERS = ("postgres", "mlflow", "ray-head", "supervise")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The services, built and healthy; at the end nothing of them is left."""
    if lacks := missing():
        pytest.skip(f"{lacks}; this needs {NEEDS}")
    with tempfile.TemporaryDirectory(prefix="containers-", ignore_cleanup_errors=True) as folder:
        made = Stack(Path(folder))
        (made.folder / "small.yaml").write_text(SPEC)
        rows = [f"{i % 7},{(i * 3) % 11},{int(i % 7 > 3)}" for i in range(200)]
        (made.folder / "rows.csv").write_text("\n".join(["a,b,y", *rows]))
        (made.folder / "table.yaml").write_text(TABLE)
        made.run("deploy/make-secrets")
        try:
            made.compose("up", "-d", "--build", "--wait")
            yield made
        finally:
            made.compose("down", "--volumes", "--timeout", "5", check=False)


@pytest.fixture(scope="module")
def undisturbed(stack: Stack) -> dict[str, Any]:
    """The search of these tests, run in peace."""
    stack.launch("small.yaml", "peace")
    return stack.finished("peace")


def whole(found: dict[str, Any], peace: dict[str, Any]) -> None:
    """No trial is lost or there twice, and the search ended where the undisturbed one did."""
    assert [t["scores"] for t in found["trials"]] == [t["scores"] for t in peace["trials"]]
    assert found["verdict"]["winner"]["number"] == peace["verdict"]["winner"]["number"]


def tracked(stack: Stack, name: str) -> int:
    """How many trials of a search MLflow's database holds."""
    uid = stack.sql(f"SELECT uid FROM lossmith_searches WHERE name = '{name}'")
    found = f"SELECT count(*) FROM tags WHERE key = 'lossmith.trial' AND value LIKE '{uid}/%'"
    return int(stack.sql(found, "mlflow"))


def nodes(stack: Stack) -> list[dict[str, Any]]:
    """What Ray knows of each of its nodes that live."""
    request = Request("http://127.0.0.1:8265/api/v0/nodes?detail=1&timeout=60")
    request.add_header("Authorization", f"Bearer {(stack.folder / 'secrets/ray_token').read_text()}")
    with urlopen(request, timeout=90) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]["result"]
    return [node for node in found if node["state"] == "ALIVE"]


def answer(password: str | None) -> int:
    """The status with which MLflow answers whoever asks for its experiments."""
    request = Request("http://127.0.0.1:5000/api/2.0/mlflow/experiments/search?max_results=1")
    if password is not None:
        request.add_header(
            "Authorization", f"Basic {base64.b64encode(f'admin:{password}'.encode()).decode()}"
        )
    try:
        with urlopen(request, timeout=30) as found:
            return int(found.status)
    except HTTPError as error:
        return error.code


def test_the_image_is_no_larger_than_it_must_be(stack: Stack) -> None:
    """What the services install stays well under what it was when everything came along."""
    measured = stack.run("docker", "run", "--rm", "lossmith:0.1.0", "du", "-sm", "/opt/lossmith").stdout
    assert int(measured.split()[0]) < 1700  # MB, of which torch is a third


@pytest.mark.parametrize("shell", ["-c", "-lc"])
def test_a_shell_of_the_image_finds_its_programs(stack: Stack, shell: str) -> None:
    """KubeRay starts Ray by a shell, older versions by a login shell, which makes a PATH of its own."""
    command = "ulimit -n 65536; ray --version; command -v lossmith"
    done = stack.run("docker", "run", "--rm", "lossmith:0.1.0", "/bin/bash", shell, "--", command)
    assert "/opt/lossmith/bin/lossmith" in done.stdout


def test_what_is_built_again_restarts_nothing(stack: Stack) -> None:
    """A second `up --build`, and one with another worker, leave every container that runs as it is."""
    before = stack.ids(*OTHERS, "ray-worker")
    stack.compose("up", "-d", "--build", "--wait")
    assert stack.ids(*OTHERS, "ray-worker") == before
    stack.compose("up", "-d", "--build", "--wait", "--scale", "ray-worker=2")
    assert set(before) < set(stack.ids(*OTHERS, "ray-worker"))


def test_a_launch_waits_for_the_first_worker(stack: Stack) -> None:
    """Where no worker is there yet, `launch` says that it waits, and begins when one has come."""
    stack.compose("up", "-d", "--wait", "--scale", "ray-worker=0")
    with stack.launching("table.yaml", "early") as launched:
        launched.says("waiting for the cluster's first worker node")
        stack.compose("up", "-d", "--wait")
    stack.finished("early")


def test_the_cluster_section_of_the_readme_runs_word_for_word(stack: Stack) -> None:
    """Its commands, in a shell, start a search that the cluster finishes."""
    section = (ROOT / "README.md").read_text().partition("## On a cluster")[2]
    commands = re.search(r"```(?:sh|bash|console)?\n(.*?)```", section, re.DOTALL)
    assert commands is not None
    assert "lossmith launch" in commands[1]
    done = stack.run("bash", "-euc", commands[1])
    name = re.search(r"^(\S+) runs on", done.stdout, re.MULTILINE)
    assert name is not None, done.stdout
    assert stack.finished(name[1])["verdict"] is not None


def test_a_worker_that_is_killed_costs_nothing(stack: Stack, undisturbed: dict[str, Any]) -> None:
    """Of two workers one is killed in the middle; the search ends as in peace."""
    stack.compose("up", "-d", "--wait", "--scale", "ray-worker=2")
    stack.launch("small.yaml", "worker")
    until(lambda: stack.trained("worker"), "trials")
    stack.kill("ray-worker")
    whole(stack.finished("worker"), undisturbed)
    stack.compose("up", "-d", "--wait", "--scale", "ray-worker=2")


def test_postgresql_may_restart(stack: Stack, undisturbed: dict[str, Any]) -> None:
    """The search waits for its store and goes on."""
    stack.launch("small.yaml", "database")
    until(lambda: stack.trained("database"), "trials")
    stack.run("docker", "restart", stack.ids("postgres")[0])
    whole(stack.finished("database"), undisturbed)


def test_a_head_that_is_killed_is_resumed_by_supervise(stack: Stack, undisturbed: dict[str, Any]) -> None:
    """The cluster finds its search again when it is back, and whoever followed it goes on following."""
    with stack.launching("small.yaml", "head", "--follow"):
        until(lambda: stack.trained("head"), "trials")
        stack.kill("ray-head")
        until(lambda: "waits for the cluster" in stack.compose("logs", "supervise"), "supervise to notice")
        stack.compose("up", "-d", "--wait", "--scale", "ray-worker=2")
        whole(stack.finished("head"), undisturbed)


def test_a_table_is_launched_and_kept(stack: Stack) -> None:
    """The table beside the SPEC goes along, and lies where a resume finds it."""
    stack.launch("table.yaml", "table")
    found = stack.finished("table")
    (kept,) = stack.run(
        "docker", "compose", "exec", "-T", "ray-head", "find", "/data", "-name", "rows.csv"
    ).stdout.split()
    assert kept.startswith("/data/")
    assert found["verdict"] is not None


def test_workers_count_the_share_that_they_are_given(stack: Stack) -> None:
    """Two workers of one core each have two cores, whatever the machine has, and keep objects in memory."""
    share = {"LOSSMITH_WORKER_CPUS": "1", "LOSSMITH_WORKER_MEMORY": "3gb"}
    stack.settings |= share
    try:
        stack.compose("up", "-d", "--wait", "--scale", "ray-worker=2")
        until(lambda: len(nodes(stack)) == 3, "the nodes")
        given = [node["resources_total"] for node in nodes(stack) if not node["is_head_node"]]
        assert [node["CPU"] for node in given] == [1.0, 1.0]
        assert all(node["memory"] < 3e9 for node in given)
        words = ("exec", "-T", "ray-worker", "sh", "-c", "cat /proc/*/cmdline | tr '\\0' '\\n'")
        assert "--plasma_directory=/dev/shm" in stack.compose(*words, check=False).replace(
            "_dir=", "_directory="
        )
    finally:
        for name in share:
            del stack.settings[name]


def test_an_mlflow_that_is_lost_is_made_anew(stack: Stack, undisturbed: dict[str, Any]) -> None:
    """With its container, its database and its files gone, a resume brings a new MLflow every trial."""
    stack.compose("rm", "--stop", "--force", "mlflow")
    stack.run("docker", "volume", "rm", "lossmith-test_artifacts")
    stack.sql("DROP DATABASE mlflow WITH (FORCE)")
    stack.sql("CREATE DATABASE mlflow OWNER lossmith")
    stack.compose("up", "-d", "--wait")
    done = stack.inside("resume", "peace")
    assert "MLflow did not know this search any more" in done.stderr
    assert "has not taken" not in done.stderr
    assert tracked(stack, "peace") == len(undisturbed["trials"])


def test_down_and_up_again_everything_is_there(stack: Stack, undisturbed: dict[str, Any]) -> None:
    """Searches, verdicts and MLflow's runs outlive their containers."""
    stack.compose("down", "--timeout", "20")
    stack.compose("up", "-d", "--wait")
    whole(stack.shown("peace"), undisturbed)
    assert tracked(stack, "peace") == len(undisturbed["trials"])
    assert answer(None) == 200


def test_mlflow_asks_for_a_password_where_it_is_told_to(stack: Stack) -> None:
    """With basic-auth nobody gets in without one, and a driver does: its trials arrive."""
    stack.settings["LOSSMITH_MLFLOW_APP"] = "basic-auth"
    try:
        stack.compose("up", "-d", "--wait")
        secret = configparser.ConfigParser(interpolation=None)
        secret.read(stack.folder / "secrets/mlflow_credentials")
        password = secret["mlflow"]["mlflow_tracking_password"]
        assert [answer(None), answer("wrong"), answer(password)] == [401, 401, 200]
        stack.launch("small.yaml", "locked")
        stack.finished("locked")
        assert tracked(stack, "locked") == len(stack.shown("locked")["trials"])
    finally:
        del stack.settings["LOSSMITH_MLFLOW_APP"]


def test_mlflow_does_not_start_without_its_files(stack: Stack) -> None:
    """A bucket that cannot be read is said at the start, not found out by every upload."""
    stack.settings |= {
        "LOSSMITH_ARTIFACTS": "s3://no-such-bucket/x",
        "MLFLOW_S3_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    stack.compose("up", "-d", "mlflow", check=False)
    words = "LOSSMITH_ARTIFACTS must be a place that can be read, but s3://no-such-bucket/x is not"
    until(lambda: words in stack.compose("logs", "mlflow"), "the reason", 600)
