"""A function of a loss for many members at once, with `vmap` or without."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from lossmith.losses.checks.members import beside_others
from lossmith.losses.checks.subject import Broken, of_part
from lossmith.losses.declarations import Parameter, Part
from lossmith.losses.family import registry, steps
from lossmith.losses.family.registry import parts, parts_for
from lossmith.losses.stacked import broadcast

MEMBERS, SAMPLES, LABELS = 4, 6, 3


def mixes_members(log_p: Tensor, *, a: Tensor) -> Tensor:
    """Relative to the batch's largest."""
    return a * (log_p - log_p.amax())


def counts_samples(log_p: Tensor, *, a: Tensor) -> Tensor:
    """Depends on how many samples there are."""
    return a * log_p * len(log_p)


def turns_round(log_p: Tensor, *, a: Tensor) -> Tensor:
    """The samples in the opposite order, each twice."""
    return a * (log_p.flip(0) + log_p.flip(0))


@pytest.mark.parametrize("function", [mixes_members, counts_samples, turns_round])
def test_a_part_that_says_it_broadcasts_and_mixes_members_breaks_the_contract(
    function: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that looks along the samples would look along the members, and change their losses."""
    own = Part(
        name=function.__name__,
        stage="term",
        kinds=("multiclass",),
        function=function,
        formula="f",
        latex="f",
        source="this test",
        parameters=(Parameter("a", default=1.5, search=(1, 2)),),
        broadcasts=True,
    )
    monkeypatch.setattr(registry, "_own", {})
    registry.register(own)
    with pytest.raises(Broken, match="beside others"):
        beside_others(of_part(own, "multiclass"))


def test_the_parts_that_small_models_use_most_go_without_vmap() -> None:
    """Were they left to `vmap`, a step of a small model would take half as long again."""
    by_vmap = {p.name for p in parts().values() if p.level == "sample" and not p.broadcasts}
    assert by_vmap == {"angular", *(p.name for p in parts().values() if p.stage in ("select", "reduce"))}


@pytest.mark.parametrize("name", ["margin", "multi_margin", "bi_tempered"])
def test_parts_that_read_all_logits_have_fast_forms(name: str) -> None:
    """Run one operation after another they would pass over all members' logits a dozen times."""
    assert parts_for("multiclass")[name].fast.members is not None


@pytest.mark.parametrize("shape", [(SAMPLES,), (SAMPLES, LABELS)])
def test_what_holds_parts_together_does_for_all_members_what_it_does_for_each(shape: tuple[int, ...]) -> None:
    """The reductions of a cohort would weigh samples or labels otherwise than those of a loss alone."""
    draw = torch.Generator().manual_seed(1)
    loss, weight = (torch.rand(MEMBERS, *shape, generator=draw, dtype=torch.float64) for _ in range(2))
    weight[1] = 0  # no sample of this member counts
    for plain in (steps.mean_over_labels, *((steps.mean,) if len(shape) == 1 else ())):
        torch.testing.assert_close(broadcast.OF_MEMBERS[plain](loss), vmap(plain)(loss))
    for plain in (steps.weighted_over_labels, *((steps.weighted_mean,) if len(shape) == 1 else ())):
        found = broadcast.OF_MEMBERS[plain]
        torch.testing.assert_close(found(loss, weight), vmap(plain)(loss, weight))
        torch.testing.assert_close(found(loss, weight[0]), vmap(plain, (0, None))(loss, weight[0]))
