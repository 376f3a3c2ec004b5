"""Before a search begins its user reads what will be trained, and about how long that takes."""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest

from lossmith.experiments.running.forecast import forecast
from lossmith.experiments.running.prepared_search import PreparedSearch
from lossmith.experiments.running.runners import Training
from lossmith.experiments.spec import load_spec
from lossmith.search.records import EngineChoice
from lossmith.search.tasks.standard_losses import standards


def line(speed: float | None = None, **keys: Any) -> tuple[PreparedSearch, str]:
    """A search of the digits and what is said of it, where a core takes `speed` steps a second."""
    search = PreparedSearch.of(load_spec({"task": "digits-longtail", **keys}))
    choice = EngineChoice("cohort", 8, "measured", members_per_second=speed)
    unused: Any = None
    return search, forecast(search.task, search.plan, Training(unused, Event(), lambda: None, choice))


def test_every_phase_is_counted() -> None:
    """Losses, rates, repeats and refits; the sum grows with each of them."""
    search, text = line(trials=64)
    losses = len({spec.hash for spec in standards(search.task).values()})
    assert f"{losses} standard losses at 5 learning rates and 64 searched losses" in text
    assert "16 times each for the verdict" in text
    counts = [total(line(**keys)[1]) for keys in ({"trials": 8}, {"trials": 64}, {"trials": 4096})]
    assert counts == sorted(set(counts))
    assert total(line(trials=64, repeats={"seeds": 8})[1]) > counts[1]
    assert total(line(trials=64, verdict={"seeds": 99})[1]) > counts[1]


def test_the_time_is_said_where_the_speed_is_known() -> None:
    """A fast machine takes less; nothing is made up where nothing was measured."""
    slow, fast = line(1000.0, trials=64)[1], line(1e9, trials=64)[1]
    assert not slow.endswith(("trainings", "about 0.0s"))
    assert fast.endswith(", about 0.0s")
    assert line(trials=64)[1].endswith("trainings")


def test_a_time_limit_is_the_whole_searchs() -> None:
    """Alone it decides how many losses are searched; beside a number of trials it may make them fewer."""
    assert "as many searched losses as 10m in all allow" in line(time_limit="10m")[1]
    assert line(time_limit="10m", trials=64)[1].endswith("; fewer where 10m do not allow it")


def total(text: str) -> int:
    """The number of trainings that a line tells."""
    found = text.partition(" trainings")[0].rpartition("about ")[2]
    return int(found.replace(",", ""))


@pytest.mark.parametrize("trials", [1, 10**9])
def test_any_number_of_trials_is_a_line(trials: int) -> None:
    """From the smallest to the largest."""
    assert "\n" not in line(trials=trials)[1]
