"""What a loss has to do with the standard ones: the same but for a factor, of softmax twice, smoothed."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from ...errors import UserError
from ...frozen import freeze
from ...kinds import Kind, kind_named
from ...spec import standard_specs
from .audited import Audited, Evidence, batch

SEEDS = (0, 1)
SAME = 1e-3  # of a gradient: float32, and constants of a user's
USUAL = (0.4, 2.5)  # 1/2 of a square, 2 of a sum of two


def parallel_to(subject: Audited, *, twice: bool = False) -> dict[str, float]:
    """The standard losses whose gradient is parallel to this loss's, with how many times as large it is.

    Args:
        subject: The loss.
        twice: Whether standard losses of probabilities are meant, taken for logits.
    """
    own = [subject.value_and_gradient(*subject.batch(seed=seed))[1].double().flatten() for seed in SEEDS]
    found = {}
    for name, standard in _gradients(subject.kind, subject.columns, twice).items():
        factors = [_factor(mine, theirs) for mine, theirs in zip(own, standard, strict=True)]
        if None not in factors and abs(factors[0] - factors[1]) <= SAME * abs(factors[0]):  # type: ignore[operator,arg-type]
            found[name] = float(factors[0])  # type: ignore[arg-type]
    return found


def _factor(mine: Tensor, theirs: Tensor) -> float | None:
    factor = mine @ theirs / (theirs @ theirs)
    return float(factor) if (mine - factor * theirs).norm() <= SAME * mine.norm() and factor != 0 else None


@lru_cache(maxsize=64)
def _gradients(
    kind: Kind,
    columns: tuple[int, ...],
    twice: bool,  # noqa: FBT001
) -> dict[str, list[Tensor]]:
    """The gradient of each standard loss on each batch, flat."""
    found, known = kind_named(kind), {}
    counts = found.probe_counts if columns == found.probe_columns else None
    for name, spec in standard_specs(kind).items():
        try:
            loss = freeze(spec.bind(counts, None if found.counted else 1.0))
        except UserError:  # it reads class counts, of which there are none for so many columns
            continue
        gradients = []
        for seed in SEEDS:
            outputs, targets = batch(kind, columns, seed=seed)
            leaf = outputs.requires_grad_()
            value = loss(found.probabilities(leaf) if twice else leaf, targets)
            gradients += [g.double().flatten() for g in torch.autograd.grad(value, leaf)]
        if all(bool(one.norm() > 0) for one in gradients):
            known[name] = gradients
    return known


def compared(subject: Audited) -> Evidence:
    """A factor, softmax twice, or smoothing whose targets do not sum to one."""
    straight = parallel_to(subject)
    if straight:
        name, factor = min(straight.items(), key=lambda pair: abs(abs(pair[1]) - 1))
        if factor > 0 and abs(factor - 1) > 0.01:
            within = USUAL[0] <= factor <= USUAL[1]
            said = f"its gradient is that of {name} times {factor:.4g}, at every sample"
            yield ("a factor, as is usual" if within else "only a factor"), said
        return
    if not subject.classified:
        return
    if double := parallel_to(subject, twice=True):
        name = next(iter(double))
        values, pulls, _ = subject.probed
        yield (
            "softmax twice",
            (
                f"its gradient is that of {name} on probabilities taken for logits; the loss lies between "
                f"{values[100.0]:.3g} and {values[-100.0]:.3g}, and a logit of -8 is pulled "
                f"{pulls[-8.0] / pulls[0.0]:.2g} times as much as one of 0"
            ),
        )
    else:
        yield from _bounded(subject)
        yield from _smoothing(subject)


def _bounded(subject: Audited) -> Evidence:
    """Bounded losses: of probabilities twice where the best value lies well above 0."""
    values, pulls, _ = subject.probed
    right, wrong = values[100.0], values[-100.0]
    if not pulls[0.0]:
        return
    if abs(wrong - values[-20.0]) > 1e-3 * abs(wrong) or abs(pulls[-20.0]) > 1e-3 * abs(pulls[0.0]):
        return
    said = (
        f"the loss lies between {right:.3g} and {wrong:.3g}, and a logit of -8 is pulled "
        f"{pulls[-8.0] / pulls[0.0]:.2g} times as much as one of 0"
    )
    if 0.25 * wrong < right < wrong:
        yield "softmax twice", said
    elif not subject.family and "vanishes" not in subject.problems:
        yield "bounded", said


def _smoothing(subject: Audited) -> Evidence:
    """Soft targets q of a cross entropy, read off gradients S p - q, in which S is their sum."""
    if kind_named(subject.kind).target != "class":
        return
    classes = subject.columns[0]
    outputs, targets = subject.batch(size=1)
    true, other = int(targets), (int(targets) + 1) % classes
    at_true, at_other = (
        subject.value_and_gradient(40.0 * torch.eye(classes)[[k]], targets)[1][0].double()
        for k in (true, other)
    )
    soft = -torch.where(torch.arange(classes) == true, at_other, at_true)
    total = float(at_other[other] + soft[other])
    gradient = subject.value_and_gradient(outputs, targets)[1][0].double()
    expected = total * outputs[0].double().softmax(0) - soft
    rest = soft[torch.arange(classes) != true]
    even = bool((rest - rest.mean()).abs().max() <= SAME * abs(total))
    fits = bool((gradient - expected).norm() <= SAME * abs(total))
    if fits and even and float(rest.mean()) > SAME and abs(total - 1) > 0.01:
        yield (
            "smoothing does not sum to one",
            (
                f"the targets' probabilities are {float(soft[true]):.3g} for the true class and "
                f"{float(rest.mean()):.3g} for each of the {classes - 1} others: {total:.3g} in all"
            ),
        )
