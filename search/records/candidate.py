"""What is proposed and trained: a loss with its recipe, on one repeat or several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ...losses import LossSpec
from ...spaces.recipe import Recipe


@dataclass(frozen=True)
class Repeat:
    """One way of training a candidate: which initialisation and batch order, and which part of the data.

    Attributes:
        seed: The number of the random streams that initialise the model and order the batches.
        fold: Which held-out part of the partition; 0 where the task brings a validation part.
        partition: The number of the partition of the training data into folds; likewise 0.
    """

    seed: int
    fold: int = 0
    partition: int = 0


class Member(NamedTuple):
    """One model of a cohort: a candidate on a repeat.

    Attributes:
        candidate: The candidate's place in the cohort, from 0.
        repeat: What it is trained on.
    """

    candidate: int
    repeat: Repeat


@dataclass(frozen=True)
class Candidate:
    """A loss with its recipe: what is proposed.

    Attributes:
        spec: The loss, not yet bound to the constants of any data.
        recipe: How a model is trained with the loss, its learning rate included.
        standard: The name of the standard loss that `spec` is, if it is one.
        point: Coordinates of the space at which a sampler proposed the candidate, if one did.
        cutoff: Whether decisions are taken from the model's outputs as they are, or with a threshold (class
            offsets, where there are several classes) that is tuned on held-out samples.
    """

    spec: LossSpec
    recipe: Recipe
    standard: str | None = None
    point: Mapping[str, float] | None = None
    cutoff: Literal["fixed", "tuned"] = "fixed"

    @property
    def loss_key(self) -> str:
        """A text that two candidates share when they are one loss, whatever the recipe."""
        return self.spec.hash if self.cutoff == "fixed" else f"{self.spec.hash}:cut-off"

    @property
    def key(self) -> str:
        """A text that two candidates share exactly when they would train to the same result."""
        recipe, usual = self.recipe, Recipe()
        rest = {name: getattr(recipe, name) for name in ("momentum", "clip", "schedule", "step_factor")}
        unusual = "".join(f":{name}={v}" for name, v in rest.items() if v != getattr(usual, name))
        if recipe.trained_epochs < recipe.epochs:
            unusual += f":epochs={recipe.trained_epochs}"
        return f"{self.loss_key}:{recipe.rate:.9g}:{recipe.weight_decay:.9g}{unusual}"
