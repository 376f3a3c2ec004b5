"""A point of the family: what is stored, compared, hashed, exported."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from ..errors import UserError, shown, unknown
from ..kinds import Counts, Kind, kind_named
from .canonical import canonical, part_and_parameter
from .formulas import formula
from .html import loss_html

SCHEMA = 1
Units = tuple[float | tuple[float, ...], float | tuple[float, ...]]
_CONSTANTS = ("class_counts", "target_scale", "ignore_index", "ignore_nan", "target_units")
_KEYS = ("schema", "kind", "parameters", *_CONSTANTS)


@dataclass(frozen=True)
class LossSpec:
    """A point of the family: the loss that a search proposes, compares and remembers.

    The parameters are kept in canonical form (`losses/spec/canonical.py`). Two specs that mean the same loss
    are therefore equal and have the same `hash`. What a loss reads of its training data is not part of it:
    `bind` adds that.

    Args:
        kind: The kind of problem.
        parameters: The family's parameters by name: `"mix.gce"` is the weight of a term, `"focal.gamma"` a
            parameter of a part.

    Raises:
        UserError: An unknown kind or name, a value outside its domain, or no term with a weight above 0.

    Example:
        >>> LossSpec("multiclass", {"mix.cross_entropy": 2, "focal.gamma": 0}).parameters
        {'mix.cross_entropy': 1.0}
    """

    kind: Kind
    parameters: Mapping[str, float]

    def __post_init__(self) -> None:
        kind_named(self.kind)
        object.__setattr__(self, "parameters", canonical(self.kind, self.parameters))

    def __hash__(self) -> int:
        return hash((self.kind, tuple(self.parameters.items())))

    def _repr_html_(self) -> str:
        return loss_html(formula(self), {**self.parameters, **self.constants})

    @cached_property
    def parts(self) -> frozenset[str]:
        """The parts this loss is made of."""
        return frozenset(part_and_parameter(name)[0] for name in self.parameters)

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that equal losses share, whatever data they are bound to."""
        text = json.dumps([self.kind, list(self.parameters.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def constants(self) -> dict[str, Any]:
        """What is set of its data by name: nothing, until it is bound."""
        return {}

    def bind(
        self,
        class_counts: Sequence[int | Sequence[int]] | Tensor | None = None,
        target_scale: float | Tensor | None = None,
        ignore_index: int | None = None,
        *,
        ignore_nan: bool | None = None,
        target_units: Sequence[float | Sequence[float]] | None = None,
    ) -> BoundLoss:
        """The same loss with the constants of a training set; what is None stays as it was.

        Args:
            class_counts: The training samples of each class, (K,) for multiclass; (negatives, positives) for
                binary, and such a pair for each label for multilabel.
            target_scale: The spread of the training targets, in their unit, above 0.
            ignore_index: The class, or the answer, that does not count: -1 for "nobody looked".
            ignore_nan: Whether numbers that are NaN do not count, as where several are predicted and some are
                missing.
            target_units: (mean, spread) of the training targets of a regression, each a number or one for
                each target dimension, where the search standardised them: a frozen loss then takes outputs
                and targets in the targets' own units.

        Raises:
            UserError: Counts of another shape, or a constant that losses of this kind do not have.
        """
        given = {
            "class_counts": class_counts,
            "target_scale": target_scale,
            "ignore_index": ignore_index,
            "ignore_nan": ignore_nan,
            "target_units": target_units,
        }
        known = {**self.constants, **{name: value for name, value in given.items() if value is not None}}
        return BoundLoss(self.kind, self.parameters, **known)

    def to_json(self) -> dict[str, Any]:
        """A plain document; `from_json` reads it back."""
        document = {
            "schema": SCHEMA,
            "kind": self.kind,
            "parameters": dict(self.parameters),
            **self.constants,
        }
        for name in ("class_counts", "target_units"):
            if name in document:
                document[name] = [list(v) if isinstance(v, tuple) else v for v in document[name]]
        return document

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> LossSpec:
        """The loss that a document describes: a `BoundLoss` where it names constants of the data.

        Raises:
            UserError: The document has another schema, an unknown key or a wrong value.
        """
        if document.get("schema") != SCHEMA:
            raise UserError(f"a loss document must have schema {SCHEMA}, but got {document.get('schema')!r}")
        for key in document:
            if key not in _KEYS:
                raise unknown("key in a loss document", key, _KEYS)
        if not isinstance(document.get("parameters"), Mapping):
            raise UserError(
                f"a loss document must have an object `parameters`, but got {document.get('parameters')!r}"
            )
        spec = LossSpec(document.get("kind"), document["parameters"])  # type: ignore[arg-type]
        constants = {name: document[name] for name in _CONSTANTS if document.get(name) is not None}
        return spec.bind(**constants) if constants else spec

    @staticmethod
    def written(document: Mapping[str, Any]) -> LossSpec:
        """The loss that `to_json` wrote, taken at its word: for a store, which reads back thousands.

        A document of another schema, or with constants, goes through `from_json`, as all does that others may
        have written.
        """
        if document.keys() != {"schema", "kind", "parameters"} or document["schema"] != SCHEMA:
            return LossSpec.from_json(document)
        spec = object.__new__(LossSpec)
        object.__setattr__(spec, "kind", document["kind"])
        object.__setattr__(spec, "parameters", dict(document["parameters"]))
        return spec


@dataclass(frozen=True)
class BoundLoss(LossSpec):
    """A loss together with what it reads of its training data; `LossSpec.bind` makes it.

    Args:
        kind: The kind of problem.
        parameters: The family's parameters by name.
        class_counts: See `LossSpec.bind`; None where they are not known.
        target_scale: The same.
        ignore_index: The same; None where every target counts.
        ignore_nan: The same.
        target_units: The same; None where outputs and targets are as the search had them.
    """

    class_counts: Counts | None = None
    target_scale: float | None = None
    ignore_index: int | None = None
    ignore_nan: bool = False
    target_units: Units | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.class_counts is not None:
            object.__setattr__(self, "class_counts", checked_counts(self.kind, self.class_counts))
        if self.target_scale is not None:
            object.__setattr__(self, "target_scale", _scale(self.target_scale))
        if self.target_units is not None:
            object.__setattr__(self, "target_units", _units(self.kind, self.target_units))
        if self.ignore_index is not None and not kind_named(self.kind).classified:
            raise UserError(
                f"ignore_index must be None for {self.kind}, whose targets are no indices; "
                "ignore_nan leaves out those that are NaN"
            )
        if self.ignore_nan and kind_named(self.kind).classified:
            raise UserError(
                f"ignore_nan must be False for {self.kind}, whose targets are no numbers; set ignore_index"
            )

    def __hash__(self) -> int:
        return hash((super().__hash__(), *self.constants.items()))

    @property
    def constants(self) -> dict[str, Any]:
        """What is set of its data by name."""
        found = {name: getattr(self, name) for name in _CONSTANTS}
        return {name: value for name, value in found.items() if value is not None and value is not False}

    @property
    def masked(self) -> bool:
        """Whether some targets do not count."""
        return self.ignore_nan or self.ignore_index is not None


def checked_counts(kind: Kind, given: object) -> Counts:
    """Class counts as tuples.

    Args:
        kind: The kind of problem.
        given: Whole numbers, (K,), (2,) or (L, 2): lists, tuples or a tensor.

    Raises:
        UserError: They are no whole numbers from 0, all 0, of another shape, or the kind has none.
    """
    found = kind_named(kind)
    if not found.counted:
        raise UserError(f"class_counts must be None for {kind}, which has no classes")
    try:
        counts = tuple(
            tuple(_count(n) for n in one) if found.counts_nested else _count(one)
            for one in given  # type: ignore[attr-defined]
        )
        flat = [n for one in counts for n in (one if isinstance(one, tuple) else (one,))]
        if found.counts_fit(counts) and any(flat):
            return counts
    except (TypeError, ValueError, OverflowError):
        pass
    raise UserError(
        f"class_counts of a {kind} loss must be whole numbers {found.counts_rule}, at least 0 and not all 0, "
        f"but got {shown(given, 100)}"
    )


def _units(kind: Kind, given: Any) -> Units:
    """Mean and spread of the targets, as numbers or tuples of one length."""
    if kind_named(kind).classified:
        raise UserError(f"target_units must be None for {kind}, whose targets have none")
    try:
        mean, spread = (tuple(map(float, v)) if isinstance(v, Sequence) else float(v) for v in given)
        means, spreads = (v if isinstance(v, tuple) else (v,) for v in (mean, spread))
        fine = all(map(math.isfinite, means)) and all(0 < one < math.inf for one in spreads)
        if fine and len(means) == len(spreads):
            return mean, spread
    except (TypeError, ValueError):
        pass
    raise UserError(
        "target_units must be (mean, spread) of the training targets, finite, the spread above 0, each a "
        f"number or one for each target dimension, but got {given!r}"
    )


def _scale(given: Any) -> float:
    """A spread as a number above 0."""
    try:
        scale = float(given)
    except (TypeError, ValueError):
        scale = math.nan
    if not 0 < scale < math.inf:
        raise UserError(f"target_scale must be above 0 and finite, but got {given!r}")
    return scale


def _count(value: Any) -> int:
    """A number of samples; text and truth values are none."""
    if isinstance(value, str | bytes | bool) or int(value) != value or value < 0:
        raise ValueError
    return int(value)
