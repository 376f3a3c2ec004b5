"""Labels as class indices: text numbered in order, two values as negative and positive, classes from 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Number
from typing import Any

import numpy as np
import torch

from ...losses import Kind
from ...losses.errors import UserError, one_line
from ...losses.kinds import kind_named
from .arrays import is_missing, plain, tensor_of

SHOWN = 4  # names in a line, before the rest is left out
PLAIN = ({0, 1}, {-1, 1})  # pairs whose larger value is the positive one, whatever the counts


@dataclass(frozen=True)
class Numbering:
    """Which label is which class index.

    Attributes:
        labels: The labels in the order of their numbers.
        why: Why they are numbered like this, for people.
    """

    labels: tuple[Any, ...]
    why: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The labels as text."""
        return tuple(map(str, self.labels))

    def encode(self, what: str, values: Any, name: str = "it") -> Any:
        """Class indices (N,) of labels (N,), as a NumPy array.

        Args:
            what: The part's name in the error.
            values: The labels.
            name: The column's name in the error.

        Raises:
            UserError: A label is none of those that were numbered.
        """
        number = {label: index for index, label in enumerate(self.labels)}
        found = [number.get(value, -1) if isinstance(value, Hashable) else -1 for value in values]
        if -1 in found:
            raise UserError(
                f"{what}: every label must be one of the training part's, {some(self.labels)}, but "
                f"{name} holds {one_line(repr(values[found.index(-1)]), 60)}"
            )
        return np.asarray(found, np.int64)


@dataclass(frozen=True)
class Labelled:
    """The parts of a task with labels as class indices.

    Attributes:
        parts: Pairs (inputs, targets) by part.
        class_names: The names of the classes in the order of their indices; empty where they have none.
        positive: For binary, the name of the label that counts as positive.
        note: A line for the user on how labels were numbered; empty where there is nothing to say.
    """

    parts: Mapping[str, Any]
    class_names: tuple[str, ...] = ()
    positive: str | None = None
    note: str = ""


def number_labels(
    kind: Kind, what: str, parts: Mapping[str, Any], class_names: Sequence[str] = (), positive: Any = None
) -> Labelled:
    """Number labels that are text, and the two values of a binary target.

    Args:
        kind: The kind of problem; only those with one target a sample have labels.
        what: The task's name in errors.
        parts: Pairs (inputs, targets) by part, as they were given; what is no pair is left as it is.
        class_names: The names of the classes in their order, where the user says so.
        positive: For binary, the label that counts as positive.

    Raises:
        UserError: A label is missing or occurs in another part than train alone, or `positive` is no label.
    """
    names, of_kind = tuple(map(str, class_names)), kind_named(kind)
    if positive is not None and not (of_kind.single and of_kind.decision == "cutoff"):
        raise UserError(f"{what}: positive must be left out for {kind}, but got {positive!r}")
    asked = None if positive is None else str(positive)
    plain_ones = Labelled(parts, names, asked)
    labels = _labels(kind, parts.get("train"))
    if not (of_kind.single and of_kind.classified) or labels is None:
        return plain_ones
    if odd := [label for label in labels if not isinstance(label, Hashable)]:
        raise UserError(f"{what}: every target must be one label, text or a number, but got {odd[0]!r:.60}")
    if {*labels} <= {0, 1}:  # numbered already; names say what the numbers are
        shown = names if len(names) == 2 else ("0", "1")
        if isinstance(positive, Number | np.bool_) and positive in (0, 1):
            positive = shown[int(positive)]
        if positive in (None, "1", shown[1]):
            return plain_ones
        named = [shown[int(label)] for label in labels]
        numbering = numbered(kind, named, f"{what}: train", shown, positive)
        numbering = replace(numbering, labels=tuple(map(shown.index, numbering.labels)))
        names = tuple(shown[label] for label in numbering.labels)
    else:
        numbering = numbered(kind, labels, f"{what}: train", names, positive)
        names = numbering.names
    found = {
        part: (given[0], numbering.encode(f"{what}: {part}", _as_in_train(kind, what, part, parts)))
        for part, given in parts.items()
        if isinstance(given, tuple | list) and len(given) == 2
    }
    binary = names[1] if of_kind.decision == "cutoff" else None
    return Labelled({**parts, **found}, names, binary, f"targets: {numbering.why}")


def _as_in_train(kind: Kind, what: str, part: str, parts: Mapping[str, Any]) -> list[Any]:
    """The labels of a part, which must be text where those of the training part are, or else numbers."""
    learnt, found = (_labels(kind, parts[name]) for name in ("train", part))
    assert learnt is not None
    if found is None or isinstance(found[0], str) != isinstance(learnt[0], str):
        raise UserError(
            f"{what}: targets must hold numbers in every part or text in every part, but train holds "
            f"{type(parts['train'][1]).__name__} with {one_line(repr(learnt[0]), 60)} and {part} does not; "
            "number the classes in one way: numpy.unique(labels, return_inverse=True)[1]"
        )
    return found


