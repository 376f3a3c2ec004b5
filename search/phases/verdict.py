"""Phase 3: the sealed test data, once."""

from __future__ import annotations

from typing import Any

import torch

from ...losses import formula
from ..ledger import Unit, recall
from ..splits import final_split
from ..statistics import bootstrap_scores, compare, deviation, holm, mean
from ..trial import Trial
from .headroom import Tuned
from .race import Finalists
from .stage import Stage

SIGNIFICANT = 0.05


def verdict(stage: Stage, tuned: Tuned, finalists: Finalists) -> dict[str, Any]:
    """The verdict's document: refits of the winner and of every standard loss, compared on test data."""
    standards = {t.number: t for t in tuned.best.values()}
    entrants = {t.number: t for t in (finalists.searched, *standards.values()) if t is not None}
    stage.progress.phase("verdict", len(entrants))
    unit = recall(
        stage.ledger,
        "verdict",
        0,
        lambda: Unit("verdict", 0, payload=_judge(stage, tuned, finalists, entrants)),
    )
    document = unit.payload
    assert document is not None
    stage.progress.advance(len(entrants), document["scores"]["winner"]["mean"])
    return document


def _judge(stage: Stage, tuned: Tuned, finalists: Finalists, entrants: dict[int, Trial]) -> dict[str, Any]:
    task, plan = stage.task, stage.plan
    metric, targets = task.measure, task.test[1]
    repeats = stage.fresh_repeats(plan.race_rounds * plan.race_seeds + 1, plan.verdict_seeds)
    outputs = torch.nan_to_num(
        stage.runner.predict(
            [t.candidate for t in entrants.values()], repeats, stage.watch(0, len(entrants), None)
        )
    )
    drawn = bootstrap_scores(metric, outputs, targets, plan.seed)
    scores = metric(outputs.flatten(0, 1), targets).view(len(entrants), plan.verdict_seeds).tolist()
    place = {number: index for index, number in enumerate(entrants)}

    def summary(trial: Trial) -> dict[str, Any]:
        values = scores[place[trial.number]]
        return {"mean": mean(values), "sd": deviation(values), "by_repeat": values}

    def against(trial: Trial, other: Trial) -> dict[str, float]:
        one, two = place[trial.number], place[other.number]
        return vars(compare(drawn, one, two, mean(scores[one]) - mean(scores[two]), metric.sign))

    winner, standard, searched = finalists.winner, finalists.standard, finalists.searched
    table = {
        name: {**against(winner, t), **summary(t), "learning_rate": t.candidate.recipe.rate}
        for name, t in tuned.best.items()
    }
    for name, corrected in zip(table, holm([row["p_value"] for row in table.values()]), strict=True):
        table[name]["p_value_holm"] = corrected
    ahead = against(winner, standard)
    better = (
        winner is searched
        and metric.sign * _nearest_zero(ahead, metric.sign) > 0
        and ahead["p_value"] < SIGNIFICANT
    )
    document: dict[str, Any] = {
        "winner": _entry(stage, winner),
        "best_standard": _entry(stage, standard),
        "challenger": None
        if searched is None
        else {**_entry(stage, searched), **summary(searched), **against(searched, standard)},
        "metric": task.metric,
        "greater_is_better": metric.greater_is_better,
        "scores": {"winner": summary(winner), "best_standard": summary(standard)},
        **ahead,
        "repeats": plan.verdict_seeds,
        "better": better,
        "race": {
            "lead": finalists.lead,
            "standard_errors": _finite(finalists.errors),
            "crowned": finalists.crowned,
        },
        "against": table,
    }
    return {**document, "sentence": _sentence(document, task.name)}


def _nearest_zero(comparison: dict[str, float], sign: int) -> float:
    return comparison["ci_low"] if sign > 0 else comparison["ci_high"]


def _finite(value: float) -> float | None:
    return value if abs(value) != float("inf") else None


def _entry(stage: Stage, trial: Trial) -> dict[str, Any]:
    """A loss in the verdict, bound to the constants of the whole training part."""
    constants = final_split(stage.task).constants
    counts = constants["class_counts"].tolist() if "class_counts" in constants else None
    scale = float(constants["target_scale"]) if "target_scale" in constants else None
    spec = trial.candidate.spec.bind(counts, scale)
    return {
        "number": trial.number,
        "standard": trial.candidate.standard,
        "loss": spec.to_json(),
        "formula": formula(spec),
        "learning_rate": trial.candidate.recipe.rate,
    }


def _sentence(document: dict[str, Any], task: str) -> str:
    metric, standard = document["metric"], document["best_standard"]["standard"]
    own, theirs = document["scores"]["winner"]["mean"], document["scores"]["best_standard"]["mean"]
    reached = f"on {task} the searched loss reaches {metric} {own:.4f} on test data against {theirs:.4f} for"
    interval = f"difference {document['difference']:+.4f}, {_interval(document)}"
    if document["better"]:
        return f"Better: {reached} the best tuned standard loss, {standard} ({interval})."
    if document["winner"]["standard"] is None:
        return f"Not shown to be better: {reached} {standard} ({interval})."
    use = f"{standard}, {metric} {theirs:.4f} on test data"
    challenger = document["challenger"]
    if challenger is None:
        return f"Not better: no searched loss survived the race on {task}; use {use}."
    return (
        f"Not better: on {task} no searched loss led the race by more than chance allows. Use {use}; "
        f"the best searched loss differs from it by {challenger['difference']:+.4f} "
        f"({_interval(challenger)})."
    )


def _interval(comparison: dict[str, Any]) -> str:
    return f"95% interval {comparison['ci_low']:+.4f} to {comparison['ci_high']:+.4f}"
