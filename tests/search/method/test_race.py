"""The race gives everybody fresh repeats, drops who is clearly behind and crowns only a clear lead."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import pytest
from scipy.stats import t as student

from lossmith.search import Candidate, Repeat, Task, Trial, statistics
from lossmith.search.method.context import SearchContext
from lossmith.search.method.explore import explore
from lossmith.search.method.headroom import Tuned, headroom
from lossmith.search.method.race import GROWTH, Finalists, race
from lossmith.search.method.race_table import CLEAR, CROWN, RaceTable, widened
from lossmith.search.records import RaceRound
from lossmith.search.statistics import mean
from lossmith.spaces import Domain, Space

from ..simulation import (
    PLAN,
    JsonLedger,
    Quality,
    RecordedProgress,
    SimulatedRunner,
    by_rate,
    context_of,
    is_standard,
    ordinary,
)

HUBER = Space("regression", {"huber.delta": Domain(0.1, 10, log=True)}, {}, {"mix.huber": 1.0})


def begun(context: SearchContext) -> tuple[Tuned, tuple[Trial, ...]]:
    """Headroom and explore."""
    tuned = headroom(context)
    return tuned, explore(context, tuned.trials)


def raced(runner: SimulatedRunner, **context: object) -> tuple[Finalists, list[int]]:
    """The finalists, and how many took part in each round."""
    made = context_of(runner, **context)  # type: ignore[arg-type]  # a context's own settings
    tuned, explored = begun(made)
    before = len(runner.trained)
    finalists = race(made, tuned, explored)
    return finalists, [len(candidates) for candidates, _ in runner.trained[before:]]


def lead_of(lead: float) -> Quality:
    """Searched losses that are better than every standard loss by `lead`, learning rates being no matter."""
    return lambda candidate: 0.7 if is_standard(candidate) else 0.7 + lead


def fresh(repeat: Repeat) -> bool:
    """Whether it is one of the race's repeats."""
    return repeat.seed >= PLAN.seeds


def test_the_best_searched_losses_meet_every_standard_loss(task: Task) -> None:
    """The first round has each tuned standard loss once and the best `contenders` of the complete trials."""
    runner = SimulatedRunner(task)
    context = context_of(runner)
    tuned, explored = begun(context)
    before = len(runner.trained)
    race(context, tuned, explored)
    first = [c.key for c in runner.trained[before][0]]
    whole = sorted((t for t in explored if t.outcome.state == "complete"), key=lambda t: -t.outcome.score)
    assert set(first) == {t.candidate.key for t in (*tuned.best.values(), *whole[: PLAN.contenders])}
    assert len(first) == len(set(first))


@pytest.mark.parametrize("folds", [1, 3])
def test_every_round_has_repeats_of_its_own(task: Task, folded_task: Task, folds: int) -> None:
    """No repeat of the race was seen in exploring or in another round: new seeds, and new partitions."""
    runner = SimulatedRunner(task if folds == 1 else folded_task)
    context = context_of(runner, plan=replace(PLAN, folds=folds))
    tuned, explored = begun(context)
    selected_on = {r for _, repeats in runner.trained for r in repeats}
    before = len(runner.trained)
    race(context, tuned, explored)
    rounds = [repeats for _, repeats in runner.trained[before:]]
    assert len(rounds) == PLAN.race_rounds
    everything = [repeat for repeats in rounds for repeat in repeats]
    assert len({repeat.seed for repeat in everything} | {r.seed for r in selected_on}) == len(everything) + 3
    assert {r.partition for r in everything}.isdisjoint({r.partition for r in selected_on})
    assert all(0 <= repeat.fold < folds for repeat in everything)
    assert len({repeat.fold for repeat in everything}) == folds


