"""What a searched loss has to beat is what somebody who knows the metric would train with."""

from __future__ import annotations

from lossmith.losses import LossSpec, standard_specs
from lossmith.search.tasks.standard_losses import standards

from ..small_tasks import task_of


def test_the_quantile_that_is_measured_is_a_standard_loss() -> None:
    """A search that finds nothing but the metric's own quantile has not found a better loss."""
    task = task_of("regression", metric="pinball@0.9")
    found = standards(task)
    assert found.keys() == standard_specs("regression").keys()
    assert found["quantile"] == LossSpec("regression", {"mix.quantile": 1.0, "quantile.tau": 0.9})
    assert found["mae"] == standard_specs("regression")["mae"]


def test_other_metrics_leave_the_standard_losses_as_they_are() -> None:
    """Only the name of a loss decides what it is, unless the metric says more."""
    assert standards(task_of("multiclass")) == standard_specs("multiclass")
    assert standards(task_of("regression", metric="mae")) == standard_specs("regression")
