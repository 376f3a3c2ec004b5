"""Phase 3: the sealed test data, once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...losses import formula
from ..records.ledger import Unit, recall
from ..records.trial import Trial
from ..statistics import bootstrap_refits, bootstrap_scores, compare, deviation, holm, mean, paired
from .context import SearchContext
from .headroom import Tuned
from .race import Finalists, most_repeats
from .race_table import CROWN

SIGNIFICANT = 0.05


def verdict(
    stage: SearchContext, tuned: Tuned, finalists: Finalists, rival: Trial | None = None
) -> dict[str, Any]:
    """The verdict's document: refits of the winner and of every standard loss, compared on test data.

    Refits differ in their seeds, and are all on the whole training part: resampling that too would train on
    fewer different samples, and so answer for another task. `rival` is the best of a random search.
    """
    standards = {t.number: t for t in tuned.best.values()}
    entrants = {t.number: t for t in (finalists.searched, *standards.values(), rival) if t is not None}
    stage.progress.phase("verdict", len(entrants))
    if stage.ledger.find("verdict", 0) is None:
        _unseal(stage, entrants)
    unit = recall(
        stage.ledger,
        "verdict",
        0,
        lambda: Unit("verdict", 0, payload=_judge(stage, tuned, finalists, entrants, rival)),
    )
    document = unit.payload
    assert document is not None
    stage.progress.advance(len(entrants), document["scores"]["winner"]["mean"])
    return document


def _unseal(stage: SearchContext, entrants: dict[int, Trial]) -> None:
    """Log which question the test data are about to answer, before they are read.

    Whoever is killed after that may ask the same question again and no other: it has one answer. Raises
    `RuntimeError` for another one.
    """
    asked = {"losses": [t.candidate.key for t in entrants.values()], "refits": stage.plan.verdict_seeds}
    before = stage.ledger.find("verdict", 1)
    if before is not None and before.payload != asked:
        raise RuntimeError(
            "the test data were read for other losses before this search was interrupted, and may not be "
            "read again; start a new search"
        )
    again = "" if before is None else ", as before the interruption"
    stage.progress.note(
        f"verdict: the test data of {stage.task.name} are read now, once{again}: {len(entrants)} losses, "
        f"{stage.plan.verdict_seeds} refits of each"
    )
    recall(stage.ledger, "verdict", 1, lambda: Unit("verdict", 1, payload=asked))


def _judge(
    stage: SearchContext, tuned: Tuned, finalists: Finalists, entrants: dict[int, Trial], rival: Trial | None
) -> dict[str, Any]:
    task, plan = stage.task, stage.plan
    metric = task.measure
    repeats = stage.fresh_repeats(most_repeats(plan), plan.verdict_seeds, plan.race_rounds + 1)
    tested = stage.runner.test(
        [t.candidate for t in entrants.values()], repeats, stage.watch(0, len(entrants), None)
    )
    complete = _complete(tested.scores, metric.sign)
    if tested.outputs is None or tested.targets is None:
        drawn = bootstrap_refits(complete, plan.seed)
    else:
        drawn = bootstrap_scores(metric, tested.outputs, tested.targets, plan.seed)
    scores = complete.tolist()
    place = {number: index for index, number in enumerate(entrants)}

    def summary(trial: Trial) -> dict[str, Any]:
        values = scores[place[trial.number]]
        return {"mean": mean(values), "sd": deviation(values), "by_repeat": values}

    def against(trial: Trial, other: Trial) -> dict[str, Any]:
        one, two = place[trial.number], place[other.number]
        comparison = compare(drawn, one, two, mean(scores[one]) - mean(scores[two]), metric.sign)
        return {**vars(comparison), **paired(scores[one], scores[two])}

    winner, standard, searched = finalists.winner, finalists.standard, finalists.searched
    table = {
        name: {**against(winner, t), **summary(t), "learning_rate": t.candidate.recipe.rate}
        for name, t in tuned.best.items()
    }
    # A loss that goes by two names is one comparison.
    distinct = {t.candidate.spec.hash: name for name, t in tuned.best.items()}
    corrected = dict(zip(distinct, holm([table[name]["p_value"] for name in distinct.values()]), strict=True))
    for name, t in tuned.best.items():
        table[name]["p_value_holm"] = corrected[t.candidate.spec.hash]
    ahead = against(winner, standard)
    conclusion = "not better"
    if winner is searched:
        leads_all = all(metric.sign * row["difference"] > 0 for row in table.values())
        conclusion = _conclusion(ahead, metric.sign, plan.margin, leads_all=leads_all)
    document: dict[str, Any] = {
        "winner": _entry(stage, winner),
        "best_standard": _entry(stage, standard),
        "challenger": None
        if searched is None
        else {**_entry(stage, searched), **summary(searched), **against(searched, standard)},
        "random_search": None
        if rival is None
        else {**_entry(stage, rival), **summary(rival), **against(searched or winner, rival)},
        "metric": task.metric,
        "greater_is_better": metric.greater_is_better,
        "scores": {"winner": summary(winner), "best_standard": summary(standard)},
        **ahead,
        "repeats": plan.verdict_seeds,
        "sources": ["refits"] if tested.outputs is None else ["refits", "test samples"],
        "scored_on": tested.scored_on,
        "better": conclusion == "better",
        "conclusion": conclusion,
        "use": _use(ahead["difference"] * metric.sign, crowned=winner is searched),
        "margin": plan.margin,
        "race": {
            "lead": finalists.lead.mean,
            "refit_error": _finite(finalists.lead.refits),
            "sample_error": finalists.lead.samples,
            "standard_errors": _finite(finalists.lead.errors),
            "needed": CROWN,
            "rounds": finalists.rounds,
            "crowned": finalists.crowned,
        },
        "against": table,
    }
    return {**document, "sentence": _sentence(document, task.name)}


def _complete(scores: Tensor, sign: int) -> Tensor:
    """The scores with the worst of them in the place of those that are no numbers."""
    if not bool(scores.isfinite().any()):
        raise RuntimeError("no refit of the verdict has a score; check the metric on the test part")
    known = scores[scores.isfinite()]
    worst = known.min() if sign > 0 else known.max()
    return torch.where(scores.isfinite(), scores, worst)


def _conclusion(comparison: dict[str, Any], sign: int, margin: float, *, leads_all: bool) -> str:
    """What a comparison of the crowned loss with the best standard loss shows.

    "better" takes an interval wholly on the good side, and no standard loss with a better mean: the race may
    have named another one the best. "no worse" takes one that ends within the margin on the bad side.
    """
    least = comparison["ci_low"] if sign > 0 else -comparison["ci_high"]
    if least > 0 and comparison["p_value"] < SIGNIFICANT and leads_all:
        return "better"
    return "no worse" if margin > 0 and least > -margin else "not better"


def _use(lead: float, *, crowned: bool) -> str:
    """Which of the document's two losses to train with.

    One that led the race by more than chance allows and leads on test data too is the better guess, even
    where so few test data cannot show it: what they are for is to speak against it.
    """
    return "winner" if lead > 0 or not crowned else "best_standard"


def _finite(value: float) -> float | None:
    return value if abs(value) != float("inf") else None


def _entry(stage: SearchContext, trial: Trial) -> dict[str, Any]:
    """A loss in the verdict, bound to the constants of the whole training part."""
    spec = stage.task.bound(trial.candidate.spec)
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
    data = "test data" if document["scored_on"] == "test" else "its validation data, with fresh seeds,"
    reached = f"on {task} the searched loss reaches {metric} {own:.4f} on {data} against {theirs:.4f} for"
    interval = f"difference {document['difference']:+.4f}, {_interval(document, document['sources'])}"
    if document["better"]:
        return f"Better: {reached} the best tuned standard loss, {standard} ({interval})."
    if document["conclusion"] == "no worse":
        return (
            f"No worse: {reached} {standard}, and by the margin of {document['margin']:g} it is not below it "
            f"({interval})."
        )
    if document["winner"]["standard"] is None:
        advice = (
            "It led the race by more than chance allows and leads here, so use it"
            if document["use"] == "winner"
            else f"It led the race but not here, so use {standard}"
        )
        return f"Not shown to be better: {reached} {standard} ({interval}). {advice}."
    use = f"{standard}, the standard loss that led it: {metric} {theirs:.4f} on {data.rstrip(',')}"
    challenger = document["challenger"]
    if challenger is None:
        return f"Not better: no searched loss survived the race on {task}. Use {use}."
    return (
        f"Not better: on {task} no searched loss led the race by more than chance allows. Use {use}; "
        f"the best searched loss differs from it by {challenger['difference']:+.4f} "
        f"({_interval(challenger, document['sources'])})."
    )


def _interval(comparison: dict[str, Any], sources: list[str]) -> str:
    alone = " over refits alone" if sources == ["refits"] else ""
    return f"95% interval{alone} {comparison['ci_low']:+.4f} to {comparison['ci_high']:+.4f}"
