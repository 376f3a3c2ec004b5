"""Explore spends its budget, no more and no less, and goes on where it was left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from lossmith.losses import UserError
from lossmith.search import Candidate, Repeat, Task, Trial
from lossmith.search.method.budget import race_is_late, seconds_for_exploring
from lossmith.search.method.context import SearchContext
from lossmith.search.method.explore import explore, trusted_rungs
from lossmith.search.method.headroom import headroom
from lossmith.search.proposals.prefetch import cohort_size
from lossmith.search.proposals.samplers import SAMPLERS
from lossmith.search.records import Measurement, RungSchedule, Watch, unwatched
from lossmith.search.records import ledger as ledger_module
from lossmith.spaces import LEARNING_RATE, Space

from ..simulation import PLAN, JsonLedger, RecordedProgress, SimulatedRunner, context_of


def explored(context: SearchContext) -> tuple[Trial, ...]:
    """Headroom and then explore."""
    return explore(context, headroom(context).trials)


def keys(trials: Sequence[Trial]) -> list[str]:
    """What was tried, in order."""
    return [trial.candidate.key for trial in trials]


@pytest.mark.parametrize(("trials", "cohorts"), [(24, [8, 8, 8]), (20, [8, 8, 4]), (3, [3])])
def test_the_budget_is_spent_exactly(task: Task, trials: int, cohorts: list[int]) -> None:
    """As many trials as planned, in cohorts of the planned width, the last one as small as it has to be."""
    runner = SimulatedRunner(task)
    found = explored(context_of(runner, plan=replace(PLAN, trials=trials)))
    assert [len(candidates) for candidates, _ in runner.trained[2:]] == cohorts
    assert len(found) == trials


@pytest.mark.parametrize(("trials", "size"), [(31, 2), (63, 2), (64, 4), (128, 8), (10**6, 8), (None, 2)])
def test_a_long_search_trains_several_cohorts_as_one(trials: int | None, size: int) -> None:
    """Where sixteen of them are left at least; four at most, which is what two rungs leave room for."""
    assert cohort_size(replace(PLAN, trials=trials, time_limit_s=9.0, width=2)) == size


def test_trials_are_numbered_on_and_never_repeated(task: Task) -> None:
    """Numbers go on from those of headroom without a gap; no loss with its rate is tried twice."""
    context = context_of(SimulatedRunner(task))
    tuned = headroom(context)
    found = explore(context, tuned.trials)
    assert [t.number for t in (*tuned.trials, *found)] == list(range(len(tuned.trials) + len(found)))
    assert len({*keys(tuned.trials), *keys(found)}) == len(tuned.trials) + len(found)
    assert [t.cohort for t in found] == [0] * 8 + [1] * 8 + [2] * 8
    assert {t.phase for t in found} == {"explore"}


def test_cohorts_are_thinned_at_a_quarter_and_a_half(task: Task) -> None:
    """Explore drops half there; headroom looks and drops nobody."""
    runner = SimulatedRunner(replace(task, recipe={"epochs": 40}))
    explored(context_of(runner))
    assert runner.rungs == [*[RungSchedule((10, 20), 1.0)] * 2, *[RungSchedule((10, 20))] * 3]


@pytest.mark.parametrize(
    ("behind", "trusted"), [((), (10, 20)), ((10,), (20,)), ((20,), (10,)), ((10, 20), ())], ids=str
)
def test_nothing_is_dropped_where_losses_that_end_best_are_behind(
    task: Task, behind: tuple[int, ...], trusted: tuple[int, ...]
) -> None:
    """A rung at which halving would have dropped the best standard loss is left out, and only that."""
    context = context_of(SimulatedRunner(replace(task, recipe={"epochs": 40})))
    known = headroom(context).trials
    best = max(known, key=lambda t: t.outcome.score)

    def at(trial: Trial, epoch: int) -> float:
        return 0.0 if trial == best and epoch in behind else trial.outcome.score

    seen = [
        replace(t, outcome=replace(t.outcome, rungs=tuple((e, at(t, e)) for e in (10, 20)))) for t in known
    ]
    assert trusted_rungs(context, seen).epochs == trusted


def test_where_it_is_not_known_how_losses_stood_cohorts_are_halved(task: Task) -> None:
    """Training functions of the user's own are not looked at while standard losses are tuned."""
    context = context_of(SimulatedRunner(replace(task, recipe={"epochs": 40})))
    assert trusted_rungs(context, headroom(context).trials) == RungSchedule((10, 20))


def test_every_trial_has_the_same_repeats(folded_task: Task) -> None:
    """Seeds times folds, the same for headroom and explore: comparisons are paired."""
    runner = SimulatedRunner(folded_task)
    explored(context_of(runner, plan=replace(PLAN, seeds=2, folds=3)))
    assert len({repeats for _, repeats in runner.trained}) == 1
    assert len(runner.trained[0][1]) == 6


