"""A point of the family: what is stored, compared, hashed, exported."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import UserError, unknown
from .family import MIX, inputs_of
from .parts import KINDS, Kind
from .registry import part, parts_for

SCHEMA = 1


@dataclass(frozen=True)
class LossSpec:
    """One loss: its kind, its parameters by name ("focal.gamma", "mix.gce") and the data's constants.

    The parameters are kept in canonical form: the weights of the mix sum to one, terms of weight zero,
    parts at their neutral value and parameters that nothing reads are gone. Two specs that mean the same
    loss are therefore equal and have the same `hash`. `class_counts` and `target_scale` come from the
    training data (`bind`); a spec without them is a loss that can be searched but not yet frozen, if
    one of its parts asks for them.
    """

    kind: Kind
    parameters: Mapping[str, float]
    class_counts: tuple[int, ...] | None = None
    target_scale: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("kind", self.kind, KINDS)
        object.__setattr__(self, "parameters", _canonical(self.kind, self.parameters))

    def __hash__(self) -> int:
        return hash((self.kind, tuple(self.parameters.items()), self.class_counts, self.target_scale))

    @property
    def parts(self) -> frozenset[str]:
        """The parts this loss is made of."""
        return frozenset(_part_and_parameter(name)[0] for name in self.parameters)

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that equal losses share, whatever data they are bound to."""
        text = json.dumps([self.kind, list(self.parameters.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def bind(self, class_counts: Sequence[int] | None = None, target_scale: float | None = None) -> LossSpec:
        """The same loss with the constants of a training set."""
        counts = None if class_counts is None else tuple(int(n) for n in class_counts)
        return LossSpec(self.kind, self.parameters, counts, target_scale)

    def to_json(self) -> dict[str, Any]:
        """A plain document; `from_json` reads it back."""
        document: dict[str, Any] = {"schema": SCHEMA, "kind": self.kind, "parameters": dict(self.parameters)}
        if self.class_counts is not None:
            document["class_counts"] = list(self.class_counts)
        if self.target_scale is not None:
            document["target_scale"] = self.target_scale
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> LossSpec:
        """The spec a document describes, or a `UserError` that says what is wrong with it."""
        if document.get("schema") != SCHEMA:
            raise UserError(f"a loss document must have schema {SCHEMA}, but got {document.get('schema')!r}")
        allowed = {"schema", "kind", "parameters", "class_counts", "target_scale"}
        for key in document:
            if key not in allowed:
                raise unknown("key in a loss document", key, allowed)
        if not isinstance(document.get("parameters"), Mapping):
            raise UserError(f"a loss document must have an object `parameters`, but got {document.get('parameters')!r}")
        spec = cls(document["kind"], document["parameters"])
        return spec.bind(document.get("class_counts"), document.get("target_scale"))


def _part_and_parameter(name: str) -> tuple[str, str | None]:
    owner, _, parameter = name.partition(".")
    return (parameter, None) if owner == MIX else (owner, parameter)


def _canonical(kind: Kind, given: Mapping[str, float]) -> dict[str, float]:
    checked = {name: _checked(kind, name, value) for name, value in given.items()}
    weights = {name: value for name, value in checked.items() if name.startswith(f"{MIX}.") and value > 0}
    if not weights:
        raise UserError(f"a loss needs at least one term with a weight above 0, such as mix.{_first_term(kind)}: 1")
    total = sum(weights.values())
    result: dict[str, float] = {}
    read = _what_terms_read(kind, weights)
    for name, candidate in parts_for(kind).items():
        if candidate.stage == "term":
            if f"{MIX}.{name}" not in weights:
                continue
            result[f"{MIX}.{name}"] = _rounded(weights[f"{MIX}.{name}"] / total)
            result |= {f"{name}.{p.name}": _rounded(checked.get(f"{name}.{p.name}", p.default)) for p in candidate.parameters}
            continue
        values = {p.name: checked.get(f"{name}.{p.name}") for p in candidate.parameters}
        if all(value is None for value in values.values()):
            continue
        filled = {p.name: p.default if values[p.name] is None else values[p.name] for p in candidate.parameters}
        present = {key: _rounded(value) for key, value in filled.items() if value is not None}
        dead = candidate.stage == "smooth" and not read & {"log_likelihood"}
        if not candidate.is_neutral(present) and not dead:
            result |= {f"{name}.{key}": value for key, value in present.items()}
    return result


def _what_terms_read(kind: Kind, weights: Mapping[str, float]) -> set[str]:
    terms = [part(name.removeprefix(f"{MIX}."), kind) for name in weights]
    return {name for term in terms for name in inputs_of(term.function)}


def _checked(kind: Kind, name: str, value: float) -> float:
    owner, parameter = _part_and_parameter(name)
    found = part(owner, kind)
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value or abs(value) == float("inf"):
        raise UserError(f"{name} must be a finite number, but got {value!r}")
    if parameter is None:
        if found.stage != "term" or value < 0:
            rule = "weights of the mix must be at least 0" if found.stage == "term" else f"only terms have a weight; {owner} is a part of stage {found.stage}"
            raise UserError(f"{rule}, but got {name} = {value:g}")
        return float(value)
    for candidate in found.parameters:
        if candidate.name == parameter:
            return candidate.check(owner, value)
    raise unknown("parameter", name, (f"{owner}.{p.name}" for p in found.parameters) if found.parameters else (f"{MIX}.{owner}",))


def _rounded(value: float) -> float:
    return float(f"{value:.12g}")  # so that 0.1 + 0.2 and 0.3 are the same weight


def _first_term(kind: Kind) -> str:
    return next(name for name, p in parts_for(kind).items() if p.stage == "term")
