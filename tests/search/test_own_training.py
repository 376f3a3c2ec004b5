# ruff: noqa: ARG001  (a training function takes what it is given)
"""People's own training functions: what they are given, what is noticed, how their mistakes are told."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lossmith.losses import UserError, standard_spec
from lossmith.search import (
    Candidate,
    OwnTraining,
    OwnTrial,
    Plan,
    Recipe,
    Repeat,
    load_task,
    own_training,
)
from lossmith.search.cohort import Rungs, unwatched
from lossmith.search.engines.own_loop import OwnJob, run_training, trial_of
from lossmith.search.own_training import from_settings, is_training
from lossmith.search.rehearsal import rehearse, rehearsed
from lossmith.search.runners.own import OwnTrainer, in_process, own_local
from lossmith.search.their_code import their_traceback

INPUTS = torch.randn(48, 3, generator=torch.Generator().manual_seed(0))
TARGETS = (INPUTS.sum(1) > 0.8).long()
REPEATS = [Repeat(0), Repeat(1)]


def train(loss: nn.Module, trial: OwnTrial) -> float:
    """A plain loop: 8 epochs, reported from 0."""
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=trial.learning_rate)
    accuracy = 0.0
    for epoch in range(8):
        for rows in torch.randperm(48).split(16):
            optimizer.zero_grad()
            loss(model(INPUTS[rows]), TARGETS[rows]).backward()
            optimizer.step()
        accuracy = float((model(INPUTS).argmax(1) == TARGETS).float().mean())
        trial.report(epoch, accuracy)
    return accuracy


def candidates(*rates: float, loss: str = "cross_entropy") -> list[Candidate]:
    """One loss at several learning rates."""
    return [Candidate(standard_spec(loss, "multiclass"), Recipe(epochs=8, learning_rate=r)) for r in rates]


def made(function: Any = train, **settings: Any) -> OwnTraining:
    """A rehearsed training."""
    training = OwnTraining(function, "multiclass", metric="accuracy", **settings)
    return replace(training, rehearsal=rehearse(training))


def trainer(training: OwnTraining) -> OwnTrainer:
    """One that trains in this process."""
    stop = Event()
    return OwnTrainer(training, in_process(training, stop), stop=stop)


def test_a_rehearsal_sees_what_a_function_does() -> None:
    """One training shows the reports, the class counts of one epoch, and what of the trial is read."""
    seen = made().rehearsed
    assert seen.reports == 8
    assert seen.constants == {"class_counts": torch.bincount(TARGETS).tolist()}
    assert seen.read == {"learning_rate", "report"}
    assert not made().tests
    assert made().tunes
    assert made().validation == ()


def test_class_counts_that_are_given_are_taken() -> None:
    """A user who knows better than the rehearsal is believed."""
    training = made(class_counts=[100, 5])
    assert training.bound(standard_spec("logit_adjustment", "multiclass")).class_counts == (100, 5)


def test_a_rehearsal_in_a_process_of_its_own_says_the_same() -> None:
    """Where workers can be forked the rehearsal leaves this process as it was."""
    training = OwnTraining(train, "multiclass", metric="accuracy")
    there, here = rehearsed(training, seed=3).rehearsed, rehearse(training, seed=3)
    assert replace(there, seconds=0) == replace(here, seconds=0)


def test_a_dense_task_counts_pixels_and_leaves_out_the_ignored() -> None:
    """For targets (N, H, W) with ignored ones, the counts are those of the pixels that count."""
    labels = torch.randint(3, (6, 4, 4), generator=torch.Generator().manual_seed(1))
    labels[:, 0] = 255

    def segment(loss: nn.Module, trial: OwnTrial) -> float:
        logits = nn.Conv2d(1, 3, 1)(torch.ones(6, 1, 4, 4))
        loss(logits, labels).backward()
        return 0.5

    seen = made(segment, ignore_index=255).rehearsed
    assert seen.constants["class_counts"] == torch.bincount(labels[labels != 255], minlength=3).tolist()


def test_a_regression_is_given_the_spread_of_its_targets() -> None:
    """The unit in which errors are measured is a robust spread of the targets that were trained on."""
    targets = torch.arange(20.0)

    def fit(loss: nn.Module, trial: OwnTrial) -> float:
        loss(nn.Linear(1, 1)(torch.ones(20, 1)).squeeze(1), targets).backward()
        return 1.0

    training = OwnTraining(fit, "regression", metric="mae", greater_is_better=False)
    assert rehearse(training).constants["target_scale"] == pytest.approx(1.4826 * 5, rel=0.01)


def ignores(loss: nn.Module, trial: OwnTrial) -> float:
    """Trains with a loss of its own."""
    return 0.5


def only_looks(loss: nn.Module, trial: OwnTrial) -> float:
    """Calls the loss on its validation data alone."""
    with torch.no_grad():
        loss(torch.zeros(4, 2), torch.zeros(4, dtype=torch.long))
    return 0.5


def returning(value: object) -> Any:
    """A training that works but returns this."""

    def train_and_return(loss: nn.Module, trial: OwnTrial) -> Any:
        train(loss, trial)
        return value

    return train_and_return


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (ignores, ("ignores", "never", "call loss(outputs, targets)")),
        (only_looks, ("only without a gradient",)),
        (returning(None), ("must return", "None", "as a float")),
        (returning("0.9"), ("must return", "'0.9'", "str")),
        (returning(float("nan")), ("finite accuracy", "nan", "learning rate")),
    ],
)
def test_what_a_function_gets_wrong_is_said_before_anything_runs(
    function: Any, words: tuple[str, ...]
) -> None:
    """A loss that is ignored, and a score that is none, are one line with rule, value and remedy."""
    with pytest.raises(UserError) as caught:
        made(function, name=getattr(function, "__name__", "own"))
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)


def raises(loss: nn.Module, trial: OwnTrial) -> float:
    """Fails inside torch."""
    return float(nn.Linear(3, 2)(torch.zeros(4, 7)).sum())


def test_an_error_of_theirs_is_shown_as_their_traceback() -> None:
    """The frames are those of their file alone, with the trial's parameters beside them."""
    with pytest.raises(UserError) as caught:
        made(raises)
    assert "RuntimeError" in str(caught.value)
    assert "test_own_training.py, line" in str(caught.value)
    detail = caught.value.detail
    assert detail.startswith("with learning_rate=0.003, seed=0")
    assert "in raises" in detail
    assert "nn.Linear(3, 2)(torch.zeros(4, 7))" in detail
    assert "site-packages" not in detail
    assert "rehearsal.py" not in detail