class Clock:
    """A clock that a runner moves by 10 s for each cohort."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds since the start."""
        return self.now


class SlowRunner(SimulatedRunner):
    """Takes 10 s for each cohort, on its clock."""

    clock: Clock

    def train(
        self,
        candidates: Sequence[Candidate],
        repeats: Sequence[Repeat],
        rungs: RungSchedule | None,
        watch: Watch = unwatched,
        n_resamples: int = 0,
    ) -> list[Measurement]:
        """The outcomes, 10 s later."""
        self.clock.now += 10
        return super().train(candidates, repeats, rungs, watch, n_resamples)


@pytest.fixture
def slow(task: Task, monkeypatch: pytest.MonkeyPatch) -> SlowRunner:
    """A runner of 10 s for each cohort, and a ledger that books them."""
    runner = SlowRunner(task)
    runner.clock = Clock()
    monkeypatch.setattr(ledger_module, "monotonic", runner.clock)
    return runner


@pytest.mark.parametrize(("limit", "cohorts"), [(0.5, 1), (9.9, 1), (10.5, 2), (25, 3), (1000, 3)])
def test_the_time_limit_ends_exploring(slow: SlowRunner, limit: float, cohorts: int) -> None:
    """No cohort but the first is begun once what headroom, race and verdict leave of the limit is used up."""
    found = explored(context_of(slow, plan=replace(PLAN, time_limit_s=reserved(slow) + limit)))
    assert len(found) == 8 * cohorts


def test_a_time_limit_that_headroom_has_used_up_is_told(slow: SlowRunner) -> None:
    """One cohort is explored, and a line says by how much the limit is too short."""
    heard = RecordedProgress()
    context = replace(context_of(slow, plan=replace(PLAN, time_limit_s=15)), progress=heard)
    assert len(explored(context)) == 8
    assert [note for note in heard.notes if "the limit will be passed" in note]


def test_a_race_that_is_late_leaves_time_for_the_verdict(slow: SlowRunner) -> None:
    """Once another round would be paid with the verdict's time, no other round is begun."""
    context = context_of(slow, plan=replace(PLAN, time_limit_s=1000.0))
    known = headroom(context).trials
    assert not race_is_late(context, known)
    assert race_is_late(replace(context, plan=replace(PLAN, time_limit_s=20.0)), known)
    assert not race_is_late(replace(context, plan=PLAN), known)


def reserved(slow: SlowRunner) -> float:
    """Seconds that headroom takes, and that race and verdict will be given."""
    context = context_of(slow, plan=replace(PLAN, time_limit_s=1e6))
    left = seconds_for_exploring(context, headroom(context).trials)
    assert left is not None
    return 1e6 - left


def test_the_time_limit_counts_over_resumes(slow: SlowRunner) -> None:
    """What was spent before an interruption is spent; without a number of trials time alone ends it."""
    plan = replace(PLAN, trials=None, time_limit_s=reserved(slow) + 35)
    slow.trained.clear()
    ledger = JsonLedger(after=5)  # the three units of headroom and two cohorts
    with pytest.raises(KeyboardInterrupt):
        explored(context_of(slow, plan=plan, ledger=ledger))
    ledger.after = 100
    slow.trained.clear()
    found = explored(context_of(slow, plan=plan, ledger=ledger))
    assert len(slow.trained) == 2
    assert len(found) == 8 * 4


def test_a_search_needs_an_end() -> None:
    """A plan without a number of trials and without a time limit would never end, and cannot be made."""
    with pytest.raises(UserError, match="trials or time_limit_s"):
        replace(PLAN, trials=None)


@pytest.mark.parametrize("name", ["seeds", "width", "race_rounds", "verdict_seeds"])
def test_a_plan_counts_from_one(name: str) -> None:
    """Nothing of a plan but the losses to explore may be 0: without seeds there would be nothing to train."""
    with pytest.raises(UserError, match=f"{name} must be a whole number of at least 1, but got 0"):
        replace(PLAN, **{name: 0})  # type: ignore[arg-type]  # all of them are counts


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("after", [3, 4, 5])
def test_an_interrupted_exploration_goes_on_as_it_would_have(task: Task, sampler: str, after: int) -> None:
    """After headroom, one cohort or two, a new process proposes and finds what the old one would have."""
    wanted = explored(context_of(SimulatedRunner(task), ledger=JsonLedger(), sampler=sampler))
    ledger, runner = JsonLedger(after=after), SimulatedRunner(task)
    with pytest.raises(KeyboardInterrupt):
        explored(context_of(runner, ledger=ledger, sampler=sampler))
    ledger.after = 100
    runner.trained.clear()
    found = explored(context_of(runner, ledger=ledger, sampler=sampler))
    assert found == wanted
    assert len(runner.trained) == 6 - after


