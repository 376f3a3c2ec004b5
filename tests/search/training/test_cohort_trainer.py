"""Training a cohort: rungs, failures and outcomes, whatever the engine and however many workers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from lossmith.losses import Kind, standard_spec
from lossmith.search import Candidate, Outcome, Recipe, Repeat, Task
from lossmith.search.records import RungSchedule, Tested
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.search.training.engines.registry import ENGINES
from lossmith.search.training.program import Stopped

from ..small_tasks import FEATURES, METRICS, data, mlp, outcomes_of, standards, task_of

REPEATS = (Repeat(0), Repeat(1))
NAMES = ("mse", "mae", "huber", "mse", "mae", "huber")


@pytest.fixture(scope="session")
def task() -> Task:
    """A regression, whose score shows the least change of a parameter, in float64."""
    return task_of("regression", dtype=torch.float64, recipe={"epochs": 4, "batch_size": 32})


@pytest.fixture(scope="session")
def candidates(task: Task) -> list[Candidate]:
    """Eight losses: the same one with eight learning rates, the better the larger."""
    loss = standard_spec("mse", "regression")
    return [Candidate(loss, task.settings.with_rate(3e-4 * 2**i)) for i in range(8)]


@pytest.fixture(scope="session")
def unpruned(task: Task, candidates: list[Candidate]) -> list[Outcome]:
    """What comes of them without rungs."""
    return outcomes_of(Trainer(task, workers=2).train(candidates, REPEATS))


def close(one: Sequence[float], other: Sequence[float]) -> bool:
    """Equal scores but for the rounding of training in another place (1e-9 in float64)."""
    return list(one) == pytest.approx(list(other), rel=1e-9)


@pytest.mark.parametrize("kind", METRICS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_kind_is_trained_and_scored(kind: Kind, engine: str) -> None:
    """With outputs (N, K), (N, L), (N, 1) and (N,) alike, every standard loss gets a finite score."""
    for model in (None, lambda: nn.Sequential(nn.Linear(FEATURES, 1), nn.Flatten(0))):
        if model is not None and kind not in ("binary", "regression"):
            continue
        task = task_of(kind, **({} if model is None else {"model": model}))
        outcomes = outcomes_of(
            Trainer(task, engine=engine, workers=1).train(standards(kind, task.settings), REPEATS[:1])
        )
        assert {outcome.state for outcome in outcomes} == {"complete"}
        assert all(math.isfinite(outcome.score) for outcome in outcomes)


def test_outcomes_do_not_depend_on_workers_or_engine(
    task: Task, candidates: list[Candidate], unpruned: list[Outcome]
) -> None:
    """One worker, three or eight, more than there are candidates or fewer, and either engine: one result."""
    for engine, workers, count in (("cohort", 1, 8), ("cohort", 3, 8), ("cohort", 8, 3), ("loop", 2, 8)):
        found = outcomes_of(Trainer(task, engine=engine, workers=workers).train(candidates[:count], REPEATS))
        for outcome, wanted in zip(found, unpruned, strict=False):
            assert close(outcome.scores, wanted.scores)
            assert (outcome.state, outcome.epochs) == ("complete", 4)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_a_single_candidate_is_a_cohort(
    task: Task, candidates: list[Candidate], unpruned: list[Outcome], workers: int
) -> None:
    """One candidate on one repeat passes every rung, with workers that have nothing to do."""
    trainer = Trainer(task, workers=workers)
    (found,) = outcomes_of(trainer.train(candidates[:1], REPEATS[:1], RungSchedule((1, 2))))
    assert found.state == "complete"
    assert close(found.scores, unpruned[0].scores[:1])
    assert [epoch for epoch, _ in found.rungs] == [1, 2]


def test_equal_calls_give_equal_outcomes(task: Task, candidates: list[Candidate]) -> None:
    """Bit for bit, with threads side by side."""
    trainer = Trainer(task, workers=4)
    assert trainer.train(candidates, REPEATS, RungSchedule((1,))) == trainer.train(
        candidates, REPEATS, RungSchedule((1,))
    )


def test_threads_do_not_disturb_each_other(candidates: list[Candidate]) -> None:
    """Eight programs built and trained at once, with dropout, end as they do one after another."""
    task = task_of("regression", model=mlp(1, lambda: nn.Dropout(0.3)))
    repeats = [Repeat(seed) for seed in range(8)]
    side_by_side, in_turn = (
        outcomes_of(Trainer(task, workers=n).train(candidates[:2], repeats)) for n in (8, 1)
    )
    for one, other in zip(side_by_side, in_turn, strict=True):
        assert one.scores == pytest.approx(other.scores, rel=1e-4)  # float32, in stacks of another width


def test_the_seed_of_a_search_is_in_every_outcome(task: Task, candidates: list[Candidate]) -> None:
    """Another seed means other initialisations and batches, and so other scores."""
    one, other = (outcomes_of(Trainer(task, seed=seed).train(candidates[:1], REPEATS))[0] for seed in (0, 1))
    assert one.scores != other.scores


def test_rungs_keep_the_best(task: Task, candidates: list[Candidate], unpruned: list[Outcome]) -> None:
    """Of 8 candidates 4 pass the first rung and 2 the second; smaller errors are better here."""
    found = outcomes_of(Trainer(task).train(candidates, REPEATS, RungSchedule((1, 2))))
    assert [o.epochs for o in found] == [1, 1, 1, 1, 2, 2, 4, 4]  # the larger the learning rate, the better
    assert [o.state for o in found] == ["pruned"] * 6 + ["complete"] * 2
    assert [len(o.rungs) for o in found] == [1, 1, 1, 1, 2, 2, 2, 2]
    for outcome in found:
        assert [epoch for epoch, _ in outcome.rungs] == [1, 2][: len(outcome.rungs)]
    for outcome in found[:6]:
        assert outcome.score == pytest.approx(outcome.rungs[-1][1])
    first = [outcome.rungs[0][1] for outcome in found]
    assert first == sorted(first, reverse=True)
    for outcome, wanted in zip(found[6:], unpruned[6:], strict=True):
        assert close(outcome.scores, wanted.scores)


def test_rung_scores_are_those_of_training_no_longer(task: Task, candidates: list[Candidate]) -> None:
    """The score at a rung after 2 epochs is the score of a training of 2 epochs."""
    found = outcomes_of(Trainer(task).train(candidates, REPEATS, RungSchedule((2,))))
    short = [replace(c, recipe=replace(c.recipe, epochs=2)) for c in candidates]
    for outcome, wanted in zip(found, outcomes_of(Trainer(task).train(short, REPEATS)), strict=True):
        assert outcome.rungs[0][1] == pytest.approx(wanted.score, rel=1e-9)


def test_ties_at_a_rung_go_to_who_came_first(task: Task, candidates: list[Candidate]) -> None:
    """Of equals the earlier ones go on; as many as without ties."""
    found = outcomes_of(Trainer(task, workers=1).train([candidates[3]] * 5, REPEATS, RungSchedule((1, 2))))
    assert len({outcome.rungs[0] for outcome in found}) == 1
    assert [outcome.epochs for outcome in found] == [4, 4, 2, 1, 1]


@pytest.mark.parametrize(("count", "keep", "left"), [(1, 0.5, 1), (3, 0.5, 2), (5, 0.2, 1), (8, 1.0, 8)])
def test_a_rung_keeps_its_share_rounded_up(
    task: Task, candidates: list[Candidate], count: int, keep: float, left: int
) -> None:
    """At least one candidate goes on."""
    found = outcomes_of(Trainer(task).train(candidates[:count], REPEATS[:1], RungSchedule((1,), keep)))
    assert sum(outcome.state == "complete" for outcome in found) == left


def test_halving_marks_a_quarter_and_a_half() -> None:
    """Rungs lie within the training; where it is short there are fewer, and none in a single epoch."""
    assert RungSchedule.halving(20).epochs == (5, 10)
    assert RungSchedule.halving(60, 3).epochs == (7, 15, 30)
    assert [RungSchedule.halving(epochs).epochs for epochs in (1, 2, 3, 4)] == [(), (1,), (1,), (1, 2)]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_candidate_that_diverges_is_told_with_its_reason(engine: str) -> None:
    """One goes to NaN, one explodes and one collapses; each says so, and the others never notice.

    Neighbours have bit for bit the scores they have beside healthy candidates.
    """
    recipe = Recipe(epochs=2, batch_size=16, optimizer="sgd", learning_rate=0.05, momentum=0.0)
    task = task_of("regression", recipe=recipe)
    healthy = [
        Candidate(standard_spec(name, "regression"), recipe.with_rate(0.01 + 0.01 * i))
        for i, name in enumerate(NAMES)
    ]
    sick = list(healthy)
    sick[1] = replace(healthy[1], recipe=replace(recipe, learning_rate=1e38))
    # Each step takes the weights times -14: 3e6 after the six of an epoch.
    sick[2] = replace(healthy[2], recipe=replace(recipe, learning_rate=1.0, weight_decay=15.0))
    trainer = Trainer(task, engine=engine, workers=1)
    wanted, found = (
        outcomes_of(trainer.train(chosen, REPEATS, RungSchedule((1,), keep=1.0)))
        for chosen in (healthy, sick)
    )
    assert [o.state for o in found] == [
        "complete", "diverged", "diverged", "complete", "complete", "complete"
    ]  # fmt: skip
    for place in (0, 3, 4, 5):
        assert found[place] == wanted[place]
    assert (found[1].reason or "").startswith("nan by epoch 1, seed ")
    assert (found[2].reason or "").startswith("explode by epoch 1, seed ")
    for place in (1, 2):
        assert math.isnan(found[place].score)
        assert found[place].epochs == 1
        assert found[place].rungs == ()


class Sleepy(nn.Linear):
    """A linear layer that gives the same output for every sample once its weights have moved far."""

    def forward(self, inputs: Tensor) -> Tensor:
        """The layer's outputs, times zero where its bias is above 5."""
        return super().forward(inputs) * (self.bias.abs().max() < 5)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_that_has_collapsed_has_diverged(engine: str) -> None:
    """The same output for every held-out sample is no solution; the reason says collapse."""
    recipe = Recipe(epochs=2, batch_size=16, optimizer="sgd", learning_rate=0.05)
    task = task_of(recipe=recipe, model=lambda: Sleepy(FEATURES, 3))
    loss = standard_spec("cross_entropy", "multiclass")
    pair = [Candidate(loss, recipe), Candidate(loss, recipe.with_rate(100))]
    fine, asleep = outcomes_of(Trainer(task, engine=engine, workers=1).train(pair, REPEATS))
    assert fine.state == "complete"
    assert asleep.state == "diverged"
    assert (asleep.reason or "").startswith("collapse: the same output for every sample, seed 0")