def test_an_error_without_a_frame_of_theirs_is_its_last_line() -> None:
    """What never passed through their files has no traceback of theirs."""
    assert their_traceback(ValueError("just so")) == "ValueError: just so"


def test_candidates_of_a_repeat_share_every_random_stream() -> None:
    """torch, NumPy and random draw the same in every candidate's training, others on another seed."""
    drawn: list[tuple[float, float, float, int]] = []

    def draws(loss: nn.Module, trial: OwnTrial) -> float:
        drawn.append((float(torch.rand(())), float(np.random.rand()), random.random(), trial.seed))  # noqa: NPY002
        return 0.5

    training = OwnTraining(draws, "multiclass", class_counts=[3, 3])
    for candidate, repeat in ((0, 0), (1, 0), (0, 1)):
        run_training(training, OwnJob(candidates(0.1, 0.2)[candidate], Repeat(repeat), seed=7))
    assert drawn[0] == drawn[1]
    assert not set(drawn[0]) & set(drawn[2])


def test_the_streams_of_the_process_are_left_alone() -> None:
    """A training inside a notebook does not move the notebook's own random numbers."""
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run_training(made(), OwnJob(candidates(0.1)[0], Repeat(0), seed=7))
    assert torch.equal(torch.rand(3), expected)


def test_a_trial_ends_at_the_report_it_is_wanted_for() -> None:
    """A training wanted for three reports stops in the third, past the script's `except Exception`."""

    def stubborn(loss: nn.Module, trial: OwnTrial) -> float:
        for epoch in range(10):
            with contextlib.suppress(Exception):
                trial.report(epoch, epoch / 10)
        return 1.0

    training = OwnTraining(stubborn, "multiclass", class_counts=[3, 3])
    result = run_training(training, OwnJob(candidates(0.1)[0], Repeat(0), seed=0, reports=3))
    assert result.curve == ((0, 0.0), (1, 0.1), (2, 0.2))
    assert result.value == 0.2
    assert result.fault is None


def test_rungs_drop_the_worst_by_what_they_reported() -> None:
    """At a rung half of the candidates end as pruned; those that go on end where they would have alone."""
    training = made()
    wanted = candidates(1.0, 1e-6, 0.3, 1e-7)
    outcomes = trainer(training).train(wanted, REPEATS, Rungs((2, 4), 0.5))
    states = [outcome.state for outcome in outcomes]
    assert sorted(states) == ["complete", "pruned", "pruned", "pruned"]
    assert states[1] == states[3] == "pruned"
    assert outcomes[1].epochs == 2
    winner = states.index("complete")
    alone = trainer(training).train([wanted[winner]], REPEATS, None)[0]
    assert outcomes[winner].scores == alone.scores


