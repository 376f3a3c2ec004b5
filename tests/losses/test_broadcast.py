"""A function of a loss for many members at once, with `vmap` or without."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from lossmith.losses import Kind
from lossmith.losses.declarations import Part
from lossmith.losses.family.registry import parts_for
from lossmith.losses.family.steps import inputs_of, mean, weighted_mean
from lossmith.losses.stacked import broadcast as module
from lossmith.losses.stacked.broadcast import mapped, together

MEMBERS, SAMPLES, CLASSES = 4, 6, 5
WIDE = {"logits": (SAMPLES, CLASSES), "is_target": (SAMPLES, CLASSES), "relative_size": (CLASSES,)}
WIDE |= {
    "log_prior": (CLASSES,),
    "counted": (SAMPLES, 1),
    "probabilities": (SAMPLES, CLASSES),
    "truth": (SAMPLES, CLASSES),
}
BELOW_ZERO = ("log_p", "log_not_p", "log_p_mean", "log_p_sum", "log_likelihood", "log_prior")
KIND: Kind = "multiclass"


def drawn(name: str, seed: int, *, shared: bool) -> Tensor:
    """Values as a quantity of this name may have, the members first."""
    draw = torch.Generator().manual_seed(seed)
    shape = (*(() if shared else (MEMBERS,)), *WIDE.get(name, (SAMPLES,)))
    value = torch.rand(shape, generator=draw, dtype=torch.float64) + 0.1
    if name == "is_target":
        return torch.nn.functional.one_hot(value.argmax(-1), CLASSES).bool()
    return -value if name in BELOW_ZERO else value


@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
@pytest.mark.parametrize("part", [p for p in parts_for(KIND).values() if p.parameters], ids=lambda p: p.name)
def test_every_part_does_for_all_members_what_it_does_for_each(part: Part, shared: bool) -> None:  # noqa: FBT001
    """A part called without `vmap` would give a member another loss or gradient than it has alone."""
    names = inputs_of(part.function)
    alone = [shared and name in ("is_target", "relative_size", "log_prior") for name in names]
    for seed in (1, 2):  # how it is called is found out on the first and kept for the second
        inputs = [
            drawn(n, seed * 10 + i, shared=a) for i, (n, a) in enumerate(zip(names, alone, strict=True))
        ]
        numbers = {
            p.name: torch.linspace(low, high, MEMBERS, dtype=torch.float64)
            for p in part.parameters
            for low, high in [p.search if seed == 1 else p.search[::-1]]
        }
        leaves = [value.requires_grad_() for value in inputs if value.is_floating_point()]
        found = together(part.function, inputs, alone, numbers, MEMBERS)
        wanted = mapped(part.function, inputs, alone, numbers, MEMBERS)
        torch.testing.assert_close(found, wanted)
        slope = torch.rand(wanted.shape, dtype=torch.float64)
        torch.testing.assert_close(
            torch.autograd.grad(found, leaves, slope, allow_unused=True),
            torch.autograd.grad(wanted, leaves, slope, allow_unused=True),
        )


def mixes_members(log_p: Tensor, *, a: Tensor) -> Tensor:
    """Relative to the batch's largest."""
    return a * (log_p - log_p.amax())


def counts_samples(log_p: Tensor, *, a: Tensor) -> Tensor:
    """Depends on how many samples there are."""
    return a * log_p * len(log_p)


def turns_round(log_p: Tensor, *, a: Tensor) -> Tensor:
    """The samples in the opposite order."""
    return a * log_p.flip(0)


@pytest.mark.parametrize("function", [mixes_members, counts_samples, turns_round])
def test_what_would_mix_members_is_left_to_vmap(function: Callable[..., Tensor]) -> None:
    """A function that looks along the samples would look along the members, and change their losses.

    The first batch must not hide it: there all members have the same outputs.
    """
    alike = drawn("log_p", 1, shared=True).expand(MEMBERS, SAMPLES)
    numbers = {"a": torch.ones(MEMBERS, dtype=torch.float64)}
    together(function, [alike], [False], numbers, MEMBERS)
    later = drawn("log_p", 2, shared=False)
    found = together(function, [later], [False], numbers, MEMBERS)
    wanted = torch.stack([function(own, a=torch.tensor(1.0, dtype=torch.float64)) for own in later])
    torch.testing.assert_close(found, wanted)


def test_the_parts_that_small_models_use_most_go_without_vmap() -> None:
    """Were they left to `vmap`, a step of a small model would take half as long again."""
    numbers = torch.linspace(0.2, 0.9, MEMBERS, dtype=torch.float64)
    for name in ("logit_adjustment", "margin", "gce", "focal", "label_smoothing", "power_weight"):
        part = parts_for(KIND)[name]
        inputs = [
            drawn(n, i, shared=n in WIDE and n != "logits") for i, n in enumerate(inputs_of(part.function))
        ]
        alone = [n in WIDE and n != "logits" for n in inputs_of(part.function)]
        together(part.function, inputs, alone, {p.name: numbers for p in part.parameters}, MEMBERS)
        ways = {way for key, way in module._ways.items() if key[0] is part.function}
        assert ways
        assert mapped not in ways, name


def test_means_over_the_last_axis_are_the_familys() -> None:
    """The reductions of a cohort would weigh samples otherwise than those of a loss alone."""
    loss, weight = drawn("loss", 1, shared=False), drawn("weight", 2, shared=False)
    weight[1] = 0  # no sample of this member counts
    torch.testing.assert_close(module.mean(loss), vmap(mean)(loss))
    torch.testing.assert_close(module.weighted_mean(loss, weight), vmap(weighted_mean)(loss, weight))
