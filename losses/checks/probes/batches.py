"""What a loss makes of a batch: its size, its order, who belongs to whom, and what does not count."""

from __future__ import annotations

import inspect
import math
import warnings

import torch
from torch import Tensor

from ...kinds import kind_named
from .audited import Audited, Evidence, arguments


def sizes(subject: Audited) -> Evidence:
    """A value that grows or falls with the number of samples, NaN of one sample or of one class alone."""
    outputs, targets = subject.batch()
    copies = [
        _value(subject, outputs.repeat(n, *_ones(outputs)), targets.repeat(n, *_ones(targets)))
        for n in (2, 4, 8)
    ]
    if all(value is not None and math.isfinite(value) and abs(value) > 1e-12 for value in copies):
        two, four, eight = (abs(value or 0.0) for value in copies)
        slopes = math.log2(four / two), math.log2(eight / four)
        if min(slopes) > 0.3:
            said = f"the same samples cost {eight / four:.3g} times as much when each is there twice"
            yield "sum where a mean is meant", said
        elif max(slopes) < -0.3:
            said = f"the same samples cost {eight / four:.3g} times as much when each is there twice"
            yield "divides by the batch twice", said
    first = (
        (targets != subject.ignored).nonzero()[:1, 0] if subject.ignored is not None else torch.tensor([0])
    )
    kinds_of = {"a batch of one sample": (outputs[first], targets[first])}
    if subject.classified:
        kinds_of |= {
            f"a batch whose targets are all {one:g}": (outputs, torch.full_like(targets, one))
            for one in set(targets.unique().tolist()) - {subject.ignored}
        }
        if kind_named(subject.kind).target == "answer":
            empty = (torch.full_like(outputs, -6e4), torch.zeros_like(targets))
            kinds_of["a batch without positives, predicted as that"] = empty
    for where, (some, wanted) in kinds_of.items():
        try:
            value, gradient = subject.value_and_gradient(some, wanted)
        except Exception:  # noqa: BLE001, S112  (it says so itself, and loudly)
            continue
        if not value.isfinite() or not gradient.isfinite().all():
            what = f"the loss is {float(value):g}" if not value.isfinite() else "the gradient is not finite"
            name = "0/0 on one sample" if where.endswith("sample") else "0/0 on a class that is absent"
            yield name, f"{what} on {where}"
            return


def _ones(tensor: Tensor) -> list[int]:
    return [1] * (tensor.dim() - 1)


def _value(subject: Audited, outputs: Tensor, targets: Tensor) -> float | None:
    try:
        with torch.no_grad():
            return float(subject.value(outputs, targets))
    except Exception:  # noqa: BLE001  (a loss that only takes batches of one size)
        return None


def partners(subject: Audited) -> Evidence:
    """Targets that meet all samples, an order that matters, softmax over the samples."""
    outputs, targets = subject.batch()
    order = torch.arange(len(targets)).roll(5)
    plain, together, apart = (
        _value(subject, o, t)
        for o, t in ((outputs, targets), (outputs[order], targets[order]), (outputs, targets[order]))
    )
    if plain is None or together is None or apart is None:
        return
    near = 1e-4 * abs(plain) + 1e-7
    turned = (targets.roll(shift, 0) for shift in range(1, len(targets)))
    if abs(plain - apart) <= near and all(
        (other := _value(subject, outputs, some)) is not None and abs(plain - other) <= near
        for some in turned
    ):
        yield (
            "targets meet every sample",
            f"with targets handed to other samples the loss is {apart:.5g}, as before: {plain:.5g}",
        )
    elif abs(plain - together) > near:
        yield (
            "order of samples",
            f"the loss of the same samples in another order is {together:.5g}, not {plain:.5g}",
        )
    if kind_named(subject.kind).target == "class":
        yield from _axis(subject, outputs, targets, plain)


