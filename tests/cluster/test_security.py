"""What SECURITY.md promises, on real servers; and what a user's mistakes are answered with."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest
import yaml

from lossmith.experiments import run_search
from lossmith.experiments.store import Store
from lossmith.search import load_task

from .compose import BIN, ROOT, Compose, compose_file, free_port
from .conftest import write_task


def test_images_run_without_root_and_ports_are_local() -> None:
    """No service runs as root or may gain rights, and no port is open to others unless it is asked for."""
    services = compose_file()["services"]
    assert "USER 1000:1000" in (ROOT / "Dockerfile").read_text()
    for name, service in services.items():
        for port in service.get("ports", []):
            assert port.startswith("${LOSSMITH_BIND:-127.0.0.1}:"), name
        if name != "postgres":  # its image gives up root by itself
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]


def test_every_image_is_pinned() -> None:
    """No image is whatever happens to be newest."""
    images = [service["image"] for service in compose_file()["services"].values()]
    lines = [line.split() for line in (ROOT / "Dockerfile").read_text().splitlines()]
    stages = [words[3] for words in lines if words[:1] == ["FROM"] and len(words) > 3]
    froms = [words[1] for words in lines if words[:1] == ["FROM"] and words[1] not in stages]
    assert froms
    for image in (*images, *froms):
        assert ":" in image, image
        assert not image.endswith(":latest")


def test_ray_asks_for_the_token_everywhere_and_workers_know_no_database() -> None:
    """Who speaks to Ray has token authentication on; head and supervisor alone know the store."""
    for name, service in compose_file()["services"].items():
        given: dict[str, str] = {}
        environment = service.get("environment", {})
        parts = environment.get("<<", [])
        for part in parts if isinstance(parts, list) else [parts]:
            given |= part
        given |= environment
        if name.startswith("ray") or name == "supervise":
            assert given["RAY_AUTH_MODE"] == "token", name
        assert ("LOSSMITH_STORE" in given) == (name in ("migrate", "ray-head", "supervise"))
        knows = name in ("postgres", "migrate", "mlflow", "ray-head", "supervise")
        secrets = {s if isinstance(s, str) else s["source"] for s in service.get("secrets", [])}
        assert ("postgres_password" in secrets) == knows, name
        assert ("mlflow_credentials" in secrets) == (name in ("mlflow", "ray-head")), name


def test_every_test_that_the_page_names_exists() -> None:
    """SECURITY.md promises nothing on the word of a test that is not here."""
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text()))
    assert len(named) >= 8
    assert named <= globals().keys()


def test_no_secret_stands_in_the_repository() -> None:
    """Passwords and tokens come from files that are made on the spot and that git does not see."""
    document = compose_file()
    names = {"postgres_password", "ray_token", "mlflow_credentials", "mlflow_key"}
    assert set(document["secrets"]) == names
    for secret in document["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    assert "secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    list(yaml.safe_load_all((ROOT / "deploy/rayjob.yaml").read_text()))


LOOKS = (["list"], ["show", "foreign"], ["report", "foreign"], ["export", "foreign", "--to", "out"])
SMALL = """
task: clouds.py:clouds
trials: 6
repeats: {seeds: 2}
headroom: "off"
race: {seeds: 2, contenders: 2}
verdict: {seeds: 2}
insight: false
"""
OWN = """
from torch.nn import functional as F


def mine(outputs, targets):
    return F.cross_entropy(outputs, targets, reduction="none")
"""


def looked(folder: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    """A command of somebody who has run nothing here, in a process that knows no code of the search's."""
    return subprocess.run(
        [str(BIN / "lossmith"), *words],
        cwd=folder,
        env=os.environ | {"XDG_STATE_HOME": str(folder / "nobody"), "LOSSMITH_HOME": str(folder / "data")},
        capture_output=True,
        text=True,
        check=False,
    )


def searched(folder: Path, monkeypatch: pytest.MonkeyPatch, more: str = "") -> None:
    """A finished search called foreign."""
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "somebody"))
    write_task(folder)
    (folder / "clouds.yaml").write_text(SMALL + more)
    run_search(folder / "clouds.yaml", name="foreign", workdir=folder / "data")


def trap(file: Path, mark: Path) -> None:
    """Have a file leave a trace when it is run."""
    file.write_text(f"{file.read_text()}\nimport pathlib\npathlib.Path({str(mark)!r}).write_text('ran')\n")


@pytest.mark.cluster
def test_a_foreign_task_is_not_run_by_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`list`, `show`, `export` and `report` of a finished search work, and run none of its task's code."""
    searched(tmp_path, monkeypatch)
    mark = tmp_path / "mark"
    trap(tmp_path / "clouds.py", mark)
    for words in LOOKS:
        done = looked(tmp_path, words)
        assert done.returncode == 0, done.stderr
        assert not mark.exists(), words
    assert (tmp_path / "out" / "loss.py").exists()
    assert "pathlib" not in looked(tmp_path, ["show", "foreign", "--json"]).stdout  # nor is its text shown
    load_task(f"{tmp_path / 'clouds.py'}:clouds")
    assert mark.exists()  # the trap works


