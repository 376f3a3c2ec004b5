"""Where a search is trained: each runner is a record, found by its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from lossmith.experiments.running import runners as registry
from lossmith.experiments.running.prepared_search import PreparedSearch
from lossmith.experiments.running.runners import (
    RunnerKind,
    Training,
    TrainingRequest,
    register_runner,
    runner_named,
    runners,
)
from lossmith.experiments.spec import load_spec
from lossmith.losses import UserError


@pytest.fixture
def registered() -> Iterator[None]:
    """What a test registers is gone after it."""
    before = dict(registry._registered)
    yield
    registry._registered.clear()
    registry._registered.update(before)


def test_the_runners_are_those_of_the_package() -> None:
    """This machine and Ray, each with words for people; None is this machine."""
    assert list(runners()) == ["local", "ray"]
    assert all(runner.about for runner in runners().values())
    assert runner_named(None).name == "local"


def test_an_unknown_runner_is_told_the_known_ones() -> None:
    """The error names what there is."""
    with pytest.raises(UserError, match="unknown runner 'slurm': choose from local, ray"):
        runner_named("slurm")


@pytest.mark.usefixtures("registered")
def test_a_runner_of_somebody_elses_trains_a_search() -> None:
    """One record is enough: a search that is prepared is started on it, with what the SPEC asks for."""
    asked: list[TrainingRequest] = []

    def start(request: TrainingRequest) -> Training:
        asked.append(request)
        return runners()["local"].start(replace(request, engine="loop"))

    register_runner(RunnerKind("queue", "a queue of our own", start))
    search = PreparedSearch.of(load_spec({"task": "digits-longtail", "trials": 4, "engine": "cohort"}))
    training = search.start("queue", lambda _: None)
    try:
        assert (asked[0].subject, asked[0].engine) == (search.task, "cohort")
        assert training.choice is not None
        assert training.choice.engine == "loop"
    finally:
        training.close()


@pytest.mark.usefixtures("registered")
def test_a_runner_that_decides_on_devices_takes_none_from_a_spec() -> None:
    """A SPEC's `device` and `precision` are refused before it starts."""
    register_runner(RunnerKind("queue", "a queue", lambda _: pytest.fail("started"), decides="the queue"))
    search = PreparedSearch.of(load_spec({"task": "digits-longtail", "trials": 4, "device": "cpu"}))
    with pytest.raises(UserError, match="must be left out for the queue decides, but got cpu"):
        search.start("queue", lambda _: None)
