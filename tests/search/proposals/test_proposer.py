"""A search asks its sampler, never proposes a loss twice, and learns from whatever it is told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from lossmith.losses import UserError, standard_spec
from lossmith.search import Candidate, Outcome, Proposer, Recipe, Repeat, Trial
from lossmith.search.proposals.samplers import SAMPLERS
from lossmith.spaces import LEARNING_RATE, Domain, Space, preset, space_from

SPACE = preset("multiclass", "multiclass")
RECIPE = Recipe(learning_rate=3e-3)
# Three losses in all: with both switches off it is the first term alone, as with the second one off.
SMALL = Space("multiclass", {}, {"mae": 0.5, "gce": 0.5}, {"mix.mae": 1, "mix.gce": 1, LEARNING_RATE: 0.01})


def rates(proposer: Proposer, count: int) -> list[float]:
    """The learning rates of the recipes that standard losses are tuned with."""
    return [recipe.rate for recipe in proposer.recipes(count)]


def trained(candidates: Sequence[Candidate], first: int = 0) -> list[Trial]:
    """These candidates with made-up outcomes of every state; smaller learning rates score better."""
    trials = []
    for number, candidate in enumerate(candidates, first):
        score = -math.log(candidate.recipe.rate)
        outcome = (
            Outcome("complete", (score, score), 20),
            Outcome("pruned", (score, score), 5, ((5, score),)),
            Outcome("diverged", (math.nan, score), 10, (), "nan by epoch 10, seed 0, fold 0"),
        )[number % 3]
        trials.append(Trial(number, "explore", 0, candidate, (Repeat(0), Repeat(1)), outcome))
    return trials


def keys(candidates: Sequence[Candidate]) -> list[str]:
    """What tells candidates apart."""
    return [candidate.key for candidate in candidates]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_loss_is_proposed_twice(sampler: str) -> None:
    """Over cohorts, told or not, each candidate has a key of its own."""
    search = Proposer(SPACE, RECIPE, sampler=sampler, budget=40)
    asked: list[Candidate] = []
    for cohort in range(5):
        candidates = search.ask(8)
        assert len(candidates) == 8
        if cohort % 2:
            search.tell(trained(candidates, len(asked)))
        asked += candidates
    assert len(set(keys(asked))) == 40


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_search_ends_when_the_space_holds_no_more(sampler: str) -> None:
    """Of a space of three losses, with one learning rate, three are proposed and then none."""
    search = Proposer(SMALL, RECIPE, sampler=sampler, budget=40)
    found = search.ask(8)
    assert {candidate.spec.parts for candidate in found} == {
        frozenset({"mae"}),
        frozenset({"gce"}),
        frozenset({"mae", "gce"}),
    }
    assert len(found) == 3
    assert search.ask(8) == []


def test_a_loss_that_was_told_is_not_proposed() -> None:
    """What another process, or headroom, has trained already is known."""
    first = Proposer(SMALL, RECIPE).ask(3)
    search = Proposer(SMALL, RECIPE)
    search.tell(trained(first[:2]))
    assert keys(search.ask(8)) == [first[2].key]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_search_that_is_rebuilt_goes_on_as_it_would_have(sampler: str) -> None:
    """Told the same trials and given `asked` back, a new search proposes what the old one proposes."""
    standard = [Candidate(standard_spec("gce", "multiclass"), RECIPE, standard="gce")]
    search, cohorts = Proposer(SPACE, RECIPE, sampler=sampler, budget=40, seed=3), []
    known = trained(standard)
    search.tell(known)
    for cohort in range(4):
        cohorts.append((search.asked, trained(search.ask(6), 1 + 6 * cohort)))
        search.tell(cohorts[-1][1])
    for done in range(4):
        rebuilt = Proposer(SPACE, RECIPE, sampler=sampler, budget=40, seed=3)
        rebuilt.tell([Trial.from_json(trial.to_json()) for trial in known])
        for _, trials in cohorts[:done]:
            rebuilt.tell([Trial.from_json(trial.to_json()) for trial in trials])
        rebuilt.asked = cohorts[done][0]
        assert keys(rebuilt.ask(6)) == keys([trial.candidate for trial in cohorts[done][1]])


def test_the_learning_rate_is_searched() -> None:
    """Proposals spread over a tenth to ten times the recipe's learning rate, evenly in its logarithm."""
    rates = [candidate.recipe.rate for candidate in Proposer(SPACE, RECIPE, sampler="qmc").ask(64)]
    assert all(3e-4 <= rate <= 3e-2 for rate in rates)
    halves = [sum(low <= rate < 10 * low for rate in rates) for low in (3e-4, 3e-3)]
    assert halves == [32, 32]  # what a Sobol sequence promises of 64 points
    assert len(set(rates)) == 64


def test_standard_losses_get_learning_rates_from_the_same_range() -> None:
    """They are the middles of equal parts of the range in the logarithm, the recipe's own among them."""
    found = rates(Proposer(SPACE, RECIPE), 5)
    assert found[2] == pytest.approx(3e-3)
    assert found[0] == pytest.approx(3e-3 * 10**-0.8)
    steps = [math.log(high / low) for low, high in pairwise(found)]
    assert steps == pytest.approx([steps[0]] * 4)