def test_what_a_function_reports_is_its_learning_curve() -> None:
    """The mean of each report over the repeats is kept, up to where a candidate ended, by epochs."""
    training = made()
    wanted = candidates(0.3, 1e-6)
    better, worse = trainer(training).train(wanted, REPEATS, Rungs((4,), 0.5))
    job = OwnJob(wanted[0], REPEATS[0], seed=0, fold=(0, 4, 0))
    curves = [dict(run_training(training, replace(job, repeat=r)).curve) for r in REPEATS]
    epochs = wanted[0].recipe.epochs
    assert training.rehearsed.reports == epochs
    assert [epoch for epoch, _ in better.rungs] == list(range(1, epochs))
    for epoch, score in better.rungs:
        assert score == pytest.approx(sum(curve[epoch - 1] for curve in curves) / len(curves))
    assert [epoch for epoch, _ in worse.rungs] == [1, 2, 3, 4]
    assert len(worse.at_rungs) == 4


def test_a_smaller_score_survives_where_smaller_is_better() -> None:
    """Rungs know which way is better."""

    def constant(loss: nn.Module, trial: OwnTrial) -> float:
        loss(torch.zeros(2, 2, requires_grad=True), torch.tensor([0, 1]))
        for epoch in range(8):
            trial.report(epoch, trial.learning_rate + trial.seed * 1e-12)
        return trial.learning_rate

    training = made(constant, greater_is_better=False)
    outcomes = trainer(training).train(candidates(0.4, 0.1), [Repeat(0)], Rungs((2,), 0.5))
    assert [o.state for o in outcomes] == ["pruned", "complete"]


def test_a_function_that_never_reports_is_never_pruned() -> None:
    """Without reports there are no rungs, and every candidate is trained to its end."""

    def silent(loss: nn.Module, trial: OwnTrial) -> float:
        loss(torch.zeros(2, 2, requires_grad=True), torch.tensor([0, 1]))
        return trial.learning_rate + trial.seed * 1e-12

    training = made(silent)
    outcomes = trainer(training).train(candidates(0.4, 0.1), REPEATS, Rungs((2, 4), 0.5))
    assert [o.state for o in outcomes] == ["complete", "complete"]
    assert any("never calls trial.report" in note for note in training.notes)


def failing(loss: nn.Module, trial: OwnTrial) -> float:
    """Works at small learning rates."""
    if trial.learning_rate > 1:
        raise ArithmeticError("went through the roof")
    if trial.learning_rate > 0.9:
        return math.nan
    return train(loss, trial)


def test_one_loss_that_breaks_their_code_is_no_end_of_the_search() -> None:
    """A candidate that raises or scores NaN has diverged, with the reason; its neighbours go on."""
    outcomes = trainer(made(failing)).train(candidates(0.1, 2.0, 0.2, 0.3, 0.95), REPEATS)
    assert [o.state for o in outcomes] == ["complete", "diverged", "complete", "complete", "diverged"]
    assert outcomes[1].reason == "raised ArithmeticError: went through the roof, seed 0, fold 0"
    assert outcomes[4].reason == "nan as the score, seed 0, fold 0"


def test_a_function_that_mostly_raises_ends_the_search_with_its_traceback() -> None:
    """When more than half of the losses end with an error, it is the function's, and it is shown."""
    with pytest.raises(UserError, match="2 of 3 ended with an error, the first: raised Arith") as caught:
        trainer(made(failing)).train(candidates(0.1, 2.0, 3.0), REPEATS)
    assert "learning_rate=2" in caught.value.detail
    assert "in failing" in caught.value.detail


def test_a_function_that_seeds_itself_is_refused() -> None:
    """Repeats that all score the same would make every difference look certain."""

    def seeded(loss: nn.Module, trial: OwnTrial) -> float:
        loss(torch.zeros(2, 2, requires_grad=True), torch.tensor([0, 1]))
        return trial.learning_rate

    with pytest.raises(UserError, match=r"score differently from seed to seed.*use trial\.seed"):
        trainer(made(seeded)).train(candidates(0.1, 0.2, 0.3), REPEATS)


def test_the_verdict_scores_on_test_data_where_there_is_some() -> None:
    """A function that reads trial.part is asked for its test score; one that does not says so."""

    def parted(loss: nn.Module, trial: OwnTrial) -> float:
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

    def folded(loss: nn.Module, trial: OwnTrial) -> float:
        told.append((trial.fold, trial.folds, trial.partition))
        loss(torch.zeros(2, 2, requires_grad=True), torch.tensor([0, 1]))
        return trial.seed * 1e-12

    training = made(folded)
    assert training.validation is None
    told.clear()
    of_three = replace(trainer(training), folds=3)
    of_three.train(candidates(0.1), [Repeat(0, 1), Repeat(1, 2, 4)])
    replace(trainer(training), folds=1).train(candidates(0.1), [Repeat(0)])
    assert told == [(1, 3, 0), (2, 3, 4), (0, 5, 0)]


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnTrainer]:
    """A trainer with two worker processes, whatever threads other tests have left in this one."""
    monkeypatch.setattr("lossmith.search.runners.own.can_fork", lambda: True)
    found = own_local(made(workers=2), Plan())
    yield found
    found.close()


