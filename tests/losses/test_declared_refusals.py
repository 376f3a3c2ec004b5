"""What a loss of a user's own may declare, return and hold: anything else is one line at the door."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lossmith.losses import Parameter, UserError, declare
from lossmith.losses.checks import examine
from lossmith.losses.custom import as_part

NUMBERS: list[dict[str, Any]] = [
    {"name": "a b"},
    {"name": "class"},
    {"name": 3},
    {"default": math.nan},
    {"default": "1"},
    {"default": None},
    {"default": True},
    {"default": 10**400},
    {"default": torch.tensor(1.0)},
    {"default": 9.0, "domain": (0.0, 3.0)},
    {"search": (2.0, 1.0)},
    {"search": (1.0, 1.0)},
    {"search": (1.0, 2.0, 3.0)},
    {"search": "12"},
    {"search": 2.0},
    {"search": (math.nan, 2.0)},
    {"search": (0.0, math.inf)},
    {"search": (1.0, 5.0), "domain": (0.0, 3.0)},
    {"search": (0.0, 2.0), "log": True},
    {"log": "no"},
    {"domain": (3.0, 0.0)},
    {"neutral": math.nan},
]


@pytest.mark.parametrize("changed", NUMBERS, ids=str)
def test_a_parameter_that_cannot_be_searched_is_one_line(changed: dict[str, Any]) -> None:
    """Names, numbers, ranges and their order are looked at where a parameter is written."""
    with pytest.raises(UserError, match="parameter") as caught:
        Parameter(**{"name": "a", "default": 1.0, "search": (1.0, 2.0), **changed})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "parameters",
    [None, 3, "a", [{"name": "a"}], Parameter("a", 1.0, (1.0, 2.0)), [Parameter("a", 1.0, (1.0, 2.0))] * 2],
)
def test_what_is_declared_is_a_list_of_different_parameters(parameters: Any) -> None:
    """One parameter without a list, dictionaries, and a name twice are refused."""
    with pytest.raises(UserError, match="parameters must"):
        declare(kind="multiclass", parameters=parameters)


class Weighted(nn.Module):
    """A loss with a weight that nobody would train."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Weighted cross entropy."""
        return self.weight * nn.functional.cross_entropy(outputs, targets)


@pytest.mark.parametrize("loss", [Weighted, Weighted()])
def test_a_loss_with_weights_to_learn_is_refused(loss: Any) -> None:
    """A search trains the model's weights alone: those of a loss would silently stay what they are."""
    with pytest.raises(UserError, match="no weights to learn"):
        as_part("weighted", loss)


def leaves(*_: Tensor) -> Tensor:
    """Leave the program."""
    raise SystemExit(3)


def nothing(outputs: Tensor, _: Tensor) -> Tensor:
    """Return zeros that hang on the outputs."""
    return (outputs * 0).sum(1)


@pytest.mark.parametrize(("loss", "words"), [(leaves, "sys.exit(3)"), (nothing, "0 everywhere")])
def test_a_loss_that_cannot_be_searched_says_why_first(loss: Any, words: str) -> None:
    """The first finding that fails names the fault, and no note follows on what else it is not good for."""
    findings = examine(as_part(loss.__name__, loss), "multiclass")
    failed = [finding for finding in findings if not finding.ok]
    assert words in failed[0].text
    assert all(finding.needed for finding in failed)
