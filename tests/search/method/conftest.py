"""Tasks for simulated searches; their models are never trained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lossmith.search import Task
from lossmith.search.metrics import metric_named

from ..small_tasks import data, task_of

# Accuracy as if it were no metric of decisions: nobody's cut-off is tuned.
FIXED = replace(metric_named("accuracy"), of_decisions=False)


@pytest.fixture(scope="session")
def task() -> Task:
    """Three classes, with a validation part and 400 test samples."""
    return task_of(metric="accuracy", own_metric=FIXED, test=data("multiclass", 400, 2))


@pytest.fixture(scope="session")
def folded_task() -> Task:
    """Three classes without a validation part."""
    return task_of(metric="accuracy", own_metric=FIXED, test=data("multiclass", 400, 2), validation=None)


@pytest.fixture(scope="session")
def regression() -> Task:
    """A regression whose metric is an error: smaller is better."""
    return task_of("regression", metric="mae", test=data("regression", 400, 2))


@pytest.fixture(scope="session")
def decided() -> Task:
    """Three classes with a metric that reads decisions, so that cut-offs are tuned."""
    return task_of(metric="accuracy", test=data("multiclass", 400, 2))
