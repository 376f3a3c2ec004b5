"""What is true of a kind of problem, whatever the loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from .quantity import Quantity

Kind = str  # the name of a kind of problem, one of `KINDS`
Counts = tuple[int | tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class ProblemKind:
    """A kind of problem: what its targets are, and what follows from that for everyone else.

    Shapes: N samples, K classes, L labels, D target dimensions.

    Attributes:
        name: What SPEC files and Python call the kind.
        order: Its place in listings.
        about: What a sample's target is, for people, as in "one of several classes".
        target: What one target is: the index of a class, the answer to a yes-or-no question as 1 or 0, or a
            number.
        single: Whether every sample has exactly one target, so that folds can be stratified by it.
        constant: What its losses read of the training targets: class counts, or the targets' spread.
        decision: How outputs become a decision: by the largest logit (which offsets move), by a cut-off of
            the logit (which a threshold moves), or not at all (None).
        usual_loss: The standard loss that people use where they do not choose.
        usual_metrics: The metrics that people use, the first that exists first.
        outputs_shape: The outputs a loss takes, in words.
        targets_shape: The targets a loss takes, in words.
        letters: What the letters in a formula stand for, in one sentence without its full stop.
        several: Whether a sample may have several losses, one for each label or target dimension.
        quantities: What the parts of its losses may ask for by name, and how it is computed.
        shaped: Outputs and targets in the shapes and dtypes that the quantities take.
        counts_rule: What class counts are, in words; empty where there are none.
        counts_nested: Whether class counts are a tuple for each label rather than numbers.
        counts_fit: Whether class counts have the shape of the kind.
        probe_counts: Class counts of a long tail, to try losses with.
        probe_columns: The shape of one sample's outputs in a batch with those counts.
        outputs_for: The number of outputs that a model needs for training targets, (N,) or (N, D).
        count: Class counts of targets, given the number of classes where that is more than the targets show.
        predictions: Decisions from outputs of any leading axes: class indices, zeros and ones, or numbers.
        probabilities: Probabilities from outputs, of their shape; the outputs where there are none.
        random_targets: Targets for outputs, drawn with a generator; every class and answer occurs.
        at_level: Outputs and targets of a batch whose samples are all right alike, to probe losses with: the
            logit of the right answer is the given one and the others 0, or the error is the given one or
            minus that. Every class and answer occurs.
        extremes: Outputs and targets of a batch in which every one of the given outputs (V,) meets every
            target, of the dtype of the outputs where targets are no classes.
        borrowed: Parts declared for other kinds that serve this one too.
    """

    name: Kind
    order: int
    about: str
    target: Literal["class", "answer", "number"]
    single: bool
    constant: Literal["class_counts", "target_scale"]
    decision: Literal["argmax", "cutoff"] | None
    usual_loss: str
    usual_metrics: tuple[str, ...]
    outputs_shape: str
    targets_shape: str
    letters: str
    several: bool = False
    quantities: Mapping[str, Quantity]
    shaped: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    counts_rule: str = ""
    counts_nested: bool = False
    counts_fit: Callable[[Counts], bool] = lambda _: False
    probe_counts: Counts | None = None
    probe_columns: tuple[int, ...] = ()
    outputs_for: Callable[[Tensor], int]
    count: Callable[[Tensor, int | None], Tensor] | None = None
    predictions: Callable[[Tensor], Tensor]
    probabilities: Callable[[Tensor], Tensor]
    random_targets: Callable[[Tensor, torch.Generator], Tensor]
    at_level: Callable[[float], tuple[Tensor, Tensor]]
    extremes: Callable[[Tensor], tuple[Tensor, Tensor]]
    borrowed: tuple[str, ...] = ()

    @property
    def classified(self) -> bool:
        """Whether targets are classes or answers rather than numbers."""
        return self.target != "number"

    @property
    def counted(self) -> bool:
        """Whether its losses may read class counts."""
        return self.constant == "class_counts"
