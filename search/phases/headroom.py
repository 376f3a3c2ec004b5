"""Phase 0: the standard losses, each over several learning rates.

They are tuned as the searched losses will be, they are what a winner has to beat, and their differences
tell how much a loss can matter on this task at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...losses import standard_specs
from ..statistics import deviation, mean
from ..trial import Candidate, Trial
from .stage import Stage

CLEAR = 2.25  # standard errors beyond which a difference is taken for real


@dataclass(frozen=True)
class Tuned:
    """The standard losses at their best learning rates, by name, and every trial it took to find them.

    `stop` says why the search should end here, when it should.
    """

    best: dict[str, Trial]
    trials: tuple[Trial, ...]
    stop: str | None = None


def headroom(stage: Stage) -> Tuned:
    """Train every standard loss over `plan.rates` learning rates, all in one cohort."""
    candidates, names = _candidates(stage)
    stage.progress.phase("headroom", len(candidates))
    trials = stage.trials(
        "headroom", 0, 0, candidates, None, watch=stage.watch(0, len(candidates), None)
    ).trials
    best = {}
    for name, places in names.items():
        found = stage.best([trials[place] for place in places])
        if found is not None:
            best[name] = found
    leader = stage.best(trials)
    stage.progress.advance(len(trials), leader.outcome.score if leader else None)
    if leader is None:
        return Tuned(
            best, trials, "every standard loss diverged at every learning rate; check the data and the recipe"
        )
    message, matters = _assess(stage, best, leader)
    if stage.plan.headroom != "off":
        stage.progress.note(message)
    stop = stage.plan.headroom == "stop" and not matters
    return Tuned(best, trials, f"{message} (headroom: stop)" if stop else None)


def _candidates(stage: Stage) -> tuple[list[Candidate], dict[str, list[int]]]:
    """The candidates, and for each standard loss the places of its own; equal losses share theirs."""
    candidates: list[Candidate] = []
    places: dict[str, list[int]] = {}
    by_hash: dict[str, str] = {}
    for name, spec in standard_specs(stage.task.kind).items():
        twin = by_hash.setdefault(spec.hash, name)
        if twin != name:
            places[name] = places[twin]
            continue
        places[name] = []
        for rate in stage.search.rates(stage.plan.rates):
            places[name].append(len(candidates))
            candidates.append(Candidate(spec, stage.task.settings.with_rate(rate), standard=name))
    return candidates, places


def _assess(stage: Stage, best: dict[str, Trial], leader: Trial) -> tuple[str, bool]:
    """How far apart the tuned standard losses are, against how far apart repeats of one loss are."""
    leads = (
        f"the best tuned standard loss is {leader.candidate.standard} with {stage.task.metric} "
        f"{leader.outcome.score:.4f}"
    )
    if len(leader.repeats) < 2:
        return (
            f"headroom: one repeat cannot tell a difference from noise, so give more repeats; {leads}",
            True,
        )
    unique = list({t.number: t for t in best.values()}.values())
    noise = mean([deviation(_centred(t, unique)) for t in unique]) if len(unique) > 1 else 0.0
    error = noise * (2 / len(leader.repeats)) ** 0.5
    usual = best.get("cross_entropy") or best.get("bce") or best.get("mse")
    gap = abs(leader.outcome.score - usual.outcome.score) if usual else 0.0
    matters = gap > CLEAR * error
    verb = "matters" if matters else "makes little difference"
    text = f"headroom: the choice of the loss {verb} here: {leads}"
    if usual is not None:
        text += (
            f", {gap:.4f} from tuned {usual.candidate.standard}; two losses that are equal would differ by "
            f"{error:.4f} (standard error)"
        )
    return text, matters


def _centred(trial: Trial, others: Sequence[Trial]) -> list[float]:
    """A trial's scores less the mean of all tuned standard losses on the same repeat: paired noise."""
    return [
        score - mean([other.outcome.scores[i] for other in others])
        for i, score in enumerate(trial.outcome.scores)
    ]
