"""A loss of the user's own joins the family from where it is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lossmith.losses import LossSpec, UserError, formula, freeze, source
from lossmith.losses.checks import examine
from lossmith.losses.custom import adopt
from lossmith.spaces import space_from

TEXT = '''
import torch
from torch import nn
from torch.nn import functional as F

from lossmith.losses import Parameter, declare


@declare(kind="multiclass", parameters=[Parameter("sharpness", default=1.0, search=(0.5, 2.0))])
def my_margin(outputs, targets, *, sharpness):
    """ln(1 + exp(s (z_o - z_t))) / s, z_o being a smooth largest of the other logits."""
    true = outputs.gather(1, targets.unsqueeze(1)).squeeze(1)
    others = outputs.scatter(1, targets.unsqueeze(1), -torch.inf)
    return F.softplus(sharpness * (torch.logsumexp(others, 1) - true)) / sharpness


@declare(kind="multiclass", parameters=[Parameter("c", default=1.0, search=(0.5, 2.0))])
class MyModule(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c

    def forward(self, outputs, targets):
        return F.cross_entropy(self.c * outputs, targets)


def plain(answers, labels):
    return F.cross_entropy(answers, labels, reduction="none")


def backwards(outputs, targets):
    return -F.cross_entropy(outputs, targets)


@declare(kind="regression")
def squared(outputs, targets):
    return (outputs - targets) ** 2
'''
MIXED = {"mix.my_margin": 1.0, "my_margin.sharpness": 1.5, "mix.cross_entropy": 1.0, "focal.gamma": 1.0}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A file with losses of a user's own."""
    file = tmp_path / "mine.py"
    file.write_text(TEXT)
    return file


@pytest.mark.traced
@pytest.mark.parametrize("name", ["my_margin", "MyModule", "plain"])
def test_an_own_loss_keeps_the_promises_of_the_shipped_ones(name: str, mine: Path) -> None:
    """A function, a class of modules, an undeclared function: the contract of a term that knows no mask."""
    (part,) = adopt([f"{mine}:{name}"], "multiclass")
    broken = {finding.check for finding in examine(part, "multiclass") if not finding.ok}
    of_batches = {
        "masked is dropped",
        "weighs samples",
        "exports",
    }  # one number a batch leaves nothing to weigh
    assert broken == (of_batches if part.level == "batch" else set())


def test_it_mixes_hashes_freezes_and_prints_like_any_other(mine: Path) -> None:
    """A point with an own term has a canonical form, a formula, a frozen loss and a loss.py that agrees."""
    adopt([f"{mine}:my_margin"], "multiclass")
    spec = LossSpec("multiclass", MIXED)
    assert spec.hash == LossSpec("multiclass", {**MIXED, "mix.my_margin": 3, "mix.cross_entropy": 3}).hash
    assert "my_margin(z, y, 1.5)" in formula(spec)
    text = source(spec)
    assert "lossmith.losses" not in text
    outputs, targets = torch.randn(6, 4, dtype=torch.float64), torch.arange(6) % 4
    scope: dict[str, object] = {}
    exec(compile(text, "loss.py", "exec"), scope)  # noqa: S102  (the text we have just written)
    torch.testing.assert_close(scope["Loss"]()(outputs, targets), freeze(spec)(outputs, targets))  # type: ignore[operator]


def test_a_spec_searches_it(mine: Path) -> None:
    """Its weight and parameters are searched and it may be off; a SPEC narrows it as it does any part."""
    document = {
        "preset": "multiclass",
        "terms": [f"{mine}:my_margin"],
        "parameters": {"my_margin.sharpness": {"low": 1, "high": 2}},
    }
    space = space_from(document, "multiclass")
    assert {"my_margin.on", "mix.my_margin", "my_margin.sharpness"} <= set(space.coordinates())
    assert space.domains["my_margin.sharpness"].low == 1
    point = {name: domain.at(0.1) for name, domain in space.coordinates().items()}
    assert "mix.my_margin" in space.loss_at(point).parameters


