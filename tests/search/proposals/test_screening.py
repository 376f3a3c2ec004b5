"""Losses that no model could be trained with are rejected before they are trained."""

from __future__ import annotations

import math

import pytest
from sklearn.datasets import load_diabetes
from torch import nn

from lossmith.losses import LossSpec, standard_spec
from lossmith.search import Candidate, Proposer, Recipe, Task, Trial
from lossmith.search.method.explore import explore
from lossmith.search.method.headroom import headroom
from lossmith.search.proposals.screening import rejected
from lossmith.spaces import Domain, Space

from ..simulation import JsonLedger, SimulatedRunner, context_of

SOUND = LossSpec("regression", {"mix.huber": 1, "huber.delta": 1})
EXPLODES = LossSpec("regression", {"mix.linex": 1, "linex.a": 6})
SPACE = Space("regression", {"linex.a": Domain(0.5, 1.5)}, {}, {"mix.linex": 1})


@pytest.fixture
def regression() -> Task:
    """Diabetes with a line as its model; nothing here trains it."""
    inputs, targets = load_diabetes(return_X_y=True)
    return Task(
        name="diabetes",
        kind="regression",
        train=(inputs[:200], targets[:200]),
        validation=(inputs[200:300], targets[200:300]),
        test=(inputs[300:], targets[300:]),
        model=lambda: nn.Linear(10, 1),
        metric="rmse",
    )


def test_the_unfit_are_rejected_with_the_reason_and_no_others() -> None:
    """In one line, before any epoch, with no score; a standard loss is trained whatever its health."""
    candidates = [
        Candidate(SOUND, Recipe()),
        Candidate(EXPLODES, Recipe()),
        Candidate(EXPLODES, Recipe(), standard="linex"),
    ]
    found = rejected(candidates, repeats=2)
    assert list(found) == [1]
    outcome = found[1]
    assert (outcome.state, outcome.epochs) == ("rejected", 0)
    assert outcome.reason is not None
    assert outcome.reason.startswith("the gradient explodes")
    assert "\n" not in outcome.reason
    assert len(outcome.scores) == 2
    assert math.isnan(outcome.score)


def test_a_search_trains_only_what_is_fit_and_goes_on_where_it_was(regression: Task) -> None:
    """Rejected proposals are trials in their place, reach no runner, and a resumed search finds the same."""
    ledger = JsonLedger()
    first: tuple[Trial, ...] = ()
    for _ in range(2):
        runner = SimulatedRunner(regression)
        context = context_of(runner, space=SPACE, ledger=ledger)
        found = explore(context, headroom(context).trials)
        unfit = [trial for trial in found if trial.outcome.state == "rejected"]
        assert 0 < len(unfit) < len(found)
        assert all(trial.candidate.spec.parameters["linex.a"] > 0.8 for trial in unfit)
        trained = {candidate.key for candidates, _ in runner.trained for candidate in candidates}
        assert not trained & {trial.candidate.key for trial in unfit}
        first = first or found
        assert [t.candidate.key for t in found] == [t.candidate.key for t in first]


def test_the_sampler_learns_that_it_was_a_bad_point(regression: Task) -> None:
    """A rejected proposal is worse than any that was trained: it got no share of the training."""
    search = Proposer(SPACE, regression.settings, seed=0)
    candidate = Candidate(EXPLODES, Recipe(), point={"linex.a": 6.0})
    outcome = rejected([candidate], 1)[0]
    search.tell([Trial(0, "explore", 0, candidate, (), outcome)])
    assert [told.share for told in search._told] == [0.0]


def test_every_standard_loss_is_fit() -> None:
    """None would be rejected if it were proposed under no name."""
    kinds = {"multiclass": "cross_entropy", "binary": "bce", "multilabel": "bce", "regression": "mae"}
    for kind, name in kinds.items():
        assert rejected([Candidate(standard_spec(name, kind), Recipe())], 1) == {}
