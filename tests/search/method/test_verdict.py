"""The verdict compares refits on test data, and says no more than they show."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from lossmith.losses import LossSpec, freeze, standard_specs
from lossmith.search import Candidate, Task
from lossmith.search.method.context import SearchContext
from lossmith.search.method.explore import explore
from lossmith.search.method.headroom import Tuned, headroom
from lossmith.search.method.race import Finalists, race
from lossmith.search.method.verdict import verdict
from lossmith.search.records import Tested, Verdict
from lossmith.search.training.runner import Runner
from lossmith.spaces import Domain, Space

from ..simulation import (
    PLAN,
    SPACE,
    JsonLedger,
    Quality,
    RecordedProgress,
    SimulatedRunner,
    context_of,
    is_standard,
)

HUBER = Space("regression", {"huber.delta": Domain(0.1, 10, log=True)}, {}, {"mix.huber": 1.0})
PROMISED = {
    "winner",
    "best_standard",
    "metric",
    "scores",
    "difference",
    "ci_low",
    "ci_high",
    "p_value",
    "repeats",
    "better",
    "against",
}


def raced(context: SearchContext) -> tuple[Tuned, Finalists]:
    """Everything up to the verdict."""
    tuned = headroom(context)
    return tuned, race(context, tuned, explore(context, tuned.trials))


def judged(runner: SimulatedRunner, **context: Any) -> dict[str, Any]:
    """The verdict's document, as a store keeps it."""
    made = context_of(runner, **context)
    document: dict[str, Any] = json.loads(json.dumps(verdict(made, *raced(made)).to_json(), allow_nan=False))
    return document


def lead_of(lead: float) -> Quality:
    """Searched losses that are better than every standard loss by `lead`; smooth in the learning rate."""
    return lambda c: (0.6 if is_standard(c) else 0.6 + lead) - 0.002 * abs(math.log(c.recipe.rate / 3e-3))


@pytest.fixture(scope="module")
def won(task: Task) -> dict[str, Any]:
    """The verdict of a search that found something."""
    return judged(SimulatedRunner(task, lead_of(0.1)))


@pytest.fixture(scope="module")
def lost(task: Task) -> dict[str, Any]:
    """The verdict of a search that found nothing."""
    return judged(SimulatedRunner(task, lead_of(-0.003)))


def test_the_document_holds_what_was_promised(won: dict[str, Any], lost: dict[str, Any]) -> None:
    """Every key that others rely on, and for every standard loss the comparison under `against`."""
    for document in (won, lost):
        assert document.keys() >= PROMISED
        assert document["metric"] == "accuracy"
        assert document["repeats"] == PLAN.verdict_seeds
        assert document["scores"].keys() == {"winner", "best_standard"}
        assert document["against"].keys() == standard_specs("multiclass").keys()
        for row in document["against"].values():
            assert row.keys() >= {"difference", "ci_low", "ci_high", "p_value", "mean", "sd", "learning_rate"}
        for scores in document["scores"].values():
            assert len(scores["by_repeat"]) == PLAN.verdict_seeds


def test_a_large_lead_is_better(won: dict[str, Any]) -> None:
    """A searched loss that is better by .1 on test data wins, with an interval clear of zero."""
    assert won["better"] is True
    assert won["winner"]["standard"] is None
    assert won["difference"] == pytest.approx(0.1, abs=0.03)
    assert 0 < won["ci_low"] < won["difference"] < won["ci_high"]
    assert won["p_value"] < 0.05
    assert won["sentence"].startswith("Better: on small-multiclass the searched loss reaches accuracy")


def test_no_lead_is_not_better(lost: dict[str, Any]) -> None:
    """Where nothing led the race, the best standard loss is the winner, and equal to itself."""
    assert lost["better"] is False
    assert lost["winner"] == lost["best_standard"]
    assert lost["winner"]["standard"] is not None
    comparison = [lost[key] for key in ("difference", "ci_low", "ci_high", "p_value")]
    assert comparison == [0, 0, 0, 1]
    assert lost["challenger"]["standard"] is None
    assert lost["sentence"].startswith("Not better: on small-multiclass no searched loss led the race")