@pytest.mark.cluster
def test_a_foreign_loss_is_not_run_by_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses that a SPEC brings are run by a look only where its user has run them before, as they are."""
    (tmp_path / "mine.py").write_text(OWN)
    searched(tmp_path, monkeypatch, "space: {preset: multiclass, terms: [mine.py:mine]}\n")
    mark = tmp_path / "mark"
    trap(tmp_path / "mine.py", mark)
    for words in LOOKS:
        done = looked(tmp_path, words)
        needs_it = words[0] in ("export", "report")
        assert done.returncode == (2 if needs_it else 0), done.stderr
        assert ("if you trust it, run lossmith check" in done.stderr) == needs_it
        assert not mark.exists(), words
    assert looked(tmp_path, ["check", f"{tmp_path / 'mine.py'}:mine"]).returncode == 0
    assert mark.exists()  # the trap works
    assert looked(tmp_path, ["report", "foreign"]).returncode == 0


@pytest.fixture(scope="module")
def up(compose: Compose) -> Compose:
    """PostgreSQL, MLflow, a head and a worker."""
    compose.start_all("one")
    return compose


def asked(url: str, headers: dict[str, str]) -> int:
    """The status of an answer."""
    try:
        with urlopen(Request(url, headers=headers), timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


@pytest.mark.cluster
def test_ray_refuses_whoever_has_no_token(up: Compose) -> None:
    """Jobs can be neither listed nor submitted without the token or with another."""
    url = f"{up.address}/api/jobs/"
    assert asked(url, {}) == 401
    assert asked(url, {"Authorization": "Bearer " + "0" * 48}) == 403
    assert asked(url, {"Authorization": f"Bearer {up.secret('ray_token')}"}) == 200


@pytest.mark.cluster
def test_mlflow_refuses_a_foreign_host(up: Compose) -> None:
    """A page on another site cannot have a browser read MLflow under that site's name."""
    connection = http.client.HTTPConnection("127.0.0.1", up.ports["5000"], timeout=10)
    for host, wanted in (("evil.example", 403), (f"127.0.0.1:{up.ports['5000']}", 200)):
        connection.request("GET", "/api/2.0/mlflow/experiments/search?max_results=1", headers={"Host": host})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == wanted
    connection.close()


@pytest.mark.cluster
def test_mistakes_are_one_line(up: Compose) -> None:
    """Address, token, store and resources that cannot be: each is one line, exit 2, and shows no secret."""
    write_task(up.folder)
    client = up.client()
    wrong = up.folder / "wrong_token"
    wrong.write_text("0" * 48)
    launch = ("launch", "clouds.yaml", "--name", "no")
    cases: list[tuple[tuple[str, ...], dict[str, str], str]] = [
        ((*launch, "--address", f"http://127.0.0.1:{free_port()}"), {}, "cannot reach a Ray cluster"),
        ((*launch, "--address", "nowhere"), {}, "must be the URL"),
        (launch, {"RAY_AUTH_TOKEN_PATH": str(wrong)}, "refuses this token"),
        (
            ("list",),
            {"LOSSMITH_STORE": up.store_url.replace(up.secret("postgres_password"), "hunter2")},
            "password",
        ),
        (("launch", "nothing.yaml"), {}, "there is no nothing.yaml"),
    ]
    for words, changes, wanted in cases:
        done = up.lossmith(*words, env=client | changes)
        assert (done.returncode, done.stdout) == (2, ""), (words, done.stdout, done.stderr)
        assert wanted in done.stderr, done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "hunter2" not in done.stderr


@pytest.mark.cluster
def test_mistakes_that_the_cluster_finds_are_one_line_too(up: Compose) -> None:
    """What the workers lack and what no node has is said by `launch` itself, as if it had run here."""
    for more, head, wanted in (
        ("", "import no_such_package\n", "no_such_package"),
        ("resources: {gpus: 4}\n", "", "gpus must be at most 0"),
    ):
        write_task(up.folder, more=more)
        file = up.folder / "clouds.py"
        file.write_text(head + file.read_text())
        done = up.lossmith("launch", "clouds.yaml")
        assert done.returncode == 2, done.stdout + done.stderr
        assert wanted in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.cluster
def test_no_secret_is_shown_anywhere(up: Compose) -> None:
    """Neither password nor token stands in the store, in MLflow, in a log, in `ps` or on the dashboard."""
    write_task(up.folder)
    done = up.lossmith("launch", "clouds.yaml", "--name", "quiet", "--follow", timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    hidden = [up.secret("postgres_password"), up.secret("ray_token")]
    token = {"Authorization": f"Bearer {up.secret('ray_token')}"}
    pages: dict[str, str] = {"launch": done.stdout + done.stderr}
    for path in ("/api/jobs/", "/api/v0/actors", "/nodes?view=summary"):
        with urlopen(Request(f"{up.address}{path}", headers=token), timeout=20) as answer:
            pages[path] = answer.read().decode()
    body = json.dumps({"experiment_ids": ["0", "1"], "max_results": 100}).encode()
    search = Request(
        f"{up.mlflow}/api/2.0/mlflow/runs/search", body, headers={"Content-Type": "application/json"}
    )
    with urlopen(search, timeout=20) as answer:
        pages["mlflow"] = answer.read().decode()
    pages["show"] = up.lossmith("show", "quiet", "--json").stdout
    with Store.open(up.store_url) as store:
        pages["store"] = repr(store.get("quiet"))
    pages["ps"] = "\n".join(" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"]))
    for log in (*up.folder.glob("*.log"), *up.folder.glob("ray-*/session_*/logs/**/*")):
        if log.is_file() and os.path.getsize(log) < 50_000_000:  # noqa: PTH202
            pages[str(log)] = log.read_text(errors="replace")
    for place, text in pages.items():
        for secret in hidden:
            assert secret not in text, place
