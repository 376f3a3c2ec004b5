"""The sealed test data: read once, for a question that is kept before they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...losses import formula
from ..records import (
    VERDICT,
    VERDICT_QUESTION,
    Comparison,
    Entrant,
    Tested,
    Trial,
    Unit,
    Verdict,
    recall,
    recall_record,
)
from .context import SearchContext
from .race import most_repeats
from .refits import Refits, with_cutoffs
from .widening import Edge


def judged(context: SearchContext, entrants: Mapping[int, Trial], judge: Callable[[], Verdict]) -> Verdict:
    """Return the verdict that the ledger keeps, or that `judge` reaches on the test data.

    Args:
        context: The running search.
        entrants: The losses that are refitted, by the numbers of their trials.
        judge: Refits them and compares them.
    """
    context.progress.phase("verdict", len(entrants))
    if context.ledger.find(*VERDICT) is None:
        _unseal(context, entrants)
    found = recall_record(context.ledger, VERDICT, Verdict, judge)
    context.progress.advance(len(entrants), None)
    return found


def _unseal(context: SearchContext, entrants: Mapping[int, Trial]) -> None:
    """Log which question the test data, where there are some, are about to answer, before they are read.

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
    name = context.task.name
    data = (
        f"the test data of {name} are read now, once{again}"
        if context.task.tests
        else f"{name} has no test data, so its validation data judge, with fresh seeds"
    )
    context.progress.note(
        f"verdict: {data}: {len(entrants)} losses, each trained anew {context.plan.verdict_seeds} times"
    )
    recall(context.ledger, *VERDICT_QUESTION, lambda: Unit(*VERDICT_QUESTION, payload=asked))


def refitted(
    context: SearchContext, entrants: Mapping[int, Trial], raced: Mapping[int, tuple[float, ...]]
) -> tuple[Tested, Refits, Mapping[int, tuple[float, ...]]]:
    """Train the losses anew on the whole training part and measure them on the test part.

    Args:
        context: The running search.
        entrants: The losses, by the numbers of their trials.
        raced: The cut-offs that the race tuned, likewise; without one, those of the trial count.

    Returns:
        What the runner measured, with the cut-offs; the refits, compared; and the cut-offs by number.
    """
    plan, metric = context.plan, context.task.measure
    repeats = context.fresh_repeats(most_repeats(plan), plan.verdict_seeds, plan.race_rounds + 1)
    watch = context.watch(0, len(entrants), None)
    tested = context.runner.test([t.candidate for t in entrants.values()], repeats, watch)
    offsets = {
        n: raced.get(n, (t.candidate.cutoff == "tuned" and t.outcome.offsets) or ())
        for n, t in entrants.items()
    }
    tested = with_cutoffs(tested, list(offsets.values()), metric)
    return tested, Refits.of(tested, list(entrants), metric, plan.seed), offsets


def entrant(
    context: SearchContext,
    refits: Refits,
    trial: Trial,
    *,
    offsets: Mapping[int, tuple[float, ...]],
    edges: Sequence[Edge],
    ahead: Comparison | None = None,
) -> Entrant:
    """Return what a verdict tells of a loss that was refitted.

    Args:
        context: The running search.
        refits: The refits.
        trial: The trial that the loss and its recipe come from.
        offsets: The cut-offs by the numbers of the trials.
        edges: The searched numbers of the loss whose value is the outermost that was tried.
        ahead: Its comparison with another loss.
    """
    spec = context.task.bound(trial.candidate.spec)
    return Entrant(
        number=trial.number,
        standard=trial.candidate.standard,
        loss=spec,
        formula=formula(spec),
        learning_rate=trial.candidate.recipe.rate,
        scores=refits.scores(trial),
        ahead=ahead,
        offsets=tuple(offsets[trial.number]),
        at_edge=tuple(edge.words for edge in edges),
    )
