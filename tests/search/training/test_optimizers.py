"""The stacked optimiser takes torch's own steps, with a learning rate and a decay for each member."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lossmith.search import Recipe
from lossmith.search.training.engines.optimizers import Settings, StackedOptimizer

RECIPES = {
    "adam": Recipe(optimizer="adam"),
    "adamw": Recipe(optimizer="adamw"),
    "sgd": Recipe(optimizer="sgd"),
    "sgd without momentum": Recipe(optimizer="sgd", momentum=0.0),
    "nesterov": Recipe(optimizer="sgd", nesterov=True),
}
RATES = (1e-3, 0.03, 0.5, 0.01)
DECAYS = (0.0, 0.1, 0.02, 0.0)
MOMENTA = (0.9, 0.5, 0.99, 0.1)
CLIPS = (None, 0.5, 3.0, 1e3)
LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda gradient: gradient,
    "transposed": lambda gradient: gradient.transpose(0, -1).contiguous().transpose(0, -1),
    "expanded": lambda gradient: gradient[:, :1].expand_as(gradient),
}


def members_of(recipe: Recipe, *, decays: bool = True, clips: bool = False) -> list[Recipe]:
    """The recipe of four members: they differ in rate, and as asked in decay, momentum and clipping."""
    return [
        replace(
            recipe,
            learning_rate=rate,
            weight_decay=decay if decays else 0.0,
            momentum=momentum if recipe.momentum else 0.0,
            clip=clip if clips else None,
        )
        for rate, decay, momentum, clip in zip(RATES, DECAYS, MOMENTA, CLIPS, strict=True)
    ]


def alone(leaves: list[Tensor], history: list[list[Tensor]], recipe: Recipe) -> list[Tensor]:
    """Where torch's optimiser takes one member's tensors."""
    own = [leaf.clone() for leaf in leaves]
    optimizer: torch.optim.Optimizer
    if recipe.optimizer == "sgd":
        optimizer = torch.optim.SGD(
            own, recipe.rate, recipe.momentum, 0.0, recipe.weight_decay, nesterov=recipe.nesterov
        )
    else:
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimizer]
        optimizer = kind(own, lr=recipe.rate, weight_decay=recipe.weight_decay)
    for gradients in history:
        for tensor, gradient in zip(own, gradients, strict=True):
            tensor.grad = gradient.clone()
        if recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(own, recipe.clip)
        optimizer.step()
    return own


def check(
    leaves: list[Tensor], start: list[Tensor], steps: list[list[Tensor]], places: dict[int, Recipe]
) -> None:
    """Compare the members at each place of `leaves` with torch, within roundings of 1e-16 each."""
    for place, (member, recipe) in enumerate(places.items()):
        history = [[gradient.select(dim, member) for dim, gradient in enumerate(step)] for step in steps]
        wanted = alone([leaf.select(dim, member) for dim, leaf in enumerate(start)], history, recipe)
        for dim, (leaf, end) in enumerate(zip(leaves, wanted, strict=True)):
            torch.testing.assert_close(leaf.select(dim, place), end, rtol=1e-12, atol=1e-13)


def drawn(steps: int, members: int = 4) -> tuple[list[Tensor], list[list[Tensor]]]:
    """Two leaves, (members, 3, 5) and (5, members), and gradients for each step."""
    draw = torch.Generator().manual_seed(0)
    shapes = ((members, 3, 5), (5, members))
    leaves = [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes]
    return leaves, [
        [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes] for _ in range(steps)
    ]


@pytest.mark.parametrize("clips", [True, False], ids=["clipped", "not clipped"])
@pytest.mark.parametrize("decays", [True, False], ids=["decay", "no decay"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_member_takes_the_steps_of_torch(recipe: Recipe, decays: bool, clips: bool) -> None:  # noqa: FBT001
    """After 6 steps each member is where `torch.optim` takes it: its own rate, decay, momentum and clip."""
    leaves, gradients = drawn(6)
    start = [leaf.clone() for leaf in leaves]
    recipes = members_of(recipe, decays=decays, clips=clips)
    optimizer = StackedOptimizer(leaves, (0, 1), recipe, Settings.of(recipes))
    for step in gradients:
        optimizer.step(step)
    check(leaves, start, gradients, dict(enumerate(recipes)))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_those_that_are_kept_go_on_as_before(recipe: Recipe) -> None:
    """Moments travel with their members when others are dropped half way."""
    leaves, gradients = drawn(6)
    start = [leaf.clone() for leaf in leaves]
    recipes = members_of(recipe, clips=True)
    optimizer = StackedOptimizer(leaves, (0, 1), recipe, Settings.of(recipes))
    for step in gradients[:3]:
        optimizer.step(step)
    members = torch.tensor([2, 1])
    kept = [leaf.index_select(dim, members) for dim, leaf in enumerate(leaves)]
    optimizer.keep(kept, (0, 1), Settings.of([recipes[2], recipes[1]]), members)
    for step in gradients[3:]:
        optimizer.step([gradient.index_select(dim, members) for dim, gradient in enumerate(step)])
    check(kept, start, gradients, {2: recipes[2], 1: recipes[1]})


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_step_does_not_depend_on_how_a_gradient_lies_in_memory(
    recipe: Recipe, layout: Callable[[Tensor], Tensor]
) -> None:
    """torch's fused kernels take a gradient's memory as it lies; transposed and expanded ones count too."""
    (leaf, _), gradients = drawn(3)
    plain = leaf.clone()
    one = StackedOptimizer([plain], (0,), recipe, Settings.of(members_of(recipe)))
    other = StackedOptimizer([leaf], (0,), recipe, Settings.of(members_of(recipe)))
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
    settings = Settings.of(members_of(RECIPES["sgd"], clips=True))
    StackedOptimizer([leaf, twin], (0, 0), RECIPES["sgd"], settings).step([gradient, gradient])
    assert torch.equal(gradient, before)
    assert torch.equal(leaf, twin)
