"""Ranges whose end was reached are found and widened, as far as the numbers are defined."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossmith.losses import Kind
from lossmith.losses.kinds import KINDS
from lossmith.spaces import LEARNING_RATE, Domain, Space, auto, edges, preset, presets, space_from, widened
from lossmith.spaces.numbers import declared
from lossmith.spaces.recipe import PARAMETERS

RATES = Domain(3e-4, 3e-2, log=True)


def middle(space: Space, **changed: float) -> dict[str, float]:
    """The middle of a space, every part on, but for what is changed; dots are two underscores."""
    point = {n: 0.0 if n.endswith(".on") else d.at(0.5) for n, d in space.coordinates().items()}
    return {**point, **{name.replace("__", "."): value for name, value in changed.items()}}


@pytest.mark.parametrize(
    ("name", "value", "end"),
    [
        ("recipe.learning_rate", 3e-4, "low"),
        ("recipe.learning_rate", 3e-2, "high"),
        ("recipe.weight_decay", 1e-2, "high"),
        ("recipe.momentum", 0.99, "high"),
        ("recipe.clip", 0.1, "low"),
        ("focal.gamma", 5.0, "high"),
        ("label_smoothing.epsilon", 0.4, "high"),
        ("poly1.epsilon", 8.0, "high"),
        ("mix.gce", 0.02, "low"),
    ],
)
def test_a_number_at_the_end_of_its_range_is_named_and_its_range_widened(
    name: str, value: float, end: Any
) -> None:
    """The other ranges stay, the moved end lies further out, and the number is defined at both ends."""
    searched: dict[str, Any] = {"recipe.weight_decay": {}, "recipe.momentum": {}, "recipe.clip": {}}
    space = space_from({"preset": "multiclass", "parameters": searched}, "multiclass")
    space = space.with_learning_rate(RATES)
    assert edges(space, [middle(space)]) == {}
    found = edges(space, [middle(space, **{name.replace(".", "__"): value})])
    assert found == {name: end}
    wider = widened(space, found)
    before, after = space.domains[name], wider.domains[name]
    assert after.low < before.low if end == "low" else after.high > before.high
    assert {n: d for n, d in wider.domains.items() if n != name} == {
        n: d for n, d in space.domains.items() if n != name
    }


def test_a_rate_at_the_lowest_of_the_tuned_ones_is_at_the_end() -> None:
    """With a few values tried, none lies at the very end: half of their distance counts."""
    space = auto("multiclass", [90, 10]).with_learning_rate(RATES)
    lowest = middle(space, recipe__learning_rate=RATES.at(0.5 / 5))
    assert edges(space, [lowest]) == {}
    assert edges(space, [lowest], near=0.5 / 5) == {LEARNING_RATE: "low"}
    assert widened(space, {LEARNING_RATE: "low"}).domains[LEARNING_RATE].low == pytest.approx(3e-6)


def test_what_cannot_go_further_is_no_edge() -> None:
    """A parameter at the end of its domain, a part that is off, a switch, one of several words."""
    words = {"recipe.schedule": ["constant", "cosine"], "recipe.stop_after": {}}
    space = space_from({"preset": "multiclass", "parameters": words}, "multiclass")
    assert edges(space, [middle(space, gce__q=1.0)]) == {}
    assert edges(space, [middle(space, focal__gamma=5.0, focal__on=1.0)]) == {}
    assert edges(space, [middle(space, recipe__schedule=2.0)]) == {}
    assert edges(space, [middle(space, recipe__stop_after=1.0)]) == {}


def test_a_range_that_a_spec_gives_is_never_widened() -> None:
    """Who writes an end means it; it is named all the same."""
    given_low = {
        "preset": "multiclass",
        "parameters": {LEARNING_RATE: {"low": 1e-3, "high": 1e-2, "log": True}},
    }
    space = space_from(given_low, "multiclass")
    assert edges(space, [middle(space, recipe__learning_rate=1e-2)]) == {LEARNING_RATE: "high"}
    assert widened(space, {LEARNING_RATE: "high"}) == space


SEARCHED = [
    (name, kind)
    for kind in KINDS
    for name in {
        *(
            n
            for document, d in presets().items()
            if kind in d["kinds"]
            for n in preset(document, kind).domains
        ),
        *(f"recipe.{n}" for n, parameter in PARAMETERS.items() if parameter.usual),
    }
]


@pytest.mark.parametrize(("name", "kind"), sorted(SEARCHED))
@given(end=st.sampled_from(["low", "high"]), times=st.integers(1, 3))
def test_every_searched_number_stays_defined_however_often_its_range_is_widened(
    name: str, kind: Kind, end: Any, times: int
) -> None:
    """Both ends of the widened range are values of the number, and the old range lies inside."""
    space = space_from({"parameters": {name: {}}}, kind)
    before = space.domains[name]
    for _ in range(times):
        space = widened(space, {name: end})
    after = space.domains[name]
    assert after.low <= before.low <= before.high <= after.high
    assert declared(name, kind).allows(after.low)
    assert declared(name, kind).allows(after.high)