def test_equal_losses_are_not_better(task: Task) -> None:
    """A crowned loss whose refits are those of the standard loss is not better, with a p-value of 1."""
    context = context_of(SimulatedRunner(task, lead_of(0.1), own=0))
    tuned, finalists = raced(context)
    assert finalists.crowned
    same = replace(context, runner=SimulatedRunner(task, lambda c: 0.7, own=0))
    document = verdict(same, tuned, finalists).to_json()
    assert document["winner"]["standard"] is None
    assert document["better"] is False
    comparison = [document[key] for key in ("difference", "ci_low", "ci_high", "p_value")]
    assert comparison == [0, 0, 0, 1]
    assert document["sentence"].startswith("Not shown to be better: on small-multiclass")
    assert document["use"] == "usual"
    assert "so use cross_entropy" in document["sentence"]


def test_a_small_lead_is_used_though_not_shown(task: Task) -> None:
    """A crowned loss that test data put ahead, but not clearly, is the loss to use, and not called better."""
    context = context_of(SimulatedRunner(task, lead_of(0.1)))
    tuned, finalists = raced(context)
    close = replace(context, runner=SimulatedRunner(task, lead_of(0.002), own=0))
    document = verdict(close, tuned, finalists).to_json()
    assert document["difference"] > 0 >= document["ci_low"]
    assert (document["better"], document["use"]) == (False, "winner")
    assert "leads here, so use it. Against cross_entropy, the usual loss" in document["sentence"]


def test_equal_errors_are_not_better(regression: Task) -> None:
    """The same where scores are sums of real numbers, which a matrix product may round differently."""
    context = context_of(SimulatedRunner(regression, lead_of(-0.1), own=0), space=HUBER)
    tuned, finalists = raced(context)
    assert finalists.crowned
    same = replace(context, runner=SimulatedRunner(regression, lambda c: 0.7, own=0))
    document = verdict(same, tuned, finalists).to_json()
    assert document["better"] is False
    comparison = [document[key] for key in ("difference", "ci_low", "ci_high", "p_value")]
    assert comparison == pytest.approx([0, 0, 0, 1], abs=1e-12)


def test_a_loss_that_is_better_on_test_data_alone_is_not_the_winner(task: Task) -> None:
    """Test data never choose: a searched loss that the race did not crown stays the challenger."""
    context = context_of(SimulatedRunner(task, lead_of(-0.003)))
    tuned, finalists = raced(context)
    assert not finalists.crowned
    lucky = replace(context, runner=SimulatedRunner(task, lead_of(0.2)))
    document = verdict(lucky, tuned, finalists).to_json()
    assert document["better"] is False
    assert document["winner"]["standard"] is not None
    assert document["challenger"]["difference"] > 0.1


def test_a_winner_that_is_worse_on_test_data_is_not_better(task: Task) -> None:
    """A crowned loss that loses on test data has a negative difference and is not better."""
    context = context_of(SimulatedRunner(task, lead_of(0.1)))
    tuned, finalists = raced(context)
    document = verdict(
        replace(context, runner=SimulatedRunner(task, lead_of(-0.2))), tuned, finalists
    ).to_json()
    assert document["better"] is False
    assert document["ci_high"] < 0
    assert document["p_value"] < 0.05


@pytest.mark.parametrize("lead", [0.05, -0.05])
def test_where_smaller_is_better_a_negative_difference_wins(regression: Task, lead: float) -> None:
    """The difference is the winner's error less the standard loss's; better means below zero."""
    document = judged(SimulatedRunner(regression, lead_of(lead)), space=HUBER)
    assert document["greater_is_better"] is False
    assert document["better"] is (lead < 0)
    assert (document["ci_high"] < 0) is (lead < 0)


def test_scores_are_those_of_the_refits(task: Task) -> None:
    """Mean and spread of the metric over the refits, and the difference of the means."""
    runner = SimulatedRunner(task, lead_of(0.1))
    document = judged(runner)
    own, theirs = document["scores"]["winner"], document["scores"]["best_standard"]
    assert document["difference"] == pytest.approx(own["mean"] - theirs["mean"])
    values = torch.tensor(own["by_repeat"], dtype=torch.float64)
    assert own["mean"] == pytest.approx(float(values.mean()))
    assert own["sd"] == pytest.approx(float(values.std()))
    standard = document["best_standard"]["standard"]
    assert document["against"][standard]["mean"] == theirs["mean"]
    assert document["against"][standard]["difference"] == pytest.approx(document["difference"])


def test_p_values_are_corrected_for_their_number(won: dict[str, Any]) -> None:
    """Holm's correction over distinct losses: never below a p-value, the least one times their number.

    balanced_softmax and logit_adjustment are one loss by two names, and so one comparison.
    """
    rows = list(won["against"].values())
    assert all(row["p_value"] <= row["p_value_holm"] <= 1 for row in rows)
    least = min(row["p_value"] for row in rows)
    assert min(row["p_value_holm"] for row in rows) == pytest.approx(min(1, (len(rows) - 1) * least))


