"""The audit of a loss: what it is, which probes it goes through, and which findings explain others."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from ...declarations import Parameter, Part
from ...errors import UserError, one_line
from ...family import UserTerm, registered
from ...frozen import FrozenLoss, freeze, load_frozen
from ...kinds import Kind, kind_named
from ...spec import LossSpec, standard_spec, terms_of
from ..subject import of_part
from .audited import Audited, Call, Evidence, arguments
from .batches import counted, ignored_by, partners, shapes, sizes
from .classes import treated
from .conventions import convention, failure, on_log_scale
from .record import Audit
from .returns import leaves, returned
from .saturation import halves, pulls
from .slopes import follows, parameters
from .standards import compared
from .words import WORDS, told

COLUMNS = (5, 3, 2, 4, 10, 6, 7, 8, 9, 1)  # how many classes or labels a loss may be made for, as tried
PROBES: tuple[Callable[[Audited], Evidence], ...] = (
    *(partners, compared, pulls, sizes, treated, follows, counted, halves, parameters, shapes),
)

# What follows from a finding, and is not said besides.
_ALL = frozenset(WORDS)
_SCALE = frozenset({"only a factor", "a factor, as is usual"})
EXPLAINS: Mapping[str, frozenset[str]] = {  # causes before what they cause: who is explained explains nothing
    "keeps state": _ALL - {"changes its inputs"},
    "random": _ALL - {"wrong sign", "not finite when saturated"},
    "targets meet every sample": _ALL,
    "wrong sign": _ALL - {"sum where a mean is meant", "changes its inputs"},
    "softmax over the samples": _ALL,
    "gradient does not follow the value": frozenset(
        {"gradient vanishes", "a class without effect", "not minimised by the truth", "bounded"}
        | {"weight by prediction", "pushes mistakes further", "gradient explodes"}
    ),
    "softmax twice": frozenset(
        {"bounded", "gradient vanishes", "not finite in half precision", "unequal classes"}
    ),
    "focal factor of the wrong probability": frozenset(
        {"pushes mistakes further", "not minimised by the truth", "gradient vanishes", "bounded"}
        | {"a class without effect"}
    ),
    "margin on the wrong side": frozenset({"gradient explodes", "a class without effect"}),
    "not finite when saturated": frozenset({"not finite in half precision", "0/0 on a class that is absent"}),
    "log of a clamped probability": frozenset({"not finite in half precision"}),
    "not minimised by the truth": frozenset({"unequal sides", "bounded", "unequal classes"}),
    "weight by prediction": frozenset({"unequal classes"}),
    "a class without effect": frozenset({"unequal classes"}),
    "sum where a mean is meant": _SCALE | {"weights do not divide"},
    "divides by the batch twice": _SCALE,
    "alpha on the wrong class": frozenset({"unequal classes"}),
    "order of samples": frozenset({"unequal classes", "ignored targets are counted"}),
}


def audit(loss: Any, kind: Kind, *, name: str = "") -> Audit:
    """Say what is wrong with a loss, how it would hurt, and what to do.

        >>> from torch.nn import functional as F
        >>> found = audit(lambda o, t: F.cross_entropy(o.softmax(1), t), "multiclass")
        >>> [finding.name for finding in found.findings]
        ['softmax twice']

    Args:
        loss: A function or an `nn.Module` of `(outputs, targets)`, a class of modules, a `Part`, a
            `LossSpec`, the name of a standard loss, or the path of a `loss.json`.
        kind: The kind of problem: multiclass, binary, multilabel or regression.
        name: What messages call the loss; by default its own name.

    Raises:
        UserError: There is no such kind or standard loss, or the loss raises on batches of this kind.
    """
    kind_named(kind)
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        subject = _subject(loss, kind, name or _name(loss), stack)
        original = subject.original
        return _audited(replace(subject, ignored=None if subject.family else ignored_by(original)))


def _audited(subject: Audited) -> Audit:
    subject, error = _with_columns(subject)
    if error is not None:
        if explained := convention(subject, f"it raises {type(error).__name__}: {one_line(error, 100)}"):
            return _judged(subject, dict([explained]))
        raise UserError(
            f"{subject.name} raises on a batch of a {subject.kind} problem: {type(error).__name__}: "
            f"{one_line(error)}; is it for another kind?"
        ) from error
    found = dict(returned(subject))
    if not found.keys().isdisjoint({"no gradient", "not a scalar"}):
        return _judged(subject, found)
    found |= dict(leaves(subject))
    if (adapted := on_log_scale(subject)) is not None:
        found["takes logarithms"] = "it is minimised by the logarithm of the targets"
        subject = adapted
    elif found.keys().isdisjoint({"keeps state", "random"}) and (explained := convention(subject)):
        return _judged(subject, {**found, **dict([explained])})
    for probe in PROBES:
        for name, evidence in probe(subject):
            found.setdefault(name, evidence)
    return _judged(subject, found)


def _judged(subject: Audited, found: Mapping[str, str]) -> Audit:
    """The findings that no other explains, the most serious first."""
    explained: set[str] = set()
    for cause, consequences in EXPLAINS.items():
        if cause in found and cause not in explained:
            explained |= consequences - {cause}
    kept = [told(name, found[name]) for name in WORDS if name in found and name not in explained]
    return Audit(
        subject.kind,
        tuple(one for one in kept if one.severity == "error")
        + tuple(one for one in kept if one.severity == "warning"),
        tuple(one for one in kept if one.severity == "note"),
    )


def _with_columns(subject: Audited) -> tuple[Audited, Exception | None]:
    """The subject with as many classes or labels as it takes, or what it raises with the usual number."""
    usual = kind_named(subject.kind).probe_columns
    first: Exception | None = None
    for columns in [(n,) for n in COLUMNS if n > 1 or subject.kind != "multiclass"] if usual else [()]:
        tried = replace(subject, columns=columns)
        error = failure(tried)
        if error is None:
            return tried, None
        first = first or error
    return replace(subject, columns=usual), first


def _name(loss: Any) -> str:
    return str(loss) if isinstance(loss, str | Path) else getattr(loss, "__name__", type(loss).__name__)


def _subject(loss: Any, kind: Kind, name: str, stack: ExitStack) -> Audited:
    if isinstance(loss, str | Path):
        loss = load_frozen(loss) if str(loss).endswith(".json") else standard_spec(str(loss), kind)
    if isinstance(loss, FrozenLoss):
        loss = loss.spec
    if isinstance(loss, LossSpec):
        return _of_spec(loss, kind, name)
    if isinstance(loss, Part):
        if not isinstance(loss.function, UserTerm):
            own = of_part(stack.enter_context(registered(loss)), kind)
            return Audited(name, kind, own.loss, (), family=True, per_batch=loss.level == "batch")
        given, loss = loss.parameters, loss.function.loss
    else:
        _, given = getattr(loss, "__lossmith__", (kind, ()))
    if given or hasattr(loss, "__lossmith__"):
        return _of_declared(loss, given, kind, name)
    return _of_callable(loss, kind, name)


def _of_spec(spec: LossSpec, kind: Kind, name: str) -> Audited:
    """One of lossmith's own losses, bound to the class counts of the probes: an audit is of the formula."""
    if spec.kind != kind:
        raise UserError(f"{name} must be for {kind} problems, but it is for {spec.kind}; choose that kind")
    found = kind_named(kind)
    frozen = freeze(LossSpec(kind, spec.parameters).bind(found.probe_counts, None if found.counted else 1.0))
    per_batch = all(term.level == "batch" for term in terms_of(spec.parameters))
    return Audited(name, kind, frozen, (), frozen, family=True, per_batch=per_batch)


