"""After the verdict: what the searched loss owes its parts, its parameters and its learning rate.

Everything is measured on fresh repeats of held-out data, never on test data, in one cohort: the loss itself,
the same loss with each part switched off, with a parameter moved, and the standard losses beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...losses import LossSpec, formula
from ...losses.family import MIX
from ...losses.kinds import kind_named
from ...spaces import LEARNING_RATE
from ..records import (
    INSIGHT,
    Ablation,
    Candidate,
    CurvePoint,
    Insight,
    Measurement,
    Moved,
    RaceRound,
    RungSchedule,
    Trial,
    recall_record,
)
from ..statistics import TWO_SIDED_95, deviation, lead, mean
from .context import HELD_DRAWS, SearchContext
from .headroom import Tuned
from .race import Finalists, most_repeats

REPEATS = 8
SHARE = 0.12  # of what the search trained before
MOVED = 3  # parameters that are moved
STEPS = (-0.25, -0.1, 0.1, 0.25)  # by these shares of their range
TOLD = 2000  # trials that a forest is grown from
EPOCHS = 6  # points of a learning curve


@dataclass(frozen=True)
class _Variant:
    """A loss to train: `part` is what it lacks, or `parameter` what was moved in it, to `value`."""

    candidate: Candidate
    part: str | None = None
    parameter: str | None = None
    value: float = 0.0


def insight(context: SearchContext, tuned: Tuned, finalists: Finalists, explored: Sequence[Trial]) -> Insight:
    """Return the ablation, the importance of parameters, the sensitivity to them, and learning curves.

    Args:
        context: The search.
        tuned: The standard losses at their best learning rates.
        finalists: How the race ended.
        explored: The trials of all cohorts.
    """
    return recall_record(context.ledger, INSIGHT, Insight, lambda: _look(context, tuned, finalists, explored))


def _look(context: SearchContext, tuned: Tuned, finalists: Finalists, explored: Sequence[Trial]) -> Insight:
    shares = importance(context, explored)
    usual = tuned.best.get(kind_named(context.task.kind).usual_loss, finalists.standard)
    plain = {t.candidate.standard or "": t.candidate for t in (finalists.standard, usual)}
    own = finalists.searched.candidate if finalists.searched is not None else None
    variants = [] if own is None else [*_without_parts(own), *_moved(context, own, shares)]
    variants = variants[: max(0, _room(context, (*tuned.trials, *explored), finalists) - len(plain) - 1)]
    candidates = [*([own] if own else []), *plain.values(), *(v.candidate for v in variants)]
    measured = _trained(context, candidates)
    first = len(candidates) - len(variants)
    labels = [*(["searched loss"] if own else []), *plain]
    found = list(zip(variants, measured[first:], strict=True)) if own and measured[0].complete else []
    sign = context.task.measure.sign
    ablation = (
        _ablation(variant.part, variant.candidate, measured[0], one, context.overlap)
        for variant, one in found
        if variant.part is not None and one.complete
    )
    return Insight(
        subject=None if finalists.searched is None else finalists.searched.number,
        repeats=REPEATS,
        ablation=tuple(sorted(ablation, key=lambda row: -sign * row.difference)),
        importance=shares,
        importance_method="mean decrease of impurity in a forest",
        sensitivity={} if own is None else _sensitivity(own, measured[0], found),
        curves={name: _curve(one) for name, one in zip(labels, measured[:first], strict=True)},
    )


def _room(context: SearchContext, trials: Sequence[Trial], finalists: Finalists) -> int:
    """How many losses may be trained so that insight stays a small share of what the search cost."""
    epochs = context.task.settings.epochs
    spent = sum(len(t.repeats) * t.outcome.epochs / epochs for t in trials)
    rounds = (context.ledger.find("race", index) for index in range(finalists.rounds))
    raced = [RaceRound.from_json(unit.payload) for unit in rounds if unit is not None and unit.payload]
    spent += sum(len(one.repeats) * len(one.scores) for one in raced)
    spent += context.plan.verdict_seeds * len({t.candidate.spec.hash for t in trials if t.candidate.standard})
    return int(SHARE * spent / REPEATS)


def _trained(context: SearchContext, candidates: Sequence[Candidate]) -> list[Measurement]:
    """Every candidate to the end, scored on the way without dropping any."""
    epochs = context.task.settings.epochs
    marks = sorted({max(1, round(epochs * (i + 1) / EPOCHS)) for i in range(EPOCHS - 1)} - {epochs})
    if not context.task.reports_outputs:
        marks = []  # a loop of the user's own cannot be paused: each look would be a training more
    context.progress.phase("insight", len(candidates))
    plan = context.plan
    # Past every seed and every partition of the race, which chose the loss that is looked into.
    repeats = context.fresh_repeats(most_repeats(plan), REPEATS, plan.race_rounds + 1)
    watch = context.watch(0, len(candidates), None)
    measured = context.train(candidates, repeats, RungSchedule(tuple(marks), 1.0), watch, HELD_DRAWS)
    context.progress.advance(len(candidates), measured[0].outcome.score)
    return measured


def _without_parts(own: Candidate) -> list[_Variant]:
    """The loss without each of its parts, as far as something is left of it."""
    found = []
    for part in sorted(own.spec.parts):
        rest = {
            name: value
            for name, value in own.spec.parameters.items()
            if not name.startswith(f"{part}.") and name != f"{MIX}.{part}"
        }
        if any(name.startswith(f"{MIX}.") for name in rest) and rest != own.spec.parameters:
            spec = LossSpec(own.spec.kind, rest)
            found.append(_Variant(replace(own, spec=spec), part=part))
    return found


def _moved(context: SearchContext, own: Candidate, shares: Mapping[str, float]) -> list[_Variant]:
    """The loss with its learning rate, and with each of its most important parameters, moved both ways."""
    domains = context.proposer.space.coordinates()
    numbers = {**own.spec.parameters, LEARNING_RATE: own.recipe.rate}
    mixes = [name for name in numbers if name.startswith(f"{MIX}.")]
    free = [n for n in numbers if n in domains and (len(mixes) > 1 or n not in mixes) and n != LEARNING_RATE]
    free.sort(key=lambda name: -shares.get(name, 0.0))
    found = []
    for name in [*free[:MOVED], *([LEARNING_RATE] if LEARNING_RATE in domains else [])]:
        domain = domains[name]
        centre = domain.share(domain.clamp(numbers[name]))
        for place in sorted({min(1.0, max(0.0, centre + step)) for step in STEPS} - {centre}):
            value = domain.at(place)
            found.append(_Variant(_with(own, name, value), parameter=name, value=value))
    return found


def _with(own: Candidate, name: str, value: float) -> Candidate:
    if name == LEARNING_RATE:
        return replace(own, recipe=own.recipe.with_rate(value))
    return replace(own, spec=LossSpec(own.spec.kind, {**own.spec.parameters, name: value}))


def _ablation(
    part: str, without: Candidate, own: Measurement, other: Measurement, overlap: float
) -> Ablation:
    """The searched loss less the loss `without` the part, in the metric's units, with a 95% interval."""
    differences = [a - b for a, b in zip(own.outcome.scores, other.outcome.scores, strict=True)]
    drawn = [a - b for a, b in zip(own.resampled, other.resampled, strict=False)]
    ahead = lead(differences, drawn, overlap)
    half = TWO_SIDED_95 * ahead.error
    return Ablation(part, formula(without.spec), ahead.mean, ahead.mean - half, ahead.mean + half)


