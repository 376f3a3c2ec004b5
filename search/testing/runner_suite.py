"""What every runner promises."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import pairwise

from ..records import Repeat, RungSchedule, unwatched
from ..tasks.task import Task
from ..training.runner import Runner
from .problems import EPOCHS, small_candidates, small_task

REPEATS = (Repeat(0), Repeat(1))
CLOSE = 1e-6  # in double precision: how far sums in another order may move a score that is a share


class RunnerSuite(ABC):
    """The promises of a runner, as tests to inherit.

    >>> from lossmith.search.training.cohort_trainer import Trainer
    >>> class TestTrainer(RunnerSuite):
    ...     def make(self, task):
    ...         return Trainer(task, workers=1)
    """

    @abstractmethod
    def make(self, task: Task) -> Runner:
        """Return a runner for a task that has a validation part."""

    def test_every_candidate_has_its_outcome_in_its_place(self) -> None:
        """One outcome each, with a score for each repeat, in the order of the candidates."""
        task = small_task()
        candidates, runner = small_candidates(task.settings), self.make(task)
        together = runner.train(candidates, REPEATS, None, unwatched)
        assert [len(one.outcome.scores) for one in together] == [len(REPEATS)] * len(candidates)
        assert {one.outcome.state for one in together} == {"complete"}
        assert {one.outcome.epochs for one in together} == {EPOCHS}
        backwards = runner.train(candidates[::-1], REPEATS, None, unwatched)[::-1]
        for one, other in zip(together, backwards, strict=True):
            assert math.isclose(one.outcome.score, other.outcome.score, abs_tol=CLOSE)

    def test_equal_calls_give_equal_outcomes(self) -> None:
        """Bit for bit, within one runner and between two."""
        task = small_task()
        candidates = small_candidates(task.settings)
        first, again, other = (
            runner.train(candidates, REPEATS, None, unwatched)
            for runner in (*[self.make(task)] * 2, self.make(task))
        )
        assert first == again == other

    def test_company_changes_nothing(self) -> None:
        """A candidate scores what it scores alone, and so does a repeat."""
        task = small_task()
        candidates, runner = small_candidates(task.settings), self.make(task)
        together = runner.train(candidates, REPEATS, None, unwatched)
        for place in (0, len(candidates) - 1):
            (alone,) = runner.train(candidates[place : place + 1], REPEATS[1:], None, unwatched)
            assert math.isclose(alone.outcome.score, together[place].outcome.scores[1], abs_tol=CLOSE)

    def test_a_rung_keeps_the_best(self) -> None:
        """Those below the rung end there with the score they have; the others end as without a rung."""
        task = small_task()
        candidates, runner = small_candidates(task.settings), self.make(task)
        rungs = RungSchedule((EPOCHS - 1,))
        thinned = runner.train(candidates, REPEATS, rungs, unwatched)
        whole = runner.train(candidates, REPEATS, None, unwatched)
        states = [one.outcome.state for one in thinned]
        assert states.count("complete") == math.ceil(len(candidates) / 2)
        sign = task.measure.sign
        at_rung = {state: [] for state in ("complete", "pruned")}  # type: dict[str, list[float]]
        for one, other in zip(thinned, whole, strict=True):
            epoch, score = one.outcome.rungs[-1]  # a runner may tell earlier scores too
            assert epoch == EPOCHS - 1
            at_rung[one.outcome.state].append(sign * score)
            if one.complete:
                assert math.isclose(one.outcome.score, other.outcome.score, abs_tol=CLOSE)
            else:
                assert one.outcome.epochs == EPOCHS - 1
                assert math.isclose(one.outcome.score, score, abs_tol=CLOSE)
        assert min(at_rung["complete"]) >= max(at_rung["pruned"])

    def test_the_watch_sees_the_work_grow_to_its_end(self) -> None:
        """Shares never fall, lie between 0 and 1, and the last is 1."""
        task, shares = small_task(), list[float]()
        self.make(task).train(small_candidates(task.settings), REPEATS, None, shares.append)
        assert shares
        assert all(low <= high for low, high in pairwise(shares))
        assert math.isclose(shares[-1], 1)
        assert shares[0] >= 0

    def test_resampled_scores_are_asked_for(self) -> None:
        """As many as asked for, around the score; none without asking, or all left out."""
        task = small_task()
        candidates, runner = small_candidates(task.settings), self.make(task)
        assert all(not one.resampled for one in runner.train(candidates, REPEATS, None, unwatched))
        measured = runner.train(candidates, REPEATS, None, unwatched, 50)
        assert {len(one.resampled) for one in measured} in ({50}, {0})

    def test_refits_are_scored_on_test_data(self) -> None:
        """A score for each candidate and refit; it is the metric of the outputs, where there are outputs."""
        task = small_task()
        candidates = small_candidates(task.settings)[:2]
        tested = self.make(task).test(candidates, REPEATS, unwatched)
        assert tested.scores.shape == (2, 2)
        if tested.outputs is not None and tested.targets is not None:
            again = task.measure(tested.outputs.flatten(0, 1), tested.targets).view(2, 2)
            assert bool((again - tested.scores).abs().max() < CLOSE)
