"""The standard losses as candidates: what a searched loss has to beat.

Weighted losses move the cut-off of a decision, and on an imbalanced table little else. Where the metric
reads decisions, a searched loss that only moves it would beat a usual loss that nobody gave a better cut-off.
So the usual loss of the kind competes with its threshold (its class offsets, where there are several classes)
tuned on held-out samples too, and so do the leading standard losses and the best searched ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ...losses.kinds import kind_named
from ..records import Candidate, Trial, best_of
from ..tasks.standard_losses import standards
from ..tasks.subject import Subject

TUNED = " + tuned cut-off"  # behind the name of a standard loss
MOST_COLUMNS = 20  # outputs of a model whose cut-offs are tuned: with more of them each has too few samples


def standard_candidates(subject: Subject) -> dict[str, Candidate]:
    """Return every standard loss by name, with the recipe that the search starts from.

    Names of one loss have candidates of one `loss_key`. Where `tunes_cutoffs`, the usual loss of the kind is
    there with a tuned cut-off too.
    """
    found = {
        name: Candidate(spec, subject.settings, standard=name) for name, spec in standards(subject).items()
    }
    usual = found.get(kind_named(subject.kind).usual_loss)
    if usual is not None and tunes_cutoffs(subject):
        tuned = with_tuned_cutoff(usual)
        found[tuned.standard or ""] = tuned
    return found


def tunes_cutoffs(subject: Subject) -> bool:
    """Return whether cut-offs can change the metric, and lossmith sees the outputs to tune them on."""
    kind, counts = kind_named(subject.kind), subject.constants.class_counts
    if not (subject.reports_outputs and subject.measure.of_decisions and kind.decision and counts):
        return False
    return not (kind.decision == "argmax" or kind.counts_nested) or len(counts) <= MOST_COLUMNS


def with_tuned_cutoff(candidate: Candidate) -> Candidate:
    """Return the same loss and recipe with a tuned cut-off, under a name that says so."""
    name = candidate.standard
    return replace(candidate, cutoff="tuned", standard=None if name is None else f"{name}{TUNED}")


def best_of_each(trials: Iterable[Trial], sign: int) -> dict[str, Trial]:
    """Return the best trial of each loss by its `loss_key`; none of a loss that never came to an end.

    Args:
        trials: Any trials.
        sign: +1 where a greater score is better, -1 where a smaller one is.
    """
    by_loss: dict[str, list[Trial]] = {}
    for trial in trials:
        by_loss.setdefault(trial.candidate.loss_key, []).append(trial)
    found = {loss: best_of(some, sign) for loss, some in by_loss.items()}
    return {loss: trial for loss, trial in found.items() if trial is not None}


def by_name(named: Mapping[str, Candidate], trials: Iterable[Trial], sign: int) -> dict[str, Trial]:
    """Return the best trial of each standard loss, by each of its names; names of one loss share a trial.

    Args:
        named: The standard losses by name.
        trials: The trials of headroom.
        sign: +1 where a greater score is better, -1 where a smaller one is.
    """
    found = best_of_each(trials, sign)
    also = {t.candidate.standard: t.candidate for t in found.values() if t.candidate.standard is not None}
    return {name: found[c.loss_key] for name, c in {**named, **also}.items() if c.loss_key in found}
