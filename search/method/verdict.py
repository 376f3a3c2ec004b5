"""Phase 3: the sealed test data, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ...losses.kinds import kind_named
from ..records import Comparison, Entrant, RaceResult, StandardRow, Trial, Verdict, finite_or_none
from ..records.verdict import Finding, Use
from ..statistics import N_RESAMPLES, holm
from .confusion import Confusion, confusion
from .context import SearchContext
from .headroom import Tuned
from .race import Finalists
from .race_table import CROWN
from .refits import Refits
from .sealed import entrant as refitted_entrant
from .sealed import judged, refitted
from .verdict_words import sentence_of
from .widening import Edge, ends

CHALLENGER = "challenger"
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
    return judged(context, entrants, lambda: _judge(context, tuned, finalists, entrants, drawn))


def _judge(
    context: SearchContext,
    tuned: Tuned,
    finalists: Finalists,
    entrants: dict[int, Trial],
    drawn: Trial | None,
) -> Verdict:
    task, plan = context.task, context.plan
    metric = task.measure
    tested, refits, offsets = refitted(context, entrants, finalists.offsets)

    def confused(trial: Trial) -> Confusion:
        if tested.outputs is None or tested.targets is None:
            return ()
        return confusion(task.kind, tested.outputs[list(entrants).index(trial.number)], tested.targets)

    def entrant(trial: Trial, ahead: Comparison | None = None) -> Entrant:
        edges = _at_edge(context, tuned, trial)
        found = refitted_entrant(context, refits, trial, offsets=offsets, edges=edges, ahead=ahead)
        return replace(found, confusion=confused(trial))

    winner, standard, searched = finalists.winner, finalists.standard, finalists.searched
    against = {name: refits.compare(winner, t) for name, t in tuned.best.items()}
    challenge = None if searched is None else refits.compare(searched, standard)
    corrected = _corrected(tuned, against, challenge if winner is standard else None)
    table = {
        name: StandardRow(
            refits.scores(t, t.candidate.recipe.rate), against[name], corrected[t.candidate.loss_key]
        )
        for name, t in tuned.best.items()
    }
    ahead = refits.compare(winner, standard)
    conclusion: Finding = "not better"
    if winner is searched:
        leads_all = all(metric.sign * row.difference > 0 for row in against.values())
        conclusion = _conclusion(ahead, metric.sign, plan.margin, leads_all=leads_all)
    usual = tuned.best.get(kind_named(task.kind).usual_loss)
    use = _use(refits, finalists, usual, metric.sign)
    chosen = {"winner": winner, "best_standard": standard, "usual": usual or standard}[use]
    apart = usual is not None and usual.number != chosen.number
    challenger = None if searched is None else entrant(searched, challenge)
    found = Verdict(
        winner=entrant(winner),
        best_standard=entrant(standard),
        challenger=challenger and replace(challenger, p_value_holm=corrected.get(CHALLENGER)),
        random_search=None if drawn is None else entrant(drawn, refits.compare(searched or winner, drawn)),
        metric=str(task.metric),
        greater_is_better=metric.greater_is_better,
        ahead=ahead,
        repeats=plan.verdict_seeds,
        sources=("refits",) if tested.outputs is None else ("refits", "test samples"),
        scored_on=tested.scored_on,
        conclusion=conclusion,
        use=use,
        margin=plan.margin,
        race=race_result(finalists),
        against=table,
        sentence="",
        usual=None if usual is None else entrant(usual),
        gain=refits.compare(chosen, usual) if apart and usual is not None else None,
        constant=None if tested.targets is None else task.constant_score(tested.targets),
        n_resamples=N_RESAMPLES,
    )
    warnings = tuple(warnings_of(found, refits, chosen, tuned))
    return replace(found, warnings=warnings, sentence=sentence_of(found, task.name))


def race_result(finalists: Finalists) -> RaceResult:
    """Return how the race ended, as the verdict tells it."""
    return RaceResult(
        lead=finalists.lead.mean,
        refit_error=finite_or_none(finalists.lead.refits),
        sample_error=finalists.lead.samples,
        standard_errors=finite_or_none(finalists.lead.errors),
        needed=CROWN,
        rounds=finalists.rounds,
        crowned=finalists.crowned,
    )


def _corrected(
    tuned: Tuned, against: Mapping[str, Comparison], challenge: Comparison | None
) -> dict[str, float]:
    """P-values by the keys of the losses, corrected for the rows of the table, each loss counted once."""
    p_values = {tuned.best[name].candidate.loss_key: row.p_value for name, row in against.items()}
    if challenge is not None:
        p_values[CHALLENGER] = challenge.p_value
    return dict(zip(p_values, holm(list(p_values.values())), strict=True))


def _at_edge(context: SearchContext, tuned: Tuned, trial: Trial) -> Sequence[Edge]:
    """The searched numbers of a loss whose value is the outermost that was tried."""
    if trial.candidate.standard is None:
        return ends(trial.candidate, context.proposer.space)
    return tuned.at_edge.get(trial.candidate.loss_key, ())


def warnings_of(found: Verdict, refits: Refits, chosen: Trial, tuned: Tuned) -> Iterator[str]:
    """Tell what a reader of the verdict should know.

    Args:
        found: The verdict.
        refits: The refits it was reached on.
        chosen: The trial of the loss to use.
        tuned: The losses it is compared with, at their best learning rates.
    """
    own, sign, n = found.recommended, found.sign, found.decimals
    if found.constant is not None and sign * (own.scores.mean - found.constant) <= own.scores.sd:
        yield (
            f"the models have learnt nothing that {found.metric} sees: an answer that never looks at the "
            f"inputs scores {found.constant:.{n}f}, the loss to use {own.scores.mean:.{n}f}; check the data, "
            "the model and the recipe before the loss"
        )
    p_values: dict[str, tuple[str, Comparison]] = {}
    for name, trial in tuned.best.items():
        if trial.number != chosen.number:
            p_values[trial.candidate.loss_key] = (name, refits.compare(trial, chosen))
    corrected = holm([row.p_value for _, row in p_values.values()])
    better = [
        name
        for (name, row), p in zip(p_values.values(), corrected, strict=True)
        if row.toward_better(sign)[0] > 0 and p < SIGNIFICANT
    ]
    if better:
        yield (
            f"on test data {', '.join(better)} scored better than the loss to use, by more than chance "
            "allows, though not where losses were chosen; a loss that is chosen by its test score looks "
            "better than it is, so compare the two on new data"
        )
    for edge in own.at_edge:
        yield f"the loss to use lies at the end of a range: its {edge}; a wider range may hold a better one"


def _conclusion(ahead: Comparison, sign: int, margin: float, *, leads_all: bool) -> Finding:
    """What a comparison of the crowned loss with the best standard loss shows.

    "better" takes an interval wholly on the good side, and no standard loss with a better mean: the race may
    have named another one the best. "no worse" takes one that ends within the margin on the bad side.
    """
    least, _ = ahead.toward_better(sign)
    if least > 0 and ahead.p_value < SIGNIFICANT and leads_all:
        return "better"
    return "no worse" if margin > 0 and least > -margin else "not better"


def _use(refits: Refits, finalists: Finalists, usual: Trial | None, sign: int) -> Use:
    """Which loss to train with.

    A loss that led the race by more than chance allows, and that leads on test data too, is the better guess
    even where so few test data cannot show it: what they are for is to speak against it. That holds for a
    searched loss against the best standard one, and for that one against the usual loss, which whoever has
    seen no difference stays with.
    """
    winner, standard = finalists.winner, finalists.standard
    if winner is finalists.searched and sign * refits.compare(winner, standard).difference > 0:
        return "winner"
    if usual is None or usual.number == standard.number:
        return "best_standard"
    ahead = refits.compare(standard, usual)
    led = finalists.over_usual is not None and finalists.over_usual.errors > CROWN
    shown = ahead.toward_better(sign)[0] > 0 and ahead.p_value < SIGNIFICANT
    return "best_standard" if shown or (led and sign * ahead.difference > 0) else "usual"