def test_a_space_may_say_which_learning_rates() -> None:
    """A range in the space replaces the one around the recipe's; a fixed one is the only one there is."""
    ranged = Space("multiclass", {LEARNING_RATE: Domain(0.5, 0.7)}, {}, {"mix.mae": 1})
    assert rates(Proposer(ranged, RECIPE), 2) == pytest.approx([0.55, 0.65])
    assert all(0.5 <= candidate.recipe.rate <= 0.7 for candidate in Proposer(ranged, RECIPE).ask(8))
    assert rates(Proposer(SMALL, RECIPE), 5) == [0.01]
    assert {candidate.recipe.rate for candidate in Proposer(SMALL, RECIPE).ask(3)} == {0.01}


def test_a_proposal_has_the_recipe_it_was_given() -> None:
    """All but the learning rate is the task's recipe."""
    recipe = Recipe(epochs=7, batch_size=32, optimizer="sgd", weight_decay=0.01, momentum=0.5)
    for candidate in Proposer(SPACE, recipe).ask(4):
        assert candidate.recipe == recipe.with_rate(candidate.recipe.rate)
        assert candidate.standard is None


@pytest.mark.parametrize("sign", [1, -1])
def test_smaller_may_be_better(sign: int) -> None:
    """Told scores that fall or rise with the learning rate, evolution goes where the metric is better."""
    search = Proposer(SPACE, RECIPE, sampler="evolution", budget=200, sign=sign)
    candidates = search.ask(60)
    trials = [
        replace(trial, outcome=Outcome("complete", (math.log(trial.candidate.recipe.rate),), 20))
        for trial in trained(candidates)
    ]
    search.tell(trials)
    better = [candidate.recipe.rate > 3e-3 for candidate in search.ask(60)]
    # A tenth of the proposals is drawn afresh; far more than 40 of 60 is what both directions should give.
    assert sum(better) > 50 if sign == 1 else sum(better) < 10


def test_failures_are_told_as_failures() -> None:
    """What diverged has a share of 0, what was pruned the share of the epochs it had."""
    search = Proposer(SPACE, RECIPE)
    search.tell(trained(search.ask(3)))
    assert [told.share for told in search._told] == [1.0, 0.25, 0.0]


def test_standard_losses_teach_where_the_space_holds_them() -> None:
    """A standard loss that is a point of the space is learnt from; one that is not is left out."""
    search = Proposer(SPACE, RECIPE)
    standards = [
        Candidate(standard_spec(name, "multiclass"), RECIPE, standard=name)
        for name in (
            "cross_entropy",
            "gce",
            "inverse_frequency",
        )  # the last weighs classes; SPACE has no weights
    ]
    search.tell(trained(standards))
    means = [search.space.loss_at(told.point) for told in search._told]
    assert [spec.hash for spec in means] == [candidate.spec.hash for candidate in standards[:2]]


def test_nothing_asked_is_nothing_proposed() -> None:
    """Asking for none moves nothing."""
    search = Proposer(SPACE, RECIPE)
    assert search.ask(0) == []
    assert search.asked == 0


def test_an_unknown_sampler_is_one_line() -> None:
    """The error lists what is near."""
    with pytest.raises(UserError, match="unknown sampler 'tpee': did you mean tpe"):
        Proposer(SPACE, RECIPE, sampler="tpee")


def test_standard_losses_are_tuned_over_whatever_of_the_recipe_is_searched() -> None:
    """As many recipes as asked for: learning rates evenly apart, the rest spread beside them."""
    space = space_from(
        {
            "preset": "multiclass",
            "parameters": {
                "recipe.weight_decay": {"low": 1e-5, "high": 1e-1, "log": True},
                "recipe.schedule": ["constant", "cosine"],
                "recipe.clip": 2.0,
            },
        },
        "multiclass",
    )
    search = Proposer(space, RECIPE)
    recipes = search.recipes(8)
    assert [recipe.rate for recipe in recipes] == pytest.approx(rates(Proposer(SPACE, RECIPE), 8))
    assert {recipe.schedule for recipe in recipes} == {"constant", "cosine"}
    assert len({recipe.weight_decay for recipe in recipes}) == 8
    assert all(1e-5 <= recipe.weight_decay <= 1e-1 and recipe.clip == 2.0 for recipe in recipes)
    candidates = search.ask(16)
    assert len({candidate.recipe.weight_decay for candidate in candidates}) == 16
    assert {candidate.recipe.schedule for candidate in candidates} == {"constant", "cosine"}


def test_losses_with_other_recipes_are_other_candidates() -> None:
    """What differs in the schedule alone may be trained; what differs in nothing may not."""
    spec = standard_spec("gce", "multiclass")
    made = [
        Candidate(spec, replace(RECIPE, **changed)) for changed in ({}, {"schedule": "cosine"}, {"clip": 1.0})
    ]
    assert len({candidate.key for candidate in made}) == 3


def test_a_search_says_who_proposes() -> None:
    """By the budget and the width it was given."""
    assert (
        "then others bred from the best (evolution)" in Proposer(SPACE, RECIPE, budget=256, width=64).reason
    )
    assert Proposer(SPACE, RECIPE, sampler="cmaes").reason.startswith("sampler cmaes")