def test_one_held_out_sample_is_no_collapse() -> None:
    """Leave-one-out: a single sample has the same output as itself."""
    inputs, targets = data("regression", 6, 0)
    task = task_of("regression", train=(inputs, targets), validation=None)
    repeats = [Repeat(0, fold) for fold in range(6)]
    (found,) = outcomes_of(Trainer(task, folds=6).train(standards("regression", task.settings)[:1], repeats))
    assert found.state == "complete"


def test_a_repeat_that_diverges_is_named(task: Task) -> None:
    """A candidate is lost when one of its repeats is: its scores hold NaN there, and numbers elsewhere."""

    class Fragile(nn.Linear):
        """Gives NaN where the initialisation was unlucky, not yet for the few samples it is tried with."""

        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(inputs) / ((self.weight[0, 0] > 0) | (len(inputs) <= 5))

    fragile = replace(task, model=lambda: Fragile(FEATURES, 1), recipe={"epochs": 1, "learning_rate": 1e-9})
    loss = [Candidate(standard_spec("mse", "regression"), fragile.settings)]
    repeats = [Repeat(seed) for seed in range(6)]
    (found,) = outcomes_of(Trainer(fragile).train(loss, repeats))
    lost = [math.isnan(score) for score in found.scores]
    assert found.state == "diverged"
    assert 0 < sum(lost) < 6
    assert f"seed {lost.index(True)}, fold 0" in (found.reason or "")


