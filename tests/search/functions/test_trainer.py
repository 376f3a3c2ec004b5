# ruff: noqa: ARG001  (a training function takes what it is given)
"""Cohorts trained by a user's own function: rungs, divergence, folds, test data, processes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import nn

from lossmith.losses import UserError
from lossmith.search import Plan, Repeat, TrainingFunction, TrialHandle
from lossmith.search.records import RungSchedule, unwatched
from lossmith.search.training.functions import FunctionTrainer, local_function, rehearsed
from lossmith.search.training.functions.job import FunctionJob, run_training

from ..small_tasks import outcomes_of
from .small_trainings import INPUTS, REPEATS, TARGETS, candidates, made, train, trainer


def test_rungs_drop_the_worst_by_what_they_reported() -> None:
    """At a rung half of the candidates end as pruned; those that go on end where they would have alone."""
    training = made()
    wanted = candidates(1.0, 1e-6, 0.3, 1e-7)
    outcomes = outcomes_of(trainer(training).train(wanted, REPEATS, RungSchedule((2, 4), 0.5)))
    states = [outcome.state for outcome in outcomes]
    assert sorted(states) == ["complete", "pruned", "pruned", "pruned"]
    assert states[1] == states[3] == "pruned"
    assert outcomes[1].epochs == 2
    winner = states.index("complete")
    alone = outcomes_of(trainer(training).train([wanted[winner]], REPEATS, None))[0]
    assert outcomes[winner].scores == alone.scores


def test_what_a_function_reports_is_its_learning_curve() -> None:
    """The mean of each report over the repeats is kept, up to where a candidate ended, by epochs."""
    training = made()
    wanted = candidates(0.3, 1e-6)
    measured = trainer(training).train(wanted, REPEATS, RungSchedule((4,), 0.5))
    better, worse = outcomes_of(measured)
    job = FunctionJob(wanted[0], REPEATS[0], seed=0, fold=(0, 4, 0))
    curves = [dict(run_training(training, replace(job, repeat=r)).curve) for r in REPEATS]
    epochs = wanted[0].recipe.epochs
    assert training.rehearsed.reports == epochs
    assert [epoch for epoch, _ in better.rungs] == list(range(1, epochs))
    for epoch, score in better.rungs:
        assert score == pytest.approx(sum(curve[epoch - 1] for curve in curves) / len(curves))
    assert [epoch for epoch, _ in worse.rungs] == [1, 2, 3, 4]
    assert len(measured[1].at_rungs) == 4


def test_a_smaller_score_survives_where_smaller_is_better() -> None:
    """Rungs know which way is better."""

    def constant(loss: nn.Module, trial: TrialHandle) -> float:
        loss(torch.zeros(2, 2, requires_grad=True), torch.tensor([0, 1]))
        for epoch in range(8):
            trial.report(epoch, trial.learning_rate + trial.seed * 1e-12)
        return trial.learning_rate

    training = made(constant, greater_is_better=False)
    outcomes = outcomes_of(
        trainer(training).train(candidates(0.4, 0.1), [Repeat(0)], RungSchedule((2,), 0.5))
    )
    assert [o.state for o in outcomes] == ["pruned", "complete"]


def test_a_function_that_never_reports_is_never_pruned() -> None:
    """Without reports there are no rungs, and every candidate is trained to its end."""

    def silent(loss: nn.Module, trial: TrialHandle) -> float:
        loss(torch.zeros(2, 2, requires_grad=True), torch.tensor([0, 1]))
        return trial.learning_rate + trial.seed * 1e-12

    training = made(silent)
    outcomes = outcomes_of(trainer(training).train(candidates(0.4, 0.1), REPEATS, RungSchedule((2, 4), 0.5)))
    assert [o.state for o in outcomes] == ["complete", "complete"]
    assert any("never calls trial.report" in note for note in training.notes)


def failing(loss: nn.Module, trial: TrialHandle) -> float:
    """Works at small learning rates."""
    if trial.learning_rate > 1:
        raise ArithmeticError("went through the roof")
    if trial.learning_rate > 0.9:
        return math.nan
    return train(loss, trial)


def test_one_loss_that_breaks_their_code_is_no_end_of_the_search() -> None:
    """A candidate that raises or scores NaN has diverged, with the reason; its neighbours go on."""
    outcomes = outcomes_of(trainer(made(failing)).train(candidates(0.1, 2.0, 0.2, 0.3, 0.95), REPEATS))
    assert [o.state for o in outcomes] == ["complete", "diverged", "complete", "complete", "diverged"]
    assert outcomes[1].reason == "raised ArithmeticError: went through the roof, seed 0, fold 0"
    assert outcomes[4].reason == "nan as the score, seed 0, fold 0"


def test_a_function_that_mostly_raises_ends_the_search_with_its_traceback() -> None:
    """When more than half of the losses end with an error, it is the function's, and it is shown."""
    with pytest.raises(UserError, match="2 of 3 ended with an error, the first: raised Arith") as caught:
        trainer(made(failing)).train(candidates(0.1, 2.0, 3.0), REPEATS)
    assert "learning_rate=2" in caught.value.detail
    assert "in failing" in caught.value.detail


