"""Trials as documents, recipes, and the ledger."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from lossmith.losses import Kind, standard_specs
from lossmith.search import Candidate, MemoryLedger, Outcome, Recipe, Repeat, Trial, Unit
from lossmith.search.records import ledger as ledger_module
from lossmith.search.records import recall

from ..small_tasks import METRICS, drawn

CANDIDATE = Candidate(standard_specs("multiclass")["gce"], Recipe())


def trial_of(candidate: Candidate, outcome: Outcome | None = None) -> Trial:
    """A trial of this candidate."""
    outcome = outcome or Outcome("complete", (0.1, 0.2), 20, ((5, 0.1), (10, 0.15)))
    return Trial(3, "explore", 1, candidate, (Repeat(0), Repeat(1, 2, 3)), outcome)


@pytest.mark.parametrize("kind", METRICS)
def test_a_trial_is_read_back_as_it_was(kind: Kind) -> None:
    """Through JSON text, for random losses of every kind: equal, with the same key and the same hash."""
    for candidate in drawn(kind, Recipe(learning_rate=0.1 / 3, weight_decay=1e-4), 100):
        trial = trial_of(candidate)
        again = Trial.from_json(json.loads(json.dumps(trial.to_json(), allow_nan=False)))
        assert again == trial
        assert again.candidate.key == candidate.key
        assert again.candidate.spec.bind().hash == candidate.spec.hash


def test_scores_that_are_not_there_are_null() -> None:
    """NaN becomes null in the document and NaN again when it is read."""
    outcome = Outcome("diverged", (math.nan, 0.3), 3, (), "nan by epoch 3, seed 0, fold 0")
    document = json.loads(json.dumps(trial_of(CANDIDATE, outcome).to_json(), allow_nan=False))
    assert document["scores"] == [None, 0.3]
    again = Trial.from_json(document).outcome
    assert math.isnan(again.scores[0])
    assert replace(again, scores=(0.0, 0.3)) == replace(outcome, scores=(0.0, 0.3))
    assert math.isnan(again.score)


def test_the_score_is_the_mean_of_the_repeats() -> None:
    """Without the rounding of a running sum."""
    assert Outcome("complete", (0.1,) * 10, 1).score == 0.1


def test_candidates_are_told_apart_by_what_they_train_to() -> None:
    """Loss, learning rate and weight decay count; the name of a standard loss and its point do not."""
    assert replace(CANDIDATE, standard="gce", point={"gce.q": 0.7}).key == CANDIDATE.key
    others = [
        replace(CANDIDATE, spec=standard_specs("multiclass")["mae"]),
        replace(CANDIDATE, recipe=Recipe(learning_rate=0.0031)),
        replace(CANDIDATE, recipe=Recipe(weight_decay=1e-5)),
    ]
    assert len({candidate.key for candidate in (CANDIDATE, *others)}) == 4


@pytest.mark.parametrize(("optimizer", "rate"), [("adam", 3e-3), ("sgd", 0.1)])
def test_a_recipe_knows_its_optimisers_usual_rate(optimizer: str, rate: float) -> None:
    """Without a learning rate a recipe has the optimiser's usual one, and keeps one that is given."""
    assert Recipe(optimizer=optimizer).rate == rate
    assert Recipe(optimizer=optimizer, learning_rate=0.5).rate == 0.5


def test_a_recipe_is_read_back_as_it_was() -> None:
    """`to_json` and `from_mapping` are inverse, and a learning rate keeps the twelve digits it is given."""
    recipe = Recipe(7, 32, "sgd", 0.1 / 3, 1e-4, 0.5).with_rate(0.123456789012345)
    assert recipe.rate == 0.123456789012
    assert Recipe.from_mapping(json.loads(json.dumps(recipe.to_json()))) == recipe
    assert recipe.with_rate(recipe.rate) == recipe


def test_a_unit_is_worked_on_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """`recall` keeps what the work made with the seconds it took, and asks the ledger from then on."""
    ledger, worked, times = MemoryLedger(), list[int](), iter([10.0, 12.5])
    monkeypatch.setattr(ledger_module, "monotonic", lambda: next(times))

    def work() -> Unit:
        worked.append(1)
        return Unit("race", 2, payload={"scores": {}})

    first, again = (recall(ledger, "race", 2, work) for _ in range(2))
    assert first is again
    assert first == Unit("race", 2, (), {"scores": {}}, 2.5)
    assert worked == [1]
    assert ledger.find("race", 1) is None
    assert ledger.find("verdict", 2) is None


def test_work_that_fails_leaves_nothing() -> None:
    """What raises is not kept, and is worked on again."""
    ledger = MemoryLedger()

    def failing() -> Unit:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recall(ledger, "race", 0, failing)
    assert ledger.units == {}


def test_a_ledger_takes_a_unit_once() -> None:
    """A second unit of the same phase and index is a fault of the program."""
    ledger = MemoryLedger()
    ledger.keep(Unit("race", 0))
    with pytest.raises(AssertionError, match="trained once"):
        ledger.keep(Unit("race", 0))