def test_a_space_that_holds_no_more_ends_exploring(task: Task) -> None:
    """With three losses left to try, exploring ends after three and says so, also when it is resumed."""
    space = Space(
        "multiclass",
        {},
        {"mae": 0.5, "gce": 0.5},
        {"mix.mae": 1, "mix.gce": 1, "gce.q": 0.2, LEARNING_RATE: 0.5},
    )
    ledger = JsonLedger()
    for trained in (2, 0):  # headroom and a cohort; then nothing
        heard, runner = RecordedProgress(), SimulatedRunner(task)
        found = explored(context_of(runner, space=space, ledger=ledger, progress=heard))
        # mae alone is a standard loss at this rate, so headroom has tried it already
        assert len(found) == 2
        assert len(runner.trained) == trained
        assert heard.notes[-1] == "explore: the space holds no losses but the 2 explored"


def test_pruned_and_diverged_trials_count_as_trials(task: Task) -> None:
    """Each is told to the search and spends the budget; the best is the best complete one."""
    heard = RecordedProgress()
    runner = SimulatedRunner(task, diverges=lambda c, r: c.standard is None and c.recipe.rate > 0.01)
    found = explored(context_of(runner, progress=heard))
    assert {trial.outcome.state for trial in found} == {"complete", "pruned", "diverged"}
    assert len(found) == 24
    known = [t.outcome.score for t in found if t.outcome.state == "complete"]
    assert heard.done[-1][1] is not None
    assert heard.done[-1][1] >= max(known)


def test_explore_tells_how_far_it_is(task: Task) -> None:
    """The phase begins with the budget; after each cohort the number done and the best score so far."""
    heard = RecordedProgress()
    found = explored(context_of(SimulatedRunner(task), progress=heard))
    assert heard.phases[1] == ("explore", 24)
    numbers = [done for done, _ in heard.done[-6:]]
    assert numbers == sorted(numbers)
    assert numbers[-1] == len(found)
    best = [score for _, score in heard.done[1:] if score is not None]
    assert best == sorted(best)


def test_a_cohort_where_everything_diverges_does_not_end_a_search(task: Task) -> None:
    """Nothing explored survives, and the budget is still spent."""
    runner = SimulatedRunner(task, diverges=lambda c, r: c.standard is None)
    found = explored(context_of(runner))
    assert [trial.outcome.state for trial in found] == ["diverged"] * 24


LONG = replace(PLAN, trials=40, width=2)  # twenty cohorts: the next one is asked for while one is trained


@pytest.mark.parametrize("sampler", ["cmaes", "evolution", "tpe"])
def test_asking_ahead_knows_one_cohort_less(task: Task, sampler: str) -> None:
    """A long search asks for a cohort without the results of the one before it, a short one with them."""
    seen: dict[int, list[int]] = {}
    for cohorts in (20, 10):
        context = context_of(SimulatedRunner(task), plan=replace(LONG, trials=2 * cohorts), sampler=sampler)
        tell, ask, told = context.proposer.tell, context.proposer.ask, list[int]()
        known = headroom(context).trials

        def heard(trials: Sequence[Trial], tell: Any = tell, told: list[int] = told) -> None:
            tell(trials)
            told.append(len(trials))

        def asked(
            count: int, ask: Any = ask, told: list[int] = told, found: Any = seen, key: int = cohorts
        ) -> Any:
            found.setdefault(key, []).append(len(told) - 1)
            return ask(count)

        context.proposer.tell, context.proposer.ask = heard, asked  # type: ignore[method-assign,assignment]  # to listen in
        assert len(explore(context, known)) == 2 * cohorts
    assert seen[10] == list(range(10))
    assert seen[20] == [0, *range(19)]


@pytest.mark.parametrize("done", [1, 2, 7, 19])
def test_a_resumed_search_that_asks_ahead_goes_on_as_it_would_have(task: Task, done: int) -> None:
    """Interrupted after any number of cohorts, it proposes what it would have proposed."""
    whole = keys(explored(context_of(SimulatedRunner(task), plan=LONG, sampler="evolution")))
    ledger = JsonLedger()
    headroom(context_of(SimulatedRunner(task), plan=LONG, ledger=ledger))
    ledger.after = len(ledger.texts) + done
    with pytest.raises(KeyboardInterrupt):
        explored(context_of(SimulatedRunner(task), plan=LONG, sampler="evolution", ledger=ledger))
    ledger.after = 10**9
    again = explored(context_of(SimulatedRunner(task), plan=LONG, sampler="evolution", ledger=ledger))
    assert keys(again) == whole