def test_a_function_that_never_scores_ends_the_search_with_the_reason() -> None:
    """Where each standard loss has a training without a score, the function is named and what it gave."""
    calls = iter(range(1, 1000))

    def now_and_then(loss: nn.Module, trial: TrialHandle) -> float:
        return math.nan if next(calls) % 2 == 0 else train(loss, trial)

    with pytest.raises(UserError, match=r"3 of 3 had a training without a finite score, the first: nan as"):
        trainer(made(now_and_then)).train(
            [replace(c, standard="cross_entropy") for c in candidates(0.1, 0.2, 0.3)], REPEATS
        )


def test_a_function_that_seeds_itself_is_refused() -> None:
    """Repeats that all score the same would make every difference look certain."""

    def seeded(loss: nn.Module, trial: TrialHandle) -> float:
        loss(torch.zeros(2, 2, requires_grad=True), torch.tensor([0, 1]))
        return trial.learning_rate

    with pytest.raises(UserError, match=r"score differently from seed to seed.*use trial\.seed"):
        trainer(made(seeded)).train(candidates(0.1, 0.2, 0.3), REPEATS)


def test_the_verdict_scores_on_test_data_where_there_is_some() -> None:
    """A function that reads trial.part is asked for its test score; one that does not says so."""

    def parted(loss: nn.Module, trial: TrialHandle) -> float:
        loss(torch.zeros(2, 2, requires_grad=True), torch.tensor([0, 1]))
        return (2.0 if trial.part == "test" else 1.0) + trial.seed * 1e-12

    tested = trainer(made(parted)).test(candidates(0.1, 0.2), REPEATS)
    assert tested.scored_on == "test"
    assert tested.scores.shape == (2, 2)
    assert tested.outputs is None
    assert bool((tested.scores.round() == 2).all())
    assert trainer(made()).test(candidates(0.1), REPEATS).scored_on == "validation"


def test_folds_are_dealt_to_a_function_that_asks_for_them() -> None:
    """A function that reads trial.fold is repeated on folds; one split is the first of five."""
    told: list[tuple[int, int, int]] = []

    def folded(loss: nn.Module, trial: TrialHandle) -> float:
        told.append((trial.fold, trial.folds, trial.partition))
        loss(torch.zeros(2, 2, requires_grad=True), torch.tensor([0, 1]))
        return trial.seed * 1e-12

    training = made(folded)
    assert training.folds
    told.clear()
    of_three = replace(trainer(training), folds=3)
    of_three.train(candidates(0.1), [Repeat(0, 1), Repeat(1, 2, 4)])
    replace(trainer(training), folds=1).train(candidates(0.1), [Repeat(0)])
    assert told == [(1, 3, 0), (2, 3, 4), (0, 5, 0)]


@pytest.fixture
def in_processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[FunctionTrainer]:
    """A trainer with two worker processes, whatever threads other tests have left in this one."""
    monkeypatch.setattr("lossmith.search.training.functions.local.can_fork", lambda: True)
    found = local_function(made(workers=2), Plan())
    yield found
    found.close()


def test_processes_find_what_this_process_finds(in_processes: FunctionTrainer) -> None:
    """Where a training happens changes nothing of what comes of it."""
    wanted, rungs = candidates(1.0, 1e-6, 0.3), RungSchedule((4,), 0.5)
    assert in_processes.pool is not None
    assert in_processes.train(wanted, REPEATS, rungs, unwatched) == trainer(made()).train(
        wanted, REPEATS, rungs
    )


def test_data_loaders_with_workers_of_their_own_run() -> None:
    """A script whose DataLoader starts processes may do so inside a worker."""

    def loads(loss: nn.Module, trial: TrialHandle) -> float:
        data = torch.utils.data.TensorDataset(INPUTS, TARGETS)
        model = nn.Linear(3, 2)
        for inputs, targets in torch.utils.data.DataLoader(data, batch_size=24, num_workers=1):
            loss(model(inputs), targets).backward()
        return float(model(INPUTS).detach().mean())

    training = rehearsed(TrainingFunction(loads, "multiclass", workers=2))
    found = local_function(training, Plan())
    try:
        assert [one.outcome.state for one in found.train(candidates(0.1), REPEATS)] == ["complete"]
    finally:
        found.close()
