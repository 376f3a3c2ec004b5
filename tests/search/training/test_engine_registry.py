"""Engines are records in a registry: one more is one object."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from torch import nn

from lossmith.experiments.spec import SearchSpec
from lossmith.losses import UserError
from lossmith.search import Plan, Repeat
from lossmith.search.training.engines import autotune, registry
from lossmith.search.training.engines.autotune import choose_engine
from lossmith.search.training.engines.engine import Engine
from lossmith.search.training.engines.loop import LoopProgram
from lossmith.search.training.engines.registry import ENGINES, engine_named, register_engine
from lossmith.search.training.local import local

from ..small_tasks import mlp, standards, task_of


class Reversed(LoopProgram):
    """An engine of somebody else's: a loop of its own."""


OUTSIDE = Engine("outside", Reversed, described="outside", surely=lambda _: "nothing is like it")


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine registered from outside, for one test."""
    monkeypatch.setattr(autotune, "_known", {})
    yield register_engine(OUTSIDE)
    registry._known.pop(OUTSIDE.name)


def test_an_engine_from_outside_trains_a_cohort(outside: Engine) -> None:
    """It is named, measured and chosen like those that are shipped, and its outcomes are theirs."""
    task = task_of(model=mlp(3, nn.Tanh))
    losses, repeats = standards(task.kind, task.settings)[:3], [Repeat(0)]
    assert SearchSpec.from_json({"task": "digits", "trials": 1, "engine": "outside"}).engine == "outside"
    assert choose_engine(task).engine == outside.name
    assert choose_engine(task).why == "nothing is like it"
    found = []
    for name in ("outside", "loop"):
        trainer = local(task, Plan(), name)
        found.append(trainer.train(losses, repeats))
        trainer.close()
    assert found[0] == found[1]


def test_two_engines_cannot_have_one_name(outside: Engine) -> None:
    """Registering the same again is fine; another under its name, or under `auto`, is refused."""
    assert register_engine(outside) is outside
    for name in (outside.name, "loop", "auto"):
        with pytest.raises(UserError, match="must have a name of its own"):
            register_engine(Engine(name, LoopProgram, described="another"))


def test_an_unknown_engine_is_refused_with_those_there_are() -> None:
    """The line names near matches."""
    with pytest.raises(UserError, match="did you mean cohort"):
        engine_named("cohorts")
    assert {"cohort", "loop"} <= set(ENGINES)