@pytest.mark.end_to_end
def test_a_fresh_process_needs_the_place_alone(mine: Path) -> None:
    """A worker on another machine adopts it and has the same loss; without that it is told what to do."""
    code = (
        "import sys; from lossmith.losses import LossSpec; from lossmith.losses.custom import adopt\n"
        "adopt(sys.argv[1:], 'multiclass')\n"
        "print(LossSpec('multiclass', {'mix.my_margin': 1, 'my_margin.sharpness': 2}).hash)"
    )
    run = [sys.executable, "-c", code]
    there = subprocess.run([*run, f"{mine}:my_margin"], capture_output=True, text=True, check=True)
    not_there = subprocess.run(run, capture_output=True, text=True, check=False)
    adopt([f"{mine}:my_margin"], "multiclass")
    here = LossSpec("multiclass", {"mix.my_margin": 1, "my_margin.sharpness": 2})
    assert there.stdout.strip() == here.hash
    assert "unknown part of the multiclass family 'my_margin'" in not_there.stderr
    assert "name it under `terms`" in not_there.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("backwards", "cannot be searched: healthy: the right answer does not minimise it"),
        ("squared", "must be for multiclass problems as the task is, but it is for regression"),
        ("my_margn", "did you mean my_margin"),
    ],
)
def test_what_cannot_be_searched_is_refused_on_arrival(name: str, words: str, mine: Path) -> None:
    """In one line that says which check it fails."""
    with pytest.raises(UserError, match=words) as caught:
        adopt([f"{mine}:{name}"], "multiclass")
    assert "\n" not in str(caught.value)


def test_terms_must_be_a_list_of_places() -> None:
    """Text alone, or a mapping, is refused in words."""
    with pytest.raises(UserError, match="terms must be a list of FILE:OBJECT"):
        space_from({"terms": "mine.py:loss"}, "multiclass")


def test_the_example_of_the_documentation_can_be_searched(tmp_path: Path) -> None:
    """The file that docs/losses.md shows is taken in as it stands there."""
    page = (Path(__file__).parents[2] / "docs" / "losses.md").read_text(encoding="utf-8")
    file = tmp_path / "my_losses.py"
    file.write_text(page.partition("```python\n")[2].partition("```")[0])
    space = space_from({"terms": [f"{file}:asymmetric_huber"]}, "regression")
    assert space.domains["asymmetric_huber.steepness"].high == 4


READING = '''
import math
from torch import nn
from torch.nn.functional import softplus

import beside
from beside import halved as smaller

EPSILON, SIGNS = 1e-3, (1, -1)


def log_p(x):
    """Called like a quantity of the family, and something else."""
    return smaller(x) * beside.SCALE


def reading(outputs, targets: "Labels") -> "Losses":
    """Logistic loss, hinted with names that are nowhere."""
    gap = SIGNS[0] * outputs * (2 * targets - 1)
    return softplus(-2 * log_p(gap)) / math.log(2) + EPSILON * beside.halved(gap**2)


def spoken(outputs, targets):
    return WORDS["a"] * softplus(-outputs * (2 * targets - 1))


WORDS = {"a": 1.0}
'''


@pytest.fixture
def reading(tmp_path: Path) -> Path:
    """A file whose losses read constants, the standard library and a module beside it."""
    (tmp_path / "beside.py").write_text("SCALE = 1.0\n\n\ndef halved(x):\n    return x / 2\n")
    file = tmp_path / "reading.py"
    file.write_text(READING)
    return file


def test_what_a_loss_reads_from_its_module_goes_into_loss_py(reading: Path) -> None:
    """Numbers, functions, classes, also of a module beside it, and a name that the family has too."""
    adopt([f"{reading}:reading"], "binary")
    spec = LossSpec("binary", {"mix.reading": 1.0, "mix.cross_entropy": 1.0})
    text = source(spec)
    assert "beside" not in text
    scope: dict[str, object] = {}
    exec(compile(text, "loss.py", "exec"), scope)  # noqa: S102  (the text we have just written)
    outputs, targets = torch.randn(9, dtype=torch.float64), torch.arange(9.0, dtype=torch.float64) % 2
    torch.testing.assert_close(scope["Loss"]()(outputs, targets), freeze(spec)(outputs, targets))  # type: ignore[operator]


def test_what_loss_py_cannot_hold_is_said_in_a_note(reading: Path) -> None:
    """It can be searched; the finding on loss.py names what it reads, and so does an export."""
    (part,) = adopt([f"{reading}:spoken"], "binary")
    (note,) = [f for f in examine(part, "binary") if f.check == "source is the family"]
    assert not note.ok
    assert not note.needed
    assert "reads WORDS, of type dict; not for an export as loss.py" in note.text
    with pytest.raises(UserError, match="but it reads WORDS, of type dict"):
        source(LossSpec("binary", {"mix.spoken": 1.0}))
