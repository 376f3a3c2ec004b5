"""A point of the family: what is stored, compared, hashed, exported."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ..errors import UserError, unknown
from ..kinds import Counts, Kind, kind_named
from .canonical import canonical, part_and_parameter

SCHEMA = 1
_KEYS = ("schema", "kind", "parameters", "class_counts", "target_scale", "ignore_index")


@dataclass(frozen=True)
class LossSpec:
    """One loss: its kind, its parameters by name ("focal.gamma", "mix.gce") and the data's constants.

    The parameters are kept in canonical form (`losses/spec/canonical.py`). Two specs that mean the same loss
    are therefore equal and have the same `hash`. `class_counts` and `target_scale` come from the training
    data (`bind`); a spec without them is a loss that can be searched but not yet frozen, if one of its parts
    asks for them. Class counts are (K,) for multiclass, (negatives, positives) for binary, and such a pair
    for each label for multilabel. Targets equal to `ignore_index` do not count.
    """

    kind: Kind
    parameters: Mapping[str, float]
    class_counts: Counts | None = None
    target_scale: float | None = None
    ignore_index: int | None = None

    def __post_init__(self) -> None:
        kind = kind_named(self.kind)
        object.__setattr__(self, "parameters", canonical(self.kind, self.parameters))
        if self.class_counts is not None:
            object.__setattr__(self, "class_counts", _counts(self.kind, self.class_counts))
        if self.target_scale is not None and not 0 < self.target_scale < float("inf"):
            raise UserError(f"target_scale must be above 0 and finite, but got {self.target_scale!r}")
        if self.ignore_index is not None and not kind.classified:
            raise UserError(f"ignore_index must be None for {self.kind}, whose targets are no indices")

    def __hash__(self) -> int:
        values = (self.kind, tuple(self.parameters.items()), self.class_counts, self.target_scale)
        return hash((*values, self.ignore_index))

    def _repr_html_(self) -> str:
        from .html import spec_html

        return spec_html(self)

    @cached_property
    def parts(self) -> frozenset[str]:
        """The parts this loss is made of."""
        return frozenset(part_and_parameter(name)[0] for name in self.parameters)

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that equal losses share, whatever data they are bound to."""
        text = json.dumps([self.kind, list(self.parameters.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def bind(
        self,
        class_counts: Sequence[int | Sequence[int]] | None = None,
        target_scale: float | None = None,
        ignore_index: int | None = None,
    ) -> LossSpec:
        """The same loss with the constants of a training set; what is None stays as it was."""
        return replace(
            self,
            class_counts=self.class_counts if class_counts is None else _counts(self.kind, class_counts),
            target_scale=self.target_scale if target_scale is None else target_scale,
            ignore_index=self.ignore_index if ignore_index is None else ignore_index,
        )

    def to_json(self) -> dict[str, Any]:
        """A plain document; `from_json` reads it back."""
        document: dict[str, Any] = {"schema": SCHEMA, "kind": self.kind, "parameters": dict(self.parameters)}
        if self.class_counts is not None:
            document["class_counts"] = [list(n) if isinstance(n, tuple) else n for n in self.class_counts]
        if self.target_scale is not None:
            document["target_scale"] = self.target_scale
        if self.ignore_index is not None:
            document["ignore_index"] = self.ignore_index
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> LossSpec:
        """The spec a document describes, or a `UserError` that says what is wrong with it."""
        if document.get("schema") != SCHEMA:
            raise UserError(f"a loss document must have schema {SCHEMA}, but got {document.get('schema')!r}")
        for key in document:
            if key not in _KEYS:
                raise unknown("key in a loss document", key, _KEYS)
        if not isinstance(document.get("parameters"), Mapping):
            raise UserError(
                f"a loss document must have an object `parameters`, but got {document.get('parameters')!r}"
            )
        return cls(document.get("kind"), document["parameters"]).bind(  # type: ignore[arg-type]
            document.get("class_counts"), document.get("target_scale"), document.get("ignore_index")
        )

    @classmethod
    def written(cls, document: Mapping[str, Any]) -> LossSpec:
        """The spec that `to_json` wrote, taken at its word: for a store, which reads back thousands.

        A document of another schema goes through `from_json`, as all does that others may have written.
        """
        if document.get("schema") != SCHEMA:
            return cls.from_json(document)
        counts = document.get("class_counts")
        spec = object.__new__(cls)
        for name, value in (
            ("kind", document["kind"]),
            ("parameters", dict(document["parameters"])),
            ("class_counts", counts and tuple(tuple(n) if isinstance(n, list) else n for n in counts)),
            ("target_scale", document.get("target_scale")),
            ("ignore_index", document.get("ignore_index")),
        ):
            object.__setattr__(spec, name, value)
        return spec


def _counts(kind: Kind, given: object) -> Counts:
    """Class counts as tuples, of the shape their kind has."""
    found = kind_named(kind)
    if not found.counted:
        raise UserError(f"class_counts must be None for {kind}, which has no classes")
    try:
        counts = tuple(
            tuple(_count(n) for n in one) if found.counts_nested else _count(one)
            for one in given  # type: ignore[attr-defined]
        )
        if found.counts_fit(counts):
            return counts
    except (TypeError, ValueError):
        pass
    raise UserError(
        f"class_counts of a {kind} loss must be whole numbers {found.counts_rule}, at least 0, "
        f"but got {given!r}"
    )


def _count(value: Any) -> int:
    if int(value) != value or value < 0:
        raise ValueError
    return int(value)
