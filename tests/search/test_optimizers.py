"""The stacked optimiser takes torch's own steps, with a learning rate and a decay for each member."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lossmith.search import Recipe
from lossmith.search.engines.optimizers import StackedOptimizer

RECIPES = {
    "adam": Recipe(optimizer="adam"),
    "sgd": Recipe(optimizer="sgd"),
    "sgd without momentum": Recipe(optimizer="sgd", momentum=0.0),
}
RATES = torch.tensor([1e-3, 0.03, 0.5, 0.01], dtype=torch.float64)
DECAYS = torch.tensor([0.0, 0.1, 0.02, 0.0], dtype=torch.float64)
LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda gradient: gradient,
    "transposed": lambda gradient: gradient.transpose(0, -1).contiguous().transpose(0, -1),
    "expanded": lambda gradient: gradient[:, :1].expand_as(gradient),
}


def alone(leaf: Tensor, gradients: list[Tensor], recipe: Recipe, rate: float, decay: float) -> Tensor:
    """Where torch's optimiser takes one member's tensor."""
    own = leaf.clone()
    optimizer: torch.optim.Optimizer
    if recipe.optimizer == "adam":
        optimizer = torch.optim.Adam([own], lr=rate, weight_decay=decay)
    else:
        optimizer = torch.optim.SGD([own], lr=rate, weight_decay=decay, momentum=recipe.momentum)
    for gradient in gradients:
        own.grad = gradient.clone()
        optimizer.step()
    return own


def drawn(steps: int, members: int = 4) -> tuple[list[Tensor], list[list[Tensor]]]:
    """Two leaves, (members, 3, 5) and (5, members), and gradients for each step."""
    draw = torch.Generator().manual_seed(0)
    shapes = ((members, 3, 5), (5, members))
    leaves = [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes]
    return leaves, [
        [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes] for _ in range(steps)
    ]


@pytest.mark.parametrize("decays", [DECAYS, torch.zeros(4, dtype=torch.float64)], ids=["decay", "no decay"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_member_takes_the_steps_of_torch(recipe: Recipe, decays: Tensor) -> None:
    """After 6 steps each member is where `torch.optim` takes it, within roundings of 1e-16 each."""
    leaves, gradients = drawn(6)
    start = [leaf.clone() for leaf in leaves]
    optimizer = StackedOptimizer(leaves, (0, 1), recipe, RATES, decays)
    for step in gradients:
        optimizer.step(step)
    for index, dim in enumerate((0, 1)):
        for member in range(4):
            history = [step[index].select(dim, member) for step in gradients]
            wanted = alone(
                start[index].select(dim, member), history, recipe, float(RATES[member]), float(decays[member])
            )
            torch.testing.assert_close(leaves[index].select(dim, member), wanted, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_those_that_are_kept_go_on_as_before(recipe: Recipe) -> None:
    """Moments travel with their members when others are dropped half way."""
    leaves, gradients = drawn(6)
    start = [leaf.clone() for leaf in leaves]
    optimizer = StackedOptimizer(leaves, (0, 1), recipe, RATES, DECAYS)
    for step in gradients[:3]:
        optimizer.step(step)
    members = torch.tensor([2, 1])
    kept = [leaf.index_select(dim, members) for dim, leaf in enumerate(leaves)]
    optimizer.keep(kept, (0, 1), RATES[members], DECAYS[members], members)
    for step in gradients[3:]:
        optimizer.step([gradient.index_select(dim, members) for dim, gradient in enumerate(step)])
    for index, dim in enumerate((0, 1)):
        for place, member in enumerate((2, 1)):
            history = [step[index].select(dim, member) for step in gradients]
            wanted = alone(
                start[index].select(dim, member), history, recipe, float(RATES[member]), float(DECAYS[member])
            )
            torch.testing.assert_close(kept[index].select(dim, place), wanted, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_step_does_not_depend_on_how_a_gradient_lies_in_memory(
    recipe: Recipe, layout: Callable[[Tensor], Tensor]
) -> None:
    """torch's fused kernels take a gradient's memory as it lies; transposed and expanded ones count too."""
    (leaf, _), gradients = drawn(3)
    plain = leaf.clone()
    one = StackedOptimizer([plain], (0,), recipe, RATES, DECAYS)
    other = StackedOptimizer([leaf], (0,), recipe, RATES, DECAYS)
    for step, _ in gradients:
        laid_out = layout(step)
        one.step([laid_out.clone(memory_format=torch.contiguous_format)])
        other.step([laid_out])
    assert torch.equal(leaf, plain)


def test_a_step_leaves_gradients_alone() -> None:
    """One gradient may serve two leaves, as it does where two parameters are added up."""
    (leaf, _), gradients = drawn(1)
    gradient = gradients[0][0]
    twin, before = leaf.clone(), gradient.clone()
    StackedOptimizer([leaf, twin], (0, 0), RECIPES["sgd"], RATES, DECAYS).step([gradient, gradient])
    assert torch.equal(gradient, before)
    assert torch.equal(leaf, twin)
