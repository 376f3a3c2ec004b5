"""Phase 3: the sealed test data, once."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ...losses import formula
from ..records import (
    VERDICT,
    VERDICT_QUESTION,
    Comparison,
    Entrant,
    RaceResult,
    StandardRow,
    Trial,
    Unit,
    Verdict,
    finite_or_none,
    recall,
    recall_record,
)
from ..records.verdict import Finding, Use
from ..statistics import bootstrap_refits, bootstrap_scores, compare, holm, mean, paired, refit_scores
from .context import SearchContext
from .headroom import Tuned
from .race import Finalists, most_repeats
from .race_table import CROWN

SIGNIFICANT = 0.05


def verdict(
    context: SearchContext, tuned: Tuned, finalists: Finalists, drawn: Trial | None = None
) -> Verdict:
    """Return the verdict: refits of the winner and of every standard loss, compared on test data.

    Refits differ in their seeds, and are all on the whole training part: resampling that too would train on
    fewer different samples, and so answer for another task.

    Args:
        context: the running search.
        tuned: the standard losses at their best learning rates.
        finalists: how the race ended.
        drawn: the best loss of a random search, if there was one.
    """
    standards = {t.number: t for t in tuned.best.values()}
    entrants = {t.number: t for t in (finalists.searched, *standards.values(), drawn) if t is not None}
    context.progress.phase("verdict", len(entrants))
    if context.ledger.find(*VERDICT) is None:
        _unseal(context, entrants)
    found = recall_record(
        context.ledger, VERDICT, Verdict, lambda: _judge(context, tuned, finalists, entrants, drawn)
    )
    context.progress.advance(len(entrants), found.winner.scores.mean)
    return found


def _unseal(context: SearchContext, entrants: dict[int, Trial]) -> None:
    """Log which question the test data are about to answer, before they are read.

    Whoever is killed after that may ask the same question again and no other: it has one answer. Raises
    `RuntimeError` for another one.
    """
    asked = {"losses": [t.candidate.key for t in entrants.values()], "refits": context.plan.verdict_seeds}
    before = context.ledger.find(*VERDICT_QUESTION)
    if before is not None and before.payload != asked:
        raise RuntimeError(
            "the test data were read for other losses before this search was interrupted, and may not be "
            "read again; start a new search"
        )
    again = "" if before is None else ", as before the interruption"
    context.progress.note(
        f"verdict: the test data of {context.task.name} are read now, once{again}: {len(entrants)} losses, "
        f"{context.plan.verdict_seeds} refits of each"
    )
    recall(context.ledger, *VERDICT_QUESTION, lambda: Unit(*VERDICT_QUESTION, payload=asked))


def _judge(
    context: SearchContext,
    tuned: Tuned,
    finalists: Finalists,
    entrants: dict[int, Trial],
    drawn: Trial | None,
) -> Verdict:
    task, plan = context.task, context.plan
    metric = task.measure
    repeats = context.fresh_repeats(most_repeats(plan), plan.verdict_seeds, plan.race_rounds + 1)
    tested = context.runner.test(
        [t.candidate for t in entrants.values()], repeats, context.watch(0, len(entrants), None)
    )
    complete = _complete(tested.scores, metric.sign)
    if tested.outputs is None or tested.targets is None:
        resampled = bootstrap_refits(complete, plan.seed)
    else:
        resampled = bootstrap_scores(
            metric.weighted(tested.weights), tested.outputs, tested.targets, plan.seed
        )
    scores = dict(zip(entrants, complete.tolist(), strict=True))
    place = {number: index for index, number in enumerate(entrants)}

    def against(trial: Trial, other: Trial) -> Comparison:
        one, two = scores[trial.number], scores[other.number]
        places = place[trial.number], place[other.number]
        compared = compare(resampled, *places, mean(one) - mean(two), metric.sign)
        wilcoxon_p, effect_size = paired(one, two)
        return replace(compared, wilcoxon_p=wilcoxon_p, effect_size=effect_size)

    def entrant(trial: Trial, ahead: Comparison | None = None) -> Entrant:
        spec, rate = task.bound(trial.candidate.spec), trial.candidate.recipe.rate
        own = refit_scores(scores[trial.number])
        return Entrant(trial.number, trial.candidate.standard, spec, formula(spec), rate, own, ahead)

    winner, standard, searched = finalists.winner, finalists.standard, finalists.searched
    table = {
        name: StandardRow(refit_scores(scores[t.number], t.candidate.recipe.rate), against(winner, t))
        for name, t in tuned.best.items()
    }
    # A loss that goes by two names is one comparison.
    distinct = {t.candidate.spec.hash: name for name, t in tuned.best.items()}
    p_values = [table[name].behind.p_value for name in distinct.values()]
    corrected = dict(zip(distinct, holm(p_values), strict=True))
    table = {
        name: replace(row, p_value_holm=corrected[tuned.best[name].candidate.spec.hash])
        for name, row in table.items()
    }
    ahead = against(winner, standard)
    conclusion: Finding = "not better"
    if winner is searched:
        leads_all = all(metric.sign * row.behind.difference > 0 for row in table.values())
        conclusion = _conclusion(ahead, metric.sign, plan.margin, leads_all=leads_all)
    found = Verdict(
        winner=entrant(winner),
        best_standard=entrant(standard),
        challenger=None if searched is None else entrant(searched, against(searched, standard)),
        random_search=None if drawn is None else entrant(drawn, against(searched or winner, drawn)),
        metric=str(task.metric),
        greater_is_better=metric.greater_is_better,
        ahead=ahead,
        repeats=plan.verdict_seeds,
        sources=("refits",) if tested.outputs is None else ("refits", "test samples"),
        scored_on=tested.scored_on,
        conclusion=conclusion,
        use=_use(ahead.difference * metric.sign, crowned=winner is searched),
        margin=plan.margin,
        race=RaceResult(
            lead=finalists.lead.mean,
            refit_error=finite_or_none(finalists.lead.refits),
            sample_error=finalists.lead.samples,
            standard_errors=finite_or_none(finalists.lead.errors),
            needed=CROWN,
            rounds=finalists.rounds,
            crowned=finalists.crowned,
        ),
        against=table,
        sentence="",
    )
    return replace(found, sentence=_sentence(found, task.name))


def _complete(scores: Tensor, sign: int) -> Tensor:
    """The scores with the worst of them in the place of those that are no numbers."""
    if not bool(scores.isfinite().any()):
        raise RuntimeError("no refit of the verdict has a score; check the metric on the test part")
    known = scores[scores.isfinite()]
    worst = known.min() if sign > 0 else known.max()
    return torch.where(scores.isfinite(), scores, worst)


def _conclusion(ahead: Comparison, sign: int, margin: float, *, leads_all: bool) -> Finding:
    """What a comparison of the crowned loss with the best standard loss shows.

    "better" takes an interval wholly on the good side, and no standard loss with a better mean: the race may
    have named another one the best. "no worse" takes one that ends within the margin on the bad side.
    """
    least, _ = ahead.toward_better(sign)
    if least > 0 and ahead.p_value < SIGNIFICANT and leads_all:
        return "better"
    return "no worse" if margin > 0 and least > -margin else "not better"


def _use(lead: float, *, crowned: bool) -> Use:
    """Which of the verdict's two losses to train with.

    One that led the race by more than chance allows and leads on test data too is the better guess, even
    where so few test data cannot show it: what they are for is to speak against it.
    """
    return "winner" if lead > 0 or not crowned else "best_standard"


def _sentence(found: Verdict, task: str) -> str:
    metric, standard = found.metric, found.best_standard.standard
    own, theirs = found.winner.scores.mean, found.best_standard.scores.mean
    data = "test data" if found.scored_on == "test" else "its validation data, with fresh seeds,"
    reached = f"on {task} the searched loss reaches {metric} {own:.4f} on {data} against {theirs:.4f} for"
    interval = f"difference {found.ahead.difference:+.4f}, {_interval(found.ahead, found)}"
    if found.better:
        return f"Better: {reached} the best tuned standard loss, {standard} ({interval})."
    if found.conclusion == "no worse":
        return (
            f"No worse: {reached} {standard}, and by the margin of {found.margin:g} it is not below it "
            f"({interval})."
        )
    if found.winner.standard is None:
        advice = (
            "It led the race by more than chance allows and leads here, so use it"
            if found.use == "winner"
            else f"It led the race but not here, so use {standard}"
        )
        return f"Not shown to be better: {reached} {standard} ({interval}). {advice}."
    use = f"{standard}, the standard loss that led it: {metric} {theirs:.4f} on {data.rstrip(',')}"
    challenger = found.challenger
    if challenger is None or challenger.ahead is None:
        return f"Not better: no searched loss survived the race on {task}. Use {use}."
    return (
        f"Not better: on {task} no searched loss led the race by more than chance allows. Use {use}; "
        f"the best searched loss differs from it by {challenger.ahead.difference:+.4f} "
        f"({_interval(challenger.ahead, found)})."
    )


def _interval(ahead: Comparison, found: Verdict) -> str:
    alone = " over refits alone" if found.sources == ("refits",) else ""
    return f"95% interval{alone} {ahead.ci_low:+.4f} to {ahead.ci_high:+.4f}"
