"""Numbers of the recipe that are searched beside the loss."""

from __future__ import annotations

from typing import Any

import pytest

from lossmith.losses import UserError, standard_spec
from lossmith.spaces import Space, space_from

SPEC = {
    "preset": "multiclass",
    "parameters": {
        "recipe.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
        "recipe.weight_decay": {},
        "recipe.momentum": {"low": 0.8, "high": 0.95},
        "recipe.clip": 1.0,
        "recipe.schedule": ["constant", "cosine", "step"],
    },
}


@pytest.fixture
def space() -> Space:
    """A space with every kind of recipe parameter: ranges, a usual range, a fixed one, words."""
    return space_from(SPEC, "multiclass")


def test_a_preset_searches_no_recipe() -> None:
    """The recipe is the task's, unless a SPEC asks for more."""
    assert not [name for name in space_from("multiclass", "multiclass").coordinates() if "recipe" in name]


def test_a_point_says_what_the_recipe_is(space: Space) -> None:
    """Each coordinate is a number within its domain; a third of the range of three words means each."""
    names = space.coordinates()
    assert [name for name in names if name.startswith("recipe.")] == [
        "recipe.learning_rate",
        "recipe.weight_decay",
        "recipe.momentum",
        "recipe.schedule",
    ]
    assert (names["recipe.weight_decay"].low, names["recipe.weight_decay"].high) == (1e-6, 1e-2)
    schedules = []
    for share in (0.0, 0.3, 0.5, 0.9, 1.0):
        recipe = space.recipe_at({name: domain.at(share) for name, domain in names.items()})
        assert recipe["clip"] == 1.0
        assert recipe["momentum"] == pytest.approx(0.8 + 0.15 * share)
        schedules.append(recipe["schedule"])
    assert schedules == ["constant", "constant", "cosine", "step", "step"]


def test_a_single_word_is_no_coordinate() -> None:
    """It holds for all trials."""
    space = space_from({"preset": "multiclass", "parameters": {"recipe.schedule": "cosine"}}, "multiclass")
    assert "recipe.schedule" not in space.coordinates()
    assert space.recipe_at({}) == {"schedule": "cosine"}


def test_a_standard_loss_has_a_point_with_its_recipe(space: Space) -> None:
    """So that it teaches a sampler what its recipe was worth, too."""
    spec = standard_spec("gce", "multiclass")
    said = {"weight_decay": 1e-3, "momentum": 0.9, "schedule": "cosine"}
    point = space.point_of(spec, 1e-2, said)
    assert point is not None
    assert space.recipe_at(point) == {"learning_rate": 1e-2, "clip": 1.0, **said}
    unsaid = space.point_of(spec, 1e-2)
    assert unsaid is not None
    assert unsaid["recipe.weight_decay"] == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"recipe.weigth_decay": {}}, "did you mean recipe.weight_decay"),
        (
            {"recipe.epochs": {"low": 1, "high": 9}},
            "unknown parameter of the recipe to search 'recipe.epochs'",
        ),
        ({"recipe.momentum": {"high": 1.0}}, r"recipe.momentum must lie in \[0, 1\), but got 1"),
        ({"recipe.weight_decay": -0.1}, "recipe.weight_decay must be at least 0, but got -0.1"),
        ({"recipe.clip": 0}, "recipe.clip must be above 0, but got 0"),
        ({"recipe.schedule": ["cosin"]}, "unknown option of recipe.schedule 'cosin': did you mean cosine"),
        ({"recipe.schedule": []}, "must list at least one of constant, cosine"),
        ({"recipe.momentum": [0.8, 0.9]}, "must be a number or a mapping of low, high and log"),
    ],
)
def test_what_cannot_be_searched_is_refused(parameters: Any, words: str) -> None:
    """Unknown names, values a recipe cannot have, words where numbers belong: one line each."""
    with pytest.raises(UserError, match=words):
        space_from({"preset": "multiclass", "parameters": parameters}, "multiclass")
