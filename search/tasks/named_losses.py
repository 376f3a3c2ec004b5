"""Losses that a user names to be compared: by a standard name, with parameters, or as a document."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ...losses import Kind, LossSpec, UserError, part, standard_spec, standard_specs
from ...losses.declarations import KINDS
from ...losses.errors import one_line, unknown
from ...losses.family import MIX
from ...losses.kinds import kind_named
from ...losses.spec import part_and_parameter, standard_parameters
from ...spaces.numbers import usual_domain
from .standard_losses import standards
from .subject import Subject

ALL = "all"  # as an entry: every standard loss of the kind that is not named besides
SHARES = {1: (0.1, 0.3, 0.5, 0.7, 0.9), 2: (0.2, 0.5, 0.8)}  # of a range, by the parameters that are tuned
MOST_TUNED = 2  # parameters of one loss: with more of them a grid has too many points


@dataclass(frozen=True)
class NamedLoss:
    """A loss under the name it is compared by.

    Attributes:
        name: What the user calls it: "focal:gamma=3".
        specs: The loss itself, and after it the points of the grid that its parameters are tuned over, by the
            name of each.
    """

    name: str
    specs: Mapping[str, LossSpec]

    @property
    def spec(self) -> LossSpec:
        """The loss as it was named."""
        return self.specs[self.name]


def named_losses(
    subject: Subject,
    entries: Sequence[str | Mapping[str, object]],
    own: Mapping[str, str],
    *,
    tune: bool = False,
) -> tuple[NamedLoss, ...]:
    """Return the losses that a user names, in the order of their names.

    Args:
        subject: The task, whose kind the losses must have.
        entries: Each the name of a standard loss or of one of `own`, followed by `:parameter=value,...` where
            parameters differ; "all" for every standard loss; or a mapping of `name` and `loss`, a document
            of `LossSpec.to_json`.
        own: The user's own losses: the names of their parts by the names they are called by.
        tune: Whether losses are tuned over a grid of those of their parameters that no entry sets.

    Raises:
        UserError: A loss is unknown, of another kind, named twice or the only one, or a parameter is unknown
            or outside its domain.
    """
    found: dict[str, _Named] = {}
    for entry in entries:
        if entry == ALL:
            continue
        name, named = _read(subject, entry, own)
        if (same := next((n for n, known in found.items() if known.spec == named.spec), None)) is not None:
            raise UserError(
                f"each loss must be compared once, but {same} and {name} are one loss; leave one of them out"
            )
        found[name] = named
    if ALL in entries:
        for name, spec in standards(subject).items():
            if all(spec != known.spec for known in found.values()):
                found[name] = _Named(subject.kind, _parameters_of(subject, name))
    if len(found) < 2:
        raise UserError(
            f"a comparison must have at least two losses, but got {', '.join(found) or 'none'}; name "
            f"one more, such as {kind_named(subject.kind).usual_loss}, or give --all for every standard loss"
        )
    taken = [named.spec for named in found.values()]
    return tuple(
        NamedLoss(name, {name: named.spec, **(dict(_grid(name, named, taken)) if tune else {})})
        for name, named in found.items()
    )


@dataclass(frozen=True)
class _Named:
    """A loss as it was named: its parameters, not in canonical form, and which of them the entry sets."""

    kind: Kind
    given: Mapping[str, float]
    fixed: frozenset[str] = frozenset()

    @cached_property
    def spec(self) -> LossSpec:
        """The point of the family."""
        return LossSpec(self.kind, self.given)

    @property
    def parameters(self) -> list[str]:
        """The full names of the parameters of its parts."""
        owners = dict.fromkeys(part_and_parameter(name)[0] for name in self.given)
        return [f"{owner}.{p.name}" for owner in owners for p in part(owner, self.kind).parameters]


def _read(subject: Subject, entry: str | Mapping[str, object], own: Mapping[str, str]) -> tuple[str, _Named]:
    kind = subject.kind
    if not isinstance(entry, str):
        name, document = str(entry.get("name")), entry.get("loss")
        if not isinstance(document, Mapping):
            raise UserError(f"the loss {name} must come with its document, but got {one_line(str(document))}")
        read = LossSpec.from_json(document)
        if read.kind != kind:
            raise UserError(
                f"each loss must be for {kind} problems as the task is, but {name} is for {read.kind}; "
                "leave it out"
            )
        return name, _Named(kind, read.parameters, frozenset(read.parameters))
    name, colon, text = entry.partition(":")
    own_mix = {f"{MIX}.{own[name]}": 1.0} if name in own else None
    base = _Named(kind, own_mix or _parameters_of(subject, name, own))
    changes = dict(_changes(entry, text, base)) if colon else {}
    return entry, _Named(kind, {**base.given, **changes}, frozenset(changes))


def _parameters_of(subject: Subject, name: str, own: Iterable[str] = ()) -> Mapping[str, float]:
    """The parameters of a standard loss, which knows the metric."""
    known = standards(subject)
    if name in known:
        if known[name] != standard_spec(name, subject.kind):
            return known[name].parameters
        return standard_parameters(name, subject.kind)
    elsewhere = [kind for kind in KINDS if name in standard_specs(kind)]
    if elsewhere:
        raise UserError(
            f"each loss must be for {subject.kind} problems as the task is, but {name} is for "
            f"{' and '.join(elsewhere)}; `lossmith losses {subject.kind}` lists those that fit"
        )
    raise unknown(f"loss for {subject.kind}", name, {*known, *own})


def _changes(entry: str, text: str, base: _Named) -> Iterator[tuple[str, float]]:
    """The parameters that the text after a name sets, by their full names."""
    name, known = entry.partition(":")[0], base.parameters
    seen: set[str] = set()
    for setting in text.split(","):
        short, equals, value = (piece.strip() for piece in setting.partition("="))
        if not equals:
            raise UserError(
                "a loss must be named as NAME or NAME:PARAMETER=VALUE,... such as focal:gamma=3, but got "
                f"{entry!r}"
            )
        full = [short] if "." in short else [n for n in known if n.partition(".")[2] == short]
        if len(full) > 1:
            raise UserError(f"{short} in {entry} must be one of {' and '.join(full)}; write its full name")
        if not full and not known:
            raise UserError(f"{name} has no parameters, but got {entry!r}; leave {short} out")
        if not full:
            raise unknown(f"parameter of {name}", short, [n.partition(".")[2] for n in known])
        if full[0] in seen:
            raise UserError(f"each parameter must be set once, but {entry!r} sets {short} twice")
        seen.add(full[0])
        owner, parameter = part_and_parameter(full[0])
        if parameter is not None and full[0] not in known and part(owner, base.kind).stage == "term":
            raise UserError(f"{full[0]} must belong to a term of the loss, but {name} has no {owner}")
        try:
            yield full[0], float(value)
        except ValueError:
            raise UserError(f"{full[0]} must be a number, but got {value!r} in {entry!r}") from None


def _grid(name: str, named: _Named, taken: Sequence[LossSpec]) -> Iterator[tuple[str, LossSpec]]:
    """Points of a small grid over the parameters of a loss, without those that are other losses."""
    free = [n for n in named.parameters if n not in named.fixed][:MOST_TUNED]
    if not free:
        return
    ranges = [usual_domain(n, named.kind) for n in free]
    axes = [[d.at(share) for share in SHARES[len(free)]] for d in ranges if d is not None]
    seen = list(taken)
    for values in itertools.product(*axes):
        rounded = {n: float(f"{value:.3g}") for n, value in zip(free, values, strict=True)}
        point = LossSpec(named.kind, {**named.given, **rounded})
        if point not in seen:
            seen.append(point)
            told = ",".join(f"{n.partition('.')[2]}={value:g}" for n, value in rounded.items())
            yield f"{name}{',' if ':' in name else ':'}{told}", point