def test_the_fewer_are_left_the_more_often_they_are_repeated(task: Task) -> None:
    """A round takes about as much work as the first, up to `GROWTH` times its repeats; none takes less."""
    runner = SimulatedRunner(task)
    context = context_of(runner)
    tuned, explored = begun(context)
    before = len(runner.trained)
    race(context, tuned, explored)
    sizes = [(len(candidates), len(repeats)) for candidates, repeats in runner.trained[before:]]
    first, seeds = sizes[0][0], PLAN.race_seeds
    assert first > GROWTH * sizes[-1][0]
    assert [repeats for _, repeats in sizes] == [seeds * min(GROWTH, first // left) for left, _ in sizes]


def test_a_round_counts_by_its_repeats(task: Task) -> None:
    """The luck of the samples is told for the same mean of repeats that the lead is."""
    tuned, explored = begun(context_of(SimulatedRunner(task)))
    table = RaceTable({0: tuned.trials[0]}, {1: explored[0]}, 1)
    table.record(0, RaceRound({0: [0.0], 1: [1.0]}, {0: [0.0, 0.0], 1: [1.0, 3.0]}))
    table.record(1, RaceRound({0: [0.0] * 3, 1: [2.0] * 3}, {0: [0.0, 0.0], 1: [2.0, 2.0]}))
    assert table.lead(1, 0).mean == pytest.approx(1.75)
    assert table.lead(1, 0).samples == pytest.approx(statistics.deviation([1.75, 2.25]))


def test_a_lead_beyond_chance_is_crowned(task: Task) -> None:
    """Searched losses that are better by .05, with noise of .004, win by many standard errors."""
    finalists, _ = raced(SimulatedRunner(task, lead_of(0.05)))
    assert finalists.crowned
    assert finalists.winner is finalists.searched
    assert finalists.lead.mean == pytest.approx(0.05, abs=0.01)
    assert finalists.lead.errors > CROWN


def test_without_a_lead_a_standard_loss_wins(task: Task) -> None:
    """Searched losses that are worse by .05 are not crowned; the winner is the best standard loss."""
    finalists, _ = raced(SimulatedRunner(task, lead_of(-0.05)))
    assert not finalists.crowned
    assert finalists.winner is finalists.standard
    assert finalists.standard.candidate.standard is not None


def test_crowned_is_what_leads_by_more_than_chance(task: Task) -> None:
    """Over 24 races between equals, the rule is kept to the letter, and most are not crowned.

    The lead is recomputed from the scores that the ledger holds.
    """
    crowned = 0
    for seed in range(24):
        ledger = JsonLedger()
        finalists, rounds = raced(
            SimulatedRunner(task, lead_of(0), own=0.01),
            ledger=ledger,
            plan=replace(PLAN, seed=seed, seeds=3 + seed),
        )
        if finalists.searched is None:
            continue
        units = [ledger.find("race", index) for index in range(len(rounds))]
        scores = {
            trial.number: [
                s for unit in units if unit for s in (unit.payload or {})["scores"][str(trial.number)]
            ]
            for trial in (finalists.searched, finalists.standard)
        }
        differences = [
            a - b
            for a, b in zip(
                *(scores[t.number] for t in (finalists.searched, finalists.standard)), strict=True
            )
        ]
        assert finalists.lead.mean == pytest.approx(mean(differences))
        assert finalists.lead.errors == pytest.approx(statistics.lead(differences).errors)
        assert finalists.crowned == (finalists.lead.errors > CROWN)
        crowned += finalists.crowned
    assert crowned < 12


def test_luck_with_the_held_out_samples_is_not_crowned(task: Task) -> None:
    """A lead that every repeat confirms is not crowned where other samples would not have given it.

    The best of many equals leads by its luck with the validation part, which more repeats only confirm.
    """
    lucky = SimulatedRunner(task, lead_of(0), own=0.001, samples=0.02)
    finalists, _ = raced(lucky)
    assert finalists.lead.mean > 5 * finalists.lead.refits
    assert finalists.lead.samples == pytest.approx(0.02 * 2**0.5, rel=0.3)
    assert not finalists.crowned
    finalists, _ = raced(replace(lucky, quality=lead_of(0.2), trained=[]))
    assert finalists.crowned


def test_a_race_ends_when_repeats_cannot_decide_it(task: Task) -> None:
    """Once the samples' luck is most of every error, or one alone is left, no round follows."""
    _, rounds = raced(SimulatedRunner(task, lead_of(0), own=0.001, samples=0.02))
    assert len(rounds) < PLAN.race_rounds
    _, rounds = raced(
        SimulatedRunner(task, lambda c: 0.9 if c.standard == "focal" else 0.7 + by_rate(c), own=0.001)
    )
    assert len(rounds) == 1
    _, rounds = raced(SimulatedRunner(task, lead_of(0), own=0.02, samples=0.001))
    assert len(rounds) == PLAN.race_rounds


def test_few_repeats_must_be_clearer() -> None:
    """What four repeats call clear is no likelier to be chance than what very many do."""
    four = CLEAR * widened(1.0, 4)
    assert student.sf(four, df=3) == pytest.approx(NormalDist().cdf(-CLEAR))
    found = [widened(1.0, repeats) for repeats in (2, 4, 8, 32, 10**6)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(1, abs=1e-4)


def test_without_outputs_folds_share_their_samples(folded_task: Task) -> None:
    """Where only scores are known, repeats over folds are not taken for independent ones."""

    class ScoresAlone(SimulatedRunner):
        """A runner that keeps its outputs to itself."""

        def train(  # type: ignore[override]
            self, candidates: Any, repeats: Any, rungs: Any, watch: Any, n_resamples: int = 0
        ) -> Any:
            return super().train(candidates, repeats, rungs, watch)

    plan = replace(PLAN, folds=4)
    finalists, _ = raced(ScoresAlone(folded_task, lead_of(0), own=0.01), plan=plan)
    ratio = finalists.lead.samples / finalists.lead.refits
    assert ratio == pytest.approx((PLAN.race_rounds * PLAN.race_seeds / 3) ** 0.5)


def test_ties_go_to_the_simpler_loss(task: Task) -> None:
    """Of searched losses that are as good as level, the one with the fewest parts is raced."""
    space = Space(
        "multiclass",
        {"focal.gamma": Domain(0.5, 4), "gce.q": Domain(0.1, 0.6)},
        {"focal": 0.5},
        {"mix.gce": 1.0, "mix.cross_entropy": 0.5},
    )
    plan = replace(PLAN, contenders=12)
    finalists, _ = raced(SimulatedRunner(task, lead_of(0.1), own=0), space=space, plan=plan)
    assert finalists.searched is not None
    assert "focal" not in finalists.searched.candidate.spec.parts


def test_those_clearly_behind_are_dropped_and_equals_stay(task: Task) -> None:
    """After the first round only what could still win is repeated, and the best standard loss."""

    def two_groups(candidate: Candidate) -> float:
        return ordinary(candidate) if is_standard(candidate) else 0.9

    finalists, rounds = raced(SimulatedRunner(task, two_groups, own=0.001))
    everybody = rounds[0]
    assert rounds[1] < everybody / 2
    assert rounds[1] >= 2
    assert finalists.searched is not None
    alike, rounds = raced(SimulatedRunner(task, lambda c: 0.7, own=0.02))
    assert rounds[1] > 0.5 * rounds[0]
    assert alike.standard.candidate.standard is not None


def test_noise_that_all_share_does_not_matter(task: Task) -> None:
    """Comparisons are paired: with luck of .2 shared on each repeat, a lead of .02 is still found."""
    finalists, _ = raced(SimulatedRunner(task, lead_of(0.02), shared=0.2, own=0.004))
    assert finalists.crowned


def test_where_smaller_is_better_the_smaller_error_wins(regression: Task) -> None:
    """Searched losses with errors smaller by .05 are crowned, with a lead above zero; worse ones are not."""
    for lead, crowned in ((-0.05, True), (0.05, False)):
        finalists, rounds = raced(SimulatedRunner(regression, lead_of(lead)), space=HUBER)
        assert finalists.crowned is crowned
        assert not crowned or finalists.lead.mean == pytest.approx(0.05, abs=0.01)
        assert rounds[1] < rounds[0]


@pytest.mark.parametrize(
    "lost",
    [
        lambda c: not is_standard(c) and c.recipe.rate > 3e-3,
        lambda c: c.standard in ("focal", "gce", "mae"),
    ],
)
def test_a_contender_that_diverges_is_out_of_the_race(task: Task, lost: Callable[[Candidate], bool]) -> None:
    """A loss that fails on one fresh repeat is no contender any more; the race goes on without it."""
    runner = SimulatedRunner(task, diverges=lambda c, r: lost(c) and r.seed == PLAN.seeds + 1)
    finalists, rounds = raced(runner)
    later = [c for candidates, _ in runner.trained[-(len(rounds) - 1) :] for c in candidates]
    assert not any(lost(candidate) for candidate in later)
    assert not lost(finalists.winner.candidate)


def test_where_every_searched_loss_diverges_a_standard_loss_wins(task: Task) -> None:
    """There is no searched finalist then."""
    finalists, _ = raced(SimulatedRunner(task, diverges=lambda c, r: fresh(r) and not is_standard(c)))
    assert finalists.searched is None
    assert not finalists.crowned
    assert finalists.winner is finalists.standard


def test_where_nothing_explored_survived_the_standard_losses_race(task: Task) -> None:
    """A search whose every trial diverged still says which standard loss to use."""
    finalists, rounds = raced(SimulatedRunner(task, diverges=lambda c, r: not is_standard(c)))
    assert finalists.searched is None
    assert len(rounds) == PLAN.race_rounds


@pytest.mark.parametrize("round_", [1, 2])
def test_the_last_standard_loss_may_fail_late(task: Task, round_: int) -> None:
    """Where those still racing fail, the best of those that did not stands in, compared where both ran."""
    unlucky = PLAN.seeds + PLAN.race_seeds * round_

    def quality(candidate: Candidate) -> float:
        return {"cross_entropy": 0.75, "focal": 0.72}.get(
            candidate.standard or "", 0.5 if is_standard(candidate) else 0.8
        )

    runner = SimulatedRunner(
        task, quality, own=0.002, diverges=lambda c, r: c.standard == "cross_entropy" and r.seed >= unlucky
    )
    finalists, _ = raced(runner)
    assert finalists.standard.candidate.standard == "focal"
    assert finalists.crowned
    assert finalists.lead.mean == pytest.approx(0.08, abs=0.01)


def test_a_race_without_any_standard_loss_is_a_failure(task: Task) -> None:
    """Where every standard loss diverges at once there is nothing to compare with, and it is said."""
    runner = SimulatedRunner(task, diverges=lambda c, r: fresh(r) and is_standard(c))
    with pytest.raises(RuntimeError, match="every standard loss diverged in the race"):
        raced(runner)


def test_a_single_repeat_crowns_nobody(task: Task) -> None:
    """One difference has no standard error, so it proves nothing, however large."""
    plan = replace(PLAN, race_rounds=1, race_seeds=1)
    finalists, _ = raced(SimulatedRunner(task, lead_of(0.2)), plan=plan)
    assert not finalists.crowned


def test_a_race_goes_on_where_it_was_left(task: Task) -> None:
    """Interrupted after any of its rounds, it ends the same, and no round is run twice."""
    runner = SimulatedRunner(task)
    wanted, rounds = raced(runner, ledger=JsonLedger())
    total = len(runner.trained)
    for after in range(total - len(rounds), total):
        ledger, runner = JsonLedger(after=after + 1), SimulatedRunner(task)  # one unit trains nothing
        with pytest.raises(KeyboardInterrupt):
            raced(runner, ledger=ledger)
        ledger.after = 100
        again = SimulatedRunner(task)
        found, _ = raced(again, ledger=ledger)
        assert found == wanted
        assert len(again.trained) == total - after


def test_the_race_tells_how_far_it_is(task: Task) -> None:
    """The number done rises, to no more than was announced."""
    heard = RecordedProgress()
    finalists, rounds = raced(SimulatedRunner(task), progress=heard)
    name, announced = heard.phases[-1]
    assert (name, announced) == ("race", PLAN.race_rounds * rounds[0])
    assert heard.done[-1][0] == sum(rounds) <= announced
    assert not math.isnan(heard.done[-1][1] or math.nan)
    assert finalists.searched is not None