def test_the_winner_can_be_used_as_it_stands(won: dict[str, Any]) -> None:
    """The winner's document is a loss bound to the training part: it freezes, and has a formula."""
    spec = LossSpec.from_json(won["winner"]["loss"]).bind()
    assert spec.class_counts == (51, 30, 9)
    loss = freeze(spec)(torch.zeros(4, 3), torch.tensor([0, 1, 2, 0]))
    assert math.isfinite(float(loss))
    assert won["winner"]["formula"]
    assert won["winner"]["learning_rate"] > 0


def test_a_regression_winner_carries_the_scale(regression: Task) -> None:
    """The spread of the training targets goes with the loss."""
    document = judged(SimulatedRunner(regression, lead_of(-0.05)), space=HUBER)
    assert LossSpec.from_json(document["winner"]["loss"]).bind().target_scale == pytest.approx(
        1.4826 * float((regression.train[1] - regression.train[1].median()).abs().median()), rel=1e-5
    )


def test_the_refits_are_new(task: Task) -> None:
    """The verdict's seeds were in no earlier phase."""
    runner = SimulatedRunner(task, lead_of(0.1))
    context = context_of(runner)
    tuned, finalists = raced(context)
    seen = {repeat.seed for _, repeats in runner.trained for repeat in repeats}
    refits: list[int] = []

    class Watching(SimulatedRunner):
        """Notes the seeds of the refits."""

        def test(self, candidates: Any, repeats: Any, watch: Any = None) -> Tested:
            refits.extend(repeat.seed for repeat in repeats)
            return super().test(candidates, repeats)

    verdict(replace(context, runner=Watching(task, lead_of(0.1))), tuned, finalists).to_json()
    assert len(set(refits)) == PLAN.verdict_seeds
    assert seen.isdisjoint(refits)


def test_a_search_without_a_searched_loss_has_a_verdict(task: Task) -> None:
    """Where none survived, the best standard loss is the answer, without a challenger."""
    document = judged(SimulatedRunner(task, diverges=lambda c, r: not is_standard(c)))
    assert document["challenger"] is None
    assert document["better"] is False
    assert document["sentence"].startswith("Not better: no searched loss survived")


@pytest.mark.parametrize("broken", [is_standard, lambda c: not is_standard(c)])
def test_a_refit_without_a_score_is_the_worst_refit(task: Task, broken: Callable[[Candidate], bool]) -> None:
    """NaN as a refit's score is no error: it counts as the worst score that there is."""

    class Broken(SimulatedRunner):
        """A runner that only gives scores, and no number for some refits."""

        def test(self, candidates: Any, repeats: Any, watch: Any = None) -> Tested:
            scores = super().test(candidates, repeats).scores
            for place, candidate in enumerate(candidates):
                if broken(candidate):
                    scores[place, 0] = torch.nan
            return Tested(scores)

    context = context_of(SimulatedRunner(task, lead_of(0.1)))
    tuned, finalists = raced(context)
    document = verdict(replace(context, runner=Broken(task, lead_of(0.1))), tuned, finalists).to_json()
    json.dumps(document, allow_nan=False)
    lost = document["scores"]["best_standard" if broken(tuned.trials[0].candidate) else "winner"]["by_repeat"]
    assert lost[0] == min(min(row["by_repeat"]) for row in document["against"].values())


def test_without_outputs_the_verdict_is_over_refits_alone(task: Task) -> None:
    """Where a task only gives scores, the interval holds one source of error and the sentence says so."""

    class ScoresAlone(SimulatedRunner):
        """A runner that keeps its outputs to itself."""

        def test(self, candidates: Any, repeats: Any, watch: Any = None) -> Tested:
            return Tested(super().test(candidates, repeats).scores)

    alone, both = judged(ScoresAlone(task, lead_of(0.1))), judged(SimulatedRunner(task, lead_of(0.1)))
    assert alone["sources"] == ["refits"]
    assert both["sources"] == ["refits", "test samples"]
    assert alone["difference"] == both["difference"]
    assert alone["ci_high"] - alone["ci_low"] < both["ci_high"] - both["ci_low"]
    assert "over refits alone" in alone["sentence"]
    assert "over refits alone" not in both["sentence"]