def _sensitivity(
    own: Candidate, itself: Measurement, found: Sequence[tuple[_Variant, Measurement]]
) -> dict[str, tuple[Moved, ...]]:
    """For each moved parameter its values in order, the loss's own among them, with what they scored."""
    numbers = {**own.spec.parameters, LEARNING_RATE: own.recipe.rate}
    rows: dict[str, list[Moved]] = {}
    for variant, one in found:
        if (name := variant.parameter) is not None:
            some = rows.setdefault(name, [_moved_to(numbers[name], itself)])
            some += [_moved_to(variant.value, one)] if one.complete else []
    return {name: tuple(sorted(some, key=lambda row: row.value)) for name, some in rows.items()}


def _moved_to(value: float, measured: Measurement) -> Moved:
    return Moved(value, measured.outcome.score, deviation(measured.outcome.scores))


def _curve(measured: Measurement) -> tuple[CurvePoint, ...]:
    """The mean score and its standard deviation over repeats, at the epochs at which there was a look."""
    outcome = measured.outcome
    points = [
        (epoch, mean(scores), deviation(scores))
        for (epoch, _), scores in zip(outcome.rungs, measured.at_rungs, strict=False)
    ] or [(epoch, score, 0.0) for epoch, score in outcome.rungs]
    if outcome.state == "complete":
        points.append((outcome.epochs, outcome.score, deviation(outcome.scores)))
    return tuple(CurvePoint(*point) for point in points)


def importance(context: SearchContext, explored: Sequence[Trial]) -> dict[str, float]:
    """The share of each searched number in what made losses good or bad: how a forest splits by it.

    Where good trials are dense would say less, for a sampler that stays near one makes them dense. The first
    `TOLD` trials are asked, among which are those that were spread evenly. Empty where they do not tell:
    fewer than ten, or all alike.

    Args:
        context: The search.
        explored: The trials of all cohorts.
    """
    import optuna
    from optuna.importance import MeanDecreaseImpurityImportanceEvaluator, get_param_importances

    whole = [t for t in explored if t.outcome.state == "complete" and t.candidate.point is not None]
    distributions = context.proposer.space.distributions()
    rows = [
        (dict(t.candidate.point), t.outcome.score)
        for t in whole
        if t.candidate.point is not None and distributions.keys() <= t.candidate.point.keys()
    ]
    rows = rows[:TOLD]
    if len(rows) < 10 or len({score for _, score in rows}) < 2:
        return {}
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(direction="maximize" if context.task.measure.sign > 0 else "minimize")
        study.add_trials(
            [
                optuna.trial.create_trial(
                    params={name: point[name] for name in distributions},
                    distributions=distributions,
                    value=score,
                )
                for point, score in rows
            ]
        )
        shares = get_param_importances(study, evaluator=MeanDecreaseImpurityImportanceEvaluator(seed=0))
    except (ValueError, RuntimeError):  # nothing varies
        return {}
    finally:
        optuna.logging.set_verbosity(verbosity)
    return {name: float(share) for name, share in shares.items()}