@pytest.mark.parametrize("rungs", [RungSchedule(), RungSchedule((1, 2))])
def test_all_candidates_may_diverge(task: Task, candidates: list[Candidate], rungs: RungSchedule) -> None:
    """A cohort of which nothing is left ends at once, with an outcome for each."""
    wild = [
        replace(c, recipe=replace(c.recipe, optimizer="sgd", learning_rate=1e200)) for c in candidates[:3]
    ]
    found = outcomes_of(Trainer(task).train(wild, REPEATS, rungs))
    assert [outcome.state for outcome in found] == ["diverged"] * 3
    assert {outcome.epochs for outcome in found} == {1 if rungs.epochs else 4}


def test_those_that_diverged_leave_room_at_a_rung(task: Task, candidates: list[Candidate]) -> None:
    """Half of the candidates that began may pass the first rung; the diverged are not among them."""
    wild = [replace(c, recipe=c.recipe.with_rate(1e300)) if i < 3 else c for i, c in enumerate(candidates)]
    found = outcomes_of(Trainer(task).train(wild, REPEATS, RungSchedule((1,))))
    assert [o.state for o in found] == ["diverged"] * 3 + ["pruned"] + ["complete"] * 4


def test_the_scores_are_in_the_order_of_the_repeats() -> None:
    """Each repeat is scored on its own fold; the mean is the score."""
    task = task_of(validation=None)
    repeats = [Repeat(0, 1), Repeat(1, 0), Repeat(0, 0, 1)]
    loss = standards("multiclass", task.settings)[:1]
    trainer = Trainer(task, folds=3)
    (found,) = outcomes_of(trainer.train(loss, repeats))
    alone = [outcomes_of(trainer.train(loss, [repeat]))[0].scores[0] for repeat in repeats]
    assert list(found.scores) == alone
    assert found.score == pytest.approx(sum(alone) / 3)