def number_classes(parts: Mapping[str, Any], classes: int) -> Labelled | None:
    """Class indices from 0 where labels are other whole numbers, as many of them as there are classes.

    Args:
        parts: Checked pairs (inputs, targets) by part, with whole numbers (N,) as targets.
        classes: The number of the model's outputs.

    Returns:
        None where labels lie in 0..classes - 1 already, or are more or fewer than there are classes.
    """
    known = torch.cat([targets for _, targets in parts.values()]).unique()
    if len(known) != classes or (known.min() >= 0 and known.max() < classes):
        return None
    found = {part: (inputs, torch.searchsorted(known, targets)) for part, (inputs, targets) in parts.items()}
    names = tuple(str(label) for label in known.tolist())
    return Labelled(found, names, None, f"targets: labels {some(names)} are numbered 0 to {classes - 1}")


def _labels(kind: Kind, given: Any) -> list[Any] | None:
    """Labels (N,) as Python's own values: text, or the two numbers of a binary target; None for the rest."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        return None
    found = plain(given[1])
    if isinstance(found, list | tuple) and found and isinstance(found[0], str):
        found = np.asarray(found, object)
    if isinstance(found, np.ndarray) and found.dtype.kind in "OUS":
        column = found.reshape(-1) if found.ndim == 2 and found.shape[1] == 1 else found
        if column.ndim == 1 and any(isinstance(value, str) for value in column):
            return column.tolist()
    if kind_named(kind).decision != "cutoff":
        return None
    try:
        values = tensor_of("targets", found)
    except UserError:
        return None
    values = values.reshape(-1) if values.dim() == 2 and values.shape[1] == 1 else values
    if values.dim() != 1 or len(values.unique()) > 2:
        return None
    return values.tolist()


def numbered(
    kind: Kind, labels: Sequence[Any], what: str, given: Sequence[str] = (), positive: Any = None
) -> Numbering:
    """The numbers of the labels of a training part.

    Args:
        kind: `multiclass` or `binary`.
        labels: The labels (N,).
        what: The part's name in errors.
        given: The names of the classes in their order, where the user says so.
        positive: The label that counts as positive, for binary.

    Raises:
        UserError: A label is missing, is not among `given`, or a binary problem has not two labels.
    """
    if missing := [row for row, label in enumerate(labels) if is_missing(label)]:
        raise UserError(
            f"{what}: targets must have a value in every row, but row {missing[0]} has none; drop those rows"
        )
    counts = Counter(labels)
    order = sorted(counts, key=lambda label: (isinstance(label, str), label))
    if given:
        named = {str(label): label for label in order}
        if unknown := sorted(set(named) - set(given)):
            raise UserError(f"{what}: every label must be in class_names, but {unknown[0]!r} is not")
        order = [named.get(name, name) for name in given]
    if kind_named(kind).decision != "cutoff":
        return Numbering(tuple(order), f"{len(order)} classes numbered in order ({some(order)})")
    if len(order) != 2:
        raise UserError(
            f"{what}: a binary target must have two values, but it has {len(order)}: {some(order)}"
        )
    return _positive(order, counts, what, positive, ordered=bool(given))


def some(values: Sequence[Any], most: int = SHOWN) -> str:
    """The values in one line; the middle of many is left out.

    Args:
        values: What to name.
        most: How many are named, at most.
    """
    shown = [one_line(value, 40) for value in values]
    return ", ".join(shown if len(shown) <= most else [*shown[: most - 1], "...", shown[-1]])


def _positive(
    order: Sequence[Any], counts: Mapping[Any, int], what: str, positive: Any, *, ordered: bool
) -> Numbering:
    """Two labels as (negative, positive): as asked, as usual, or the rarer one as positive."""
    if positive is not None:
        chosen = [label for label in order if label == positive or str(label) == str(positive)]
        if not chosen:
            raise UserError(f"{what}: positive must be one of {some(order)}, but got {positive!r}")
        found, why = chosen[0], "as asked"
    elif ordered or {*order} in PLAIN:
        found, why = order[1], ""
    else:
        found = min(order, key=lambda label: (counts[label], -order.index(label)))
        why = f"the rarer, {counts[found]:,} of {sum(counts.values()):,}; say positive: for the other"
    negative = next(label for label in order if label is not found)
    return Numbering((negative, found), f"{one_line(found)} is positive{f' ({why})' if why else ''}")