def test_the_test_data_are_read_once(task: Task) -> None:
    """A verdict that is in the ledger is read from there, and its phase shows as done."""
    ledger, heard = JsonLedger(), RecordedProgress()
    runner = SimulatedRunner(task, lead_of(0.1))
    context = context_of(runner, ledger=ledger, progress=heard)
    tuned, finalists = raced(context)
    first = verdict(context, tuned, finalists).to_json()
    assert verdict(context, tuned, finalists).to_json() == json.loads(json.dumps(first))
    assert runner.refitted == 1
    assert heard.phases[-1][0] == "verdict"
    assert heard.done[-1] == (heard.phases[-1][1], None)


def test_what_is_asked_of_the_test_data_is_logged_before_they_are_read(task: Task) -> None:
    """A line in the ledger and a note say so; a search killed while it reads asks the same, or nothing."""

    class Killed(SimulatedRunner):
        """Reads the test data and is gone."""

        def test(self, candidates: Any, repeats: Any, watch: Any = None) -> Tested:
            super().test(candidates, repeats)
            raise KeyboardInterrupt

    ledger, heard = JsonLedger(), RecordedProgress()
    context = context_of(SimulatedRunner(task, lead_of(0.1)), ledger=ledger, progress=heard)
    tuned, finalists = raced(context)
    with pytest.raises(KeyboardInterrupt):
        verdict(replace(context, runner=Killed(task, lead_of(0.1))), tuned, finalists).to_json()
    opened, kept = ledger.find("verdict", 1), ledger.find("verdict", 0)
    assert kept is None
    assert opened is not None
    assert (opened.payload or {})["refits"] == PLAN.verdict_seeds
    assert "the test data of small-multiclass are read now, once:" in heard.notes[-1]
    with pytest.raises(RuntimeError, match="were read for other losses"):
        verdict(context, tuned, replace(finalists, searched=None)).to_json()
    assert verdict(context, tuned, finalists).to_json() == judged(SimulatedRunner(task, lead_of(0.1)))
    assert "as before the interruption" in heard.notes[-1]
    told = len(heard.notes)
    verdict(context, tuned, finalists).to_json()
    assert len(heard.notes) == told


def test_the_simulation_is_a_runner(task: Task) -> None:
    """What these tests use has the interface of the real one."""
    runner: Runner = SimulatedRunner(task)
    assert callable(runner.train)


def test_a_random_search_is_asked_for_and_compared(task: Task) -> None:
    """With `random_search` the same budget is spent once more, and the verdict says what it found.

    An interrupted one goes on; none of its trials count as trials of the search. Read back from text, the
    verdict writes the same text.
    """
    from lossmith.search import conduct

    plan = replace(PLAN, random_search=True, insight=False)
    runner, ledger = SimulatedRunner(task, lead_of(0.1)), JsonLedger(after=12)
    with pytest.raises(KeyboardInterrupt):
        conduct(task, SPACE, plan, runner, ledger, RecordedProgress())
    ledger.after = 100
    found = conduct(task, SPACE, plan, runner, ledger, RecordedProgress()).verdict
    assert found is not None
    document = found.to_json()
    assert Verdict.from_json(json.loads(json.dumps(document, allow_nan=False))).to_json() == document
    assert document["random_search"]["difference"] == pytest.approx(0, abs=0.02)
    assert document["random_search"].keys() >= {"ci_low", "ci_high", "mean", "formula"}
    kept = [ledger.find(phase, index) for phase, index in ledger.texts]
    numbers = [trial.number for unit in kept if unit for trial in unit.trials]
    assert len(numbers) == len(set(numbers))


def test_a_margin_allows_no_worse(task: Task) -> None:
    """A crowned loss whose interval ends within the margin is no worse; without a margin it is not better."""
    context = context_of(SimulatedRunner(task, lead_of(0.1)))
    tuned, finalists = raced(context)
    level = replace(context, runner=SimulatedRunner(task, lambda c: 0.7))
    plain = verdict(level, tuned, finalists).to_json()
    assert (plain["conclusion"], plain["better"]) == ("not better", False)
    wide = replace(level, plan=replace(PLAN, margin=0.2), ledger=JsonLedger())
    told = verdict(wide, tuned, finalists).to_json()
    assert (told["conclusion"], told["better"]) == ("no worse", False)
    assert told["sentence"].startswith("No worse: ")


def test_repeats_are_tested_too(won: dict[str, Any]) -> None:
    """Beside the bootstrap stand the signed-rank test over refits and the effect size."""
    assert won["wilcoxon_p"] == pytest.approx(2 / 2**PLAN.verdict_seeds)  # all differences on one side
    assert won["effect_size"] > 1