def outputs_of(tested: Tested) -> Tensor:
    """What the models said."""
    assert tested.outputs is not None
    return tested.outputs


@pytest.mark.parametrize("engine", ENGINES)
def test_tests_are_of_the_test_part(task: Task, candidates: list[Candidate], engine: str) -> None:
    """`test` trains on the whole training part: (candidates, repeats, N, ...), in the order asked for."""
    tested = Trainer(task, engine=engine, workers=3).test(candidates[:3], REPEATS)
    outputs = outputs_of(tested)
    assert outputs.shape == (3, 2, 40, 1)
    for place, candidate in enumerate(candidates[:3]):
        alone = outputs_of(Trainer(task, engine=engine, workers=1).test([candidate], REPEATS[1:]))
        torch.testing.assert_close(outputs[place, 1], alone[0, 0], rtol=1e-9, atol=1e-12)
        assert tested.scores[place].tolist() == task.measure(outputs[place], task.test[1]).tolist()


def test_tests_do_not_touch_the_validation_part(task: Task, candidates: list[Candidate]) -> None:
    """With other validation data the refits are the same."""
    inputs, targets = task.validation
    other = replace(task, validation=(inputs + 1, targets * 2))
    outputs = [outputs_of(Trainer(t).test(candidates[:2], REPEATS[:1])) for t in (task, other)]
    assert torch.equal(*outputs)


def test_training_does_not_touch_the_test_part(task: Task, candidates: list[Candidate]) -> None:
    """With other test data every outcome is the same: only the verdict looks at them."""
    inputs, targets = task.test
    other = replace(task, test=(inputs + 1, targets * 2))
    assert Trainer(task).train(candidates, REPEATS) == Trainer(other).train(candidates, REPEATS)


def test_the_watch_sees_the_work_grow(task: Task, candidates: list[Candidate]) -> None:
    """Shares of the work rise to 1, whether or not members are dropped on the way."""
    for rungs in (None, RungSchedule((1, 2))):
        shares: list[float] = []
        Trainer(task, workers=2).train(candidates, REPEATS, rungs, shares.append)
        assert shares == sorted(shares)
        assert shares[0] > 0
        assert shares[-1] == pytest.approx(1)


def test_a_trainer_stops_when_it_is_asked_to(task: Task, candidates: list[Candidate]) -> None:
    """With `stop` set, training raises `Stopped` and leaves torch's threads as they were."""
    trainer = Trainer(task, workers=2)
    trainer.stop.set()
    before = torch.get_num_threads()
    with pytest.raises(Stopped):
        trainer.train(candidates, REPEATS)
    assert torch.get_num_threads() == before


def test_an_interrupt_stops_every_worker(task: Task, candidates: list[Candidate]) -> None:
    """Ctrl-C while a cohort trains sets `stop`, so that no thread trains on in the background."""

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    trainer = Trainer(task, workers=2)
    with pytest.raises(KeyboardInterrupt):
        trainer.train(candidates, REPEATS, None, interrupted)
    assert trainer.stop.is_set()
