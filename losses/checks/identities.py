"""That a loss is what it is said to be: where parts are off, samples left out or ordered, members at once."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import torch
from torch.func import vmap

from ..family import MIX, part
from ..frozen import freeze
from ..kinds import kind_named
from .subject import Subject, both_close, close, corners, value_and_gradient


def neutral(subject: Subject) -> None:
    """At its neutral values a part is as good as not there, in value and gradient."""
    outputs, targets = subject.batch()
    for name in {n.partition(".")[0] for n in subject.vary}:
        chosen = part(name)
        if chosen.stage == "term" or chosen.neutral is None:
            continue
        off = {**subject.values, **{f"{name}.{key}": value for key, value in chosen.neutral.items()}}
        without = {k: v for k, v in subject.values.items() if k.partition(".")[0] != name}
        bare = Subject(subject.name, subject.kind, without)
        got = value_and_gradient(lambda o, t: subject.loss(o, t, off), outputs, targets)  # noqa: B023
        wanted = value_and_gradient(bare.loss, outputs, targets)
        both_close(subject, f"of {name} at its neutral value", got, wanted, 1e-12)


def same_as_declared(subject: Subject) -> None:
    """Where a term says that it is another one, it is, in value and gradient."""
    outputs, targets = subject.batch()
    for term in (part(n.partition(".")[2]) for n in subject.values if n.startswith(f"{MIX}.")):
        if term.same_as is None:
            continue
        for combination in product((-1.0, 0.0, 0.5, 1.0, 2.0, 3.0), repeat=len(term.parameters)):
            if not all(p.allows(v) for p, v in zip(term.parameters, combination, strict=True)):
                continue
            own = {p.name: value for p, value in zip(term.parameters, combination, strict=True)}
            same = term.same_as(**own)
            if same is None:
                continue
            values = {f"{MIX}.{term.name}": 1.0, **{f"{term.name}.{k}": v for k, v in own.items()}}
            got, wanted = (
                value_and_gradient(Subject("", subject.kind, v).loss, outputs, targets)
                for v in (values, same)
            )
            both_close(subject, f"of {term.name} at {own}", got, wanted, 1e-9)


def order_of_samples(subject: Subject) -> None:
    """The order of the samples does not matter."""
    outputs, targets = subject.batch()
    order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(1))
    value, gradient = value_and_gradient(subject.loss, outputs, targets)
    permuted = value_and_gradient(subject.loss, outputs[order], targets[order])
    both_close(subject, "of permuted samples", permuted, (value, gradient[order]), 1e-12)


def masked_is_dropped(subject: Subject) -> None:
    """Ignored samples, whatever their outputs, give the loss without them; all ignored give 0, gradient 0."""
    outputs, targets = subject.batch()
    index = -7 if kind_named(subject.kind).classified else math.nan
    how: dict[str, Any] = {"ignore_nan": True} if math.isnan(index) else {"ignore_index": index}
    ignoring = freeze(subject.spec.bind(**how))
    some = torch.arange(len(targets)) % 3 == 0
    marked, wild = targets.clone(), outputs.clone()
    marked[some], wild[some] = index, torch.inf
    value, gradient = value_and_gradient(ignoring, wild, marked)
    kept = value_and_gradient(freeze(subject.spec), outputs[~some], targets[~some])
    both_close(subject, "of a masked batch", (value, gradient[~some]), kept, 1e-12)
    for clean in (outputs, wild * torch.inf):
        found = value_and_gradient(ignoring, clean, torch.full_like(targets, index))
        both_close(subject, "of a batch that is all ignored", found, map(torch.zeros_like, found), 0)


def vmappable(subject: Subject) -> None:
    """`vmap` over parameters and outputs gives what a Python loop gives."""
    outputs, targets = subject.batch()
    points = [*corners(subject)][:8] or [{}]
    stacked = torch.stack([outputs + i / 8 for i in range(len(points))])
    columns = {n: torch.tensor([p[n] for p in points], dtype=torch.float64) for n in subject.vary}
    got = (
        vmap(lambda o, numbers: subject.loss(o, targets, numbers))(stacked, columns)
        if columns
        else vmap(lambda o: subject.loss(o, targets))(stacked)
    )
    wanted = torch.stack([subject.loss(o, targets, p) for o, p in zip(stacked, points, strict=True)])
    close(subject, "the loss under vmap", got, wanted, subject.rounding)
