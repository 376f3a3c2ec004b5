"""Gradient health in numbers, and the report on a loss of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lossmith.experiments.cli import main
from lossmith.losses import Kind, LossSpec, health, healths, standard_spec, standard_specs
from lossmith.losses.declarations import KINDS

UNHEALTHY: list[tuple[Kind, dict[str, float], str]] = [
    ("multiclass", {"mix.mae": 1, "scale.s": 60}, "vanishes on confident mistakes"),
    ("multiclass", {"mix.taylor": 1, "taylor.c4": -5}, "the right answer does not minimise it"),
    (
        "multiclass",
        {"mix.cross_entropy": 1, "label_smoothing.epsilon": 1},
        "the right answer does not minimise it",
    ),
    ("regression", {"mix.welsch": 1, "welsch.c": 0.05}, "vanishes on confident mistakes"),
    ("regression", {"mix.linex": 1, "linex.a": 6}, "explodes"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_standard_loss_is_healthy(kind: Kind) -> None:
    """None of them would be rejected."""
    assert {
        name: health(spec).problems for name, spec in standard_specs(kind).items() if not health(spec).ok
    } == {}


@pytest.mark.parametrize(("kind", "parameters", "words"), UNHEALTHY)
def test_a_loss_that_cannot_be_trained_with_is_seen(
    kind: Kind, parameters: dict[str, float], words: str
) -> None:
    """With the reason, in one line."""
    found = health(LossSpec(kind, parameters))
    assert not found.ok
    assert words in found.problems[0]
    assert "\n" not in found.problems[0]


def test_health_is_what_theory_says() -> None:
    """Cross entropy pulls twice as hard on a confident mistake, squared error ten times at ten spreads."""
    bce = health(standard_spec("bce", "binary"))
    assert bce.mistakes == pytest.approx(2, rel=1e-3)
    mse = health(standard_spec("mse", "regression"))
    assert mse.largest == pytest.approx(10)
    assert health(standard_spec("mae", "multiclass")).mistakes < 1e-2


def test_many_probed_together_are_as_each_alone() -> None:
    """A loss's health does not depend on its neighbours."""
    specs = list(standard_specs("multiclass").values())
    for together, alone in zip(healths(specs), map(health, specs), strict=True):
        assert together.mistakes == pytest.approx(alone.mistakes, rel=1e-4, abs=1e-6)
        assert together.problems == alone.problems


OWN = """
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)
from lossmith.losses import Parameter, Part, declare

def good(outputs, targets):
    return F.cross_entropy(outputs, targets)

@declare(kind="multiclass", parameters=[Parameter("gamma", default=2.0, search=(0.0, 4.0))])
def focal(outputs, targets, *, gamma):
    ce = F.cross_entropy(outputs, targets, reduction="none")
    return torch.exp(gamma * torch.log1p(-torch.exp(-ce) * (1 - 1e-6))) * ce

@declare(kind="regression", parameters=[Parameter("c", default=1.0, search=(0.5, 2.0))])
class Robust(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
    def forward(self, outputs, targets):
        return self.c**2 * (torch.sqrt(1 + ((outputs - targets) / self.c) ** 2) - 1)

module = nn.CrossEntropyLoss()

def naive(outputs, targets):
    p = torch.softmax(outputs, 1)[torch.arange(len(targets)), targets]
    return (-((1 - p) ** 0.5) * torch.log(p)).mean()

def backwards(outputs, targets):
    return -F.cross_entropy(outputs, targets)

def branching(outputs, targets):
    loss = F.cross_entropy(outputs, targets)
    return loss if loss.item() > 1 else 2 * loss

def detached(outputs, targets):
    return F.cross_entropy(outputs.detach(), targets)

def broken(outputs, targets):
    raise RuntimeError("two\\nlines")

def changing(outputs, targets):
    outputs.data.add_(1)
    return F.cross_entropy(outputs, targets)

def own_hinge(gap, *, margin):
    return (margin - gap).clamp(min=0)

PART = Part(name="own_hinge", stage="term", kinds=("binary",), function=own_hinge,
            formula="max(0, {margin} - z)",
            latex="", source="mine", parameters=(Parameter("margin", default=1.0, search=(0.5, 2.0)),))
number = 7
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file with losses of a user's own."""
    file = tmp_path / "own.py"
    file.write_text(OWN.replace("\\\\n", "\\n"))
    return file


@pytest.mark.parametrize("name", ["good", "focal", "Robust", "module", "PART"])
def test_check_passes_a_good_loss(name: str, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Functions, modules, classes of modules and parts; a line for each check, exit 0."""
    assert main(["check", f"{own}:{name}"]) == 0
    out = capsys.readouterr().out
    assert "failed" not in out
    assert "can be searched and trained with" in out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("naive", "failed  finite: the"),
        ("backwards", "failed  healthy: the right answer does not minimise it"),
        ("branching", "failed  vmappable"),
        ("detached", "no gradient to the outputs"),
        ("broken", "failed  runs: RuntimeError: two lines"),
        ("changing", "failed  changes nothing: it changes its inputs"),
    ],
)
def test_check_says_what_is_wrong(
    name: str, words: str, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line of the report, not a stack trace, and exit 2."""
    assert main(["check", f"{own}:{name}"]) == 2
    captured = capsys.readouterr()
    assert words in captured.out
    assert "Traceback" not in captured.out + captured.err


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nowhere.py:loss", "must be a Python file, but there is none"),
        ("loss", "must be given as FILE:OBJECT"),
        ("{own}:goood", "did you mean good"),
        ("{own}:number", "must be a function or an nn.Module"),
    ],
)
def test_check_refuses_what_it_cannot_check(
    place: str, words: str, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on standard error, exit 2."""
    assert main(["check", place.format(own=own)]) == 2
    assert words in capsys.readouterr().err


def test_check_prints_json(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One document with a row for each check."""
    assert main(["check", f"{own}:naive", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert {row["check"] for row in document["checks"]} >= {"runs", "differentiable", "finite", "vmappable"}