def _axis(subject: Audited, outputs: Tensor, targets: Tensor, plain: float) -> Evidence:
    """A softmax over the samples does not see a constant added to a class, and sees one added to a sample."""
    columns = _value(subject, outputs + 3 * torch.arange(outputs.shape[1]) / outputs.shape[1], targets)
    rows = _value(subject, outputs + 3 * torch.arange(len(outputs))[:, None] / len(outputs), targets)
    near = 1e-4 * abs(plain) + 1e-6
    if columns is not None and rows is not None and abs(columns - plain) <= near < abs(rows - plain):
        yield (
            "softmax over the samples",
            (
                f"adding up to 3 to the logits of a class changes the loss by {columns - plain:.2g}, "
                f"adding it to all logits of a sample by {rows - plain:.3g}"
            ),
        )


def counted(subject: Audited) -> Evidence:
    """What divides by all samples where some are ignored, or weighed by 0."""
    if subject.family:
        return
    outputs, targets = subject.batch()
    some = torch.arange(len(targets)) % 3 == 0
    wild = torch.where(some.view(-1, *_ones(outputs)), 9.0, outputs)
    kept = _value(subject, outputs[~some], targets[~some])
    if kept is None or abs(kept) < 1e-9:
        return
    index = subject.ignored
    if index is not None:
        marked = torch.where(
            some.view(-1, *_ones(targets)), torch.as_tensor(index, dtype=targets.dtype), targets
        )
        yield from _share("ignored targets are counted", subject, outputs, marked, wild, kept)
    for name in ("sample_weight", "sample_weights", "weights"):
        if name in arguments(subject.original):
            yield from _weighed(subject, name, (~some).to(outputs.dtype), kept)


def ignored_by(original: object) -> int | None:
    """The target that a loss, `original`, ignores: an attribute, an argument or a constant in its code."""
    for name, value in {
        **{
            key: getattr(original, key, None)
            for key in ("ignore_index", "pad_index", "padding_idx", "pad_id")
        },
        **{key: argument.default for key, argument in arguments(original).items()},
    }.items():
        if ("ignore" in name or "pad" in name) and isinstance(value, int) and not isinstance(value, bool):
            return value
    code = getattr(inspect.unwrap(original), "__code__", None) if callable(original) else None
    constants = [one for one in getattr(code, "co_consts", ()) if one in (-100, 255)]
    return constants[0] if constants else None


def _share(
    name: str, subject: Audited, outputs: Tensor, marked: Tensor, wild: Tensor, kept: float
) -> Evidence:
    found, other = _value(subject, outputs, marked), _value(subject, wild, marked)
    if found is None or other is None or abs(found - kept) <= 1e-3 * abs(kept):
        return
    if abs(other - found) > 1e-3 * abs(found):
        yield name, f"the loss goes from {found:.4g} to {other:.4g} when outputs of ignored samples change"
    else:
        yield (
            name,
            (
                f"with a third of the targets ignored the loss is {found:.4g}, {found / kept:.3g} times the "
                f"{kept:.4g} of the others alone"
            ),
        )


def _weighed(subject: Audited, name: str, weight: Tensor, kept: float) -> Evidence:
    outputs, targets = subject.batch()
    try:
        with torch.no_grad():
            found = float(subject.original(outputs, targets, **{name: weight}).mean())
    except Exception:  # noqa: BLE001  (it is no weight of samples)
        return
    if abs(found - kept) > 1e-3 * abs(kept):
        yield (
            "weights do not divide",
            (
                f"with a weight of 0 for a third of the samples the loss is {found:.4g}, "
                f"{found / kept:.3g} times the {kept:.4g} of the others alone"
            ),
        )


def shapes(subject: Audited) -> Evidence:
    """Outputs (N, 1) against targets (N,), which broadcast to (N, N) where nobody looks."""
    if subject.columns or subject.family:
        return
    outputs, targets = subject.batch()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        wide, plain = _value(subject, outputs[:, None], targets), _value(subject, outputs, targets)
    if said:
        return
    if wide is not None and plain is not None and abs(wide - plain) > 1e-4 * abs(plain):
        yield (
            "broadcasts silently",
            f"outputs (12, 1) with targets (12,) cost {wide:.4g}, outputs (12,) {plain:.4g}",
        )