def test_processes_find_what_this_process_finds(crew: OwnTrainer) -> None:
    """Where a training happens changes nothing of what comes of it."""
    wanted, rungs = candidates(1.0, 1e-6, 0.3), Rungs((4,), 0.5)
    assert crew.crew is not None
    assert crew.train(wanted, REPEATS, rungs, unwatched) == trainer(made()).train(wanted, REPEATS, rungs)


def test_data_loaders_with_workers_of_their_own_run() -> None:
    """A script whose DataLoader starts processes may do so inside a worker."""

    def loads(loss: nn.Module, trial: OwnTrial) -> float:
        data = torch.utils.data.TensorDataset(INPUTS, TARGETS)
        model = nn.Linear(3, 2)
        for inputs, targets in torch.utils.data.DataLoader(data, batch_size=24, num_workers=1):
            loss(model(inputs), targets).backward()
        return float(model(INPUTS).detach().mean())

    training = rehearsed(OwnTraining(loads, "multiclass", workers=2))
    found = own_local(training, Plan())
    try:
        assert [o.state for o in found.train(candidates(0.1), REPEATS)] == ["complete"]
    finally:
        found.close()


def test_a_training_is_told_from_a_task_function() -> None:
    """Two arguments without a default make a training; a task function needs none."""

    def with_more(loss: nn.Module, trial: OwnTrial, epochs: int = 3) -> float:
        return epochs

    assert is_training(train)
    assert is_training(with_more)
    assert not is_training(made)
    assert not is_training(lambda: None)


def test_a_spec_must_say_what_a_function_trains() -> None:
    """Without a kind nobody knows how the loss is called; a misspelt key is told its neighbours."""
    with pytest.raises(UserError, match=r"a\.py:train takes \(loss, trial\).*training: \{kind: multiclass"):
        from_settings(train, None, "a.py:train")
    with pytest.raises(UserError, match=r"metrik.*did you mean metric"):
        from_settings(train, {"kind": "multiclass", "metrik": "f1"}, "a.py:train")


def test_a_training_that_takes_too_little_is_told_what_to_take(tmp_path: Path) -> None:
    """Where the SPEC says `training`, a function without the loss and the trial is not called as a task."""
    (tmp_path / "a.py").write_text("def main():\n    raise SystemExit('called')\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.py:main must take two arguments.*def main\(loss, trial\)"):
        load_task("a.py:main", tmp_path, {"kind": "multiclass"})


def test_a_trial_that_stops_early_is_told_fewer_epochs() -> None:
    """A loop that trains for `trial.recipe.epochs` stops early without knowing of it."""
    recipe = Recipe(epochs=10, stop_after=0.3)
    job = OwnJob(Candidate(standard_spec("cross_entropy", "multiclass"), recipe), Repeat(0), seed=0)
    assert trial_of(job, lambda _epoch, _value: True).recipe == Recipe(epochs=3)


def test_a_decorated_function_is_still_a_function() -> None:
    """`@own_training(...)` makes a training that can be called without a search, with a trial of its own."""
    decorated = own_training("multiclass", metric="accuracy")(train)
    assert isinstance(decorated, OwnTraining)
    assert 0 <= decorated(nn.CrossEntropyLoss(), OwnTrial()) <= 1


def test_a_loss_follows_the_outputs_to_their_device() -> None:
    """A script that chooses its own device gets a loss whose constants are there too."""
    seen: list[Tensor] = []

    def elsewhere(loss: nn.Module, trial: OwnTrial) -> float:
        outputs = torch.zeros(4, 2, device="meta", requires_grad=True)
        seen.append(loss(outputs, torch.zeros(4, dtype=torch.long, device="meta")))
        return 0.5

    spec = standard_spec("logit_adjustment", "multiclass")
    training = OwnTraining(elsewhere, "multiclass", class_counts=[3, 1])
    result = run_training(training, OwnJob(Candidate(spec, Recipe()), Repeat(0), seed=0))
    assert result.fault is None, result.trace
    assert seen[0].device.type == "meta"


def test_a_report_that_is_no_number_is_refused() -> None:
    """A tuple or None as a report is the user's mistake, said with its type."""
    with pytest.raises(UserError, match=r"trial\.report must be told the metric as one number, but got None"):
        OwnTrial().report(0, None)  # type: ignore[arg-type]
    OwnTrial().report(0, torch.tensor(0.5))  # type: ignore[arg-type]
    OwnTrial().report(0, np.float32(0.5))  # type: ignore[arg-type]