def _of_declared(loss: Any, given: Sequence[Parameter], kind: Kind, name: str) -> Audited:
    """A loss whose user declared its parameters, at their defaults."""
    defaults = {p.name: float(p.default) for p in given}
    variants = {
        p.name: tuple(
            _built(loss, {**defaults, p.name: value})
            for value in (*p.search, sum(p.search) / 2)
            if value != p.default
        )
        for p in given
    }
    built = _built(loss, defaults)
    original = built if isinstance(built, nn.Module) else loss
    return Audited(name, kind, built, (), original, declared=True, variants=variants, numbers=defaults)


def _of_callable(loss: Any, kind: Kind, name: str) -> Audited:
    """A function, a module or a class of modules that nobody has declared."""
    if not callable(loss):
        raise UserError(f"{name} must be a function or an nn.Module, but it is of type {type(loss).__name__}")
    if isinstance(loss, nn.Module):
        made: Any = type(loss)
        numbers = {
            key: float(value)
            for key in _numbers(made)
            if isinstance(value := getattr(loss, key, None), int | float)
        }
        whole = all(hasattr(loss, key) for key in arguments(made))
        fixed = {key: getattr(loss, key) for key in arguments(made)} if whole else {}
        variants = _variants(made, fixed, numbers) if whole else {}
        return Audited(name, kind, loss, (), loss, variants=variants, numbers=numbers)
    try:
        call = _built(loss, {})
    except Exception as error:
        raise UserError(
            f"{name} cannot be built without arguments: {type(error).__name__}: {one_line(error)}"
        ) from error
    original, numbers = (call if isinstance(call, nn.Module) else loss), _numbers(loss)
    return Audited(name, kind, call, (), original, variants=_variants(loss, {}, numbers), numbers=numbers)


def _numbers(made: Any) -> dict[str, float]:
    """The numbers that a user's function or class takes and has defaults for; an epsilon may do nothing."""
    if str(getattr(made, "__module__", "")).startswith("torch."):
        return {}
    return {
        key: argument.default
        for key, argument in arguments(made).items()
        if type(argument.default) is float and not key.startswith("eps")
    }


def _variants(
    made: Any, fixed: Mapping[str, Any], numbers: Mapping[str, float]
) -> dict[str, tuple[Call, ...]]:
    """The loss with each number half, and one and a half times, as large, where it can be built so."""
    found = {}
    for key, value in numbers.items():
        try:
            found[key] = tuple(
                _built(made, {**fixed, key: other}) for other in (0.5 * value + 0.05, 1.5 * value + 0.1)
            )
        except Exception:  # noqa: BLE001, S112  (a number that it does not take)
            continue
    return found


def _built(loss: Any, values: Mapping[str, Any]) -> Call:
    """A class of modules built with the values, a function that is called with them."""
    if inspect.isclass(loss):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return cast("Call", loss(**values))
    if not values:
        return cast("Call", loss)
    return partial(loss, **values)
