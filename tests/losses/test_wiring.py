"""What a part asks for exists: a renamed argument would change a loss without a word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from lossmith.losses import UserError
from lossmith.losses.declarations import Number, Parameter, Part
from lossmith.losses.family.registry import part, register
from lossmith.losses.family.wiring import check_kind, check_part
from lossmith.losses.kernels.fast import Fast
from lossmith.losses.kinds import KINDS, Quantity


def renamed_input(log_notp: Tensor, *, gamma: Number) -> Tensor:
    """Focal modulation of a quantity that nobody computes."""
    return torch.exp(gamma * log_notp)


def renamed_parameter(log_not_p: Tensor, *, gama: Number) -> Tensor:
    """Focal modulation by a parameter that nobody declares."""
    return torch.exp(gama * log_not_p)


def without_parameter(log_not_p: Tensor) -> Tensor:
    """Focal modulation that leaves its parameter unread."""
    return log_not_p


FOCAL = part("focal")
MARGIN = part("margin")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (replace(FOCAL, function=renamed_input), "unknown value 'log_notp': did you mean log_not_p"),
        (replace(FOCAL, function=renamed_parameter), r"declares, \['gamma'\], but it takes \['gama'\]"),
        (replace(FOCAL, function=without_parameter), r"but it takes \[\]"),
        (replace(FOCAL, formula="(1-p)^{gama}"), r"formula of \w+ 'gama': did you mean gamma"),
        (replace(FOCAL, latex="{q}"), r"formula of \w+ 'q'"),
        (replace(FOCAL, parameters=(Parameter("g", default=1, search=(0, 1)),)), "declares"),
        (replace(MARGIN, fast=Fast(members=renamed_input)), "must take the parameters"),
        (replace(FOCAL, kinds=("regression",)), "values that regression losses have"),
        (replace(part("mse"), kinds=("binary",)), "unknown value 'residual'"),
        (replace(part("gce"), same_as=lambda p: None), "must take the parameters"),
    ],
)  # fmt: skip
def test_a_part_that_asks_for_what_is_not_there_is_refused(wrong: Part, words: str) -> None:
    """Whatever is renamed, the part is refused when it is listed, and not when it is trained with."""
    with pytest.raises(UserError, match=words):
        check_part(wrong, [KINDS[kind] for kind in wrong.kinds])
    with pytest.raises(UserError, match=words):
        register(replace(wrong, name="renamed"))


@pytest.mark.parametrize("function", [lambda logitz: logitz, lambda residual: residual])
def test_a_quantity_that_asks_for_what_is_not_there_is_refused(function: Callable[..., Any]) -> None:
    """A quantity is wired as parts are."""
    kind = KINDS["multiclass"]
    with pytest.raises(UserError, match="the quantity log_p must ask for values that multiclass"):
        check_kind(replace(kind, quantities={**kind.quantities, "log_p": Quantity(function)}))
