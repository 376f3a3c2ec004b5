# ruff: noqa: ARG001  (a training function takes what it is given)
"""How a function in a user's file, or one with the decorator, becomes a training."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from lossmith.losses import UserError
from lossmith.search import TrainingFunction, TrialHandle, load_task, own_training
from lossmith.search.tasks.functions.from_spec import from_settings, is_training

from .small_trainings import made, train


def test_a_training_is_told_from_a_task_function() -> None:
    """Two arguments without a default make a training; a task function needs none."""

    def with_more(loss: nn.Module, trial: TrialHandle, epochs: int = 3) -> float:
        return epochs

    assert is_training(train)
    assert is_training(with_more)
    assert not is_training(made)
    assert not is_training(lambda: None)


def test_a_spec_must_say_what_a_function_trains() -> None:
    """Without a kind nobody knows how the loss is called; a misspelt key is told its neighbours."""
    with pytest.raises(UserError, match=r"a\.py:train takes \(loss, trial\).*training: \{kind: multiclass"):
        from_settings(train, None, "a.py:train")
    with pytest.raises(UserError, match=r"metrik.*did you mean metric"):
        from_settings(train, {"kind": "multiclass", "metrik": "f1"}, "a.py:train")


def test_a_training_that_takes_too_little_is_told_what_to_take(tmp_path: Path) -> None:
    """Where the SPEC says `training`, a function without the loss and the trial is not called as a task."""
    file = tmp_path / "a.py"
    file.write_text("def main():\n    raise SystemExit('called')\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.py:main must take two arguments.*def main\(loss, trial\)"):
        load_task(f"{file}:main", {"kind": "multiclass"})


def test_a_decorated_function_is_still_a_function() -> None:
    """`@own_training(...)` makes a training that can be called without a search, with a trial of its own."""
    decorated = own_training("multiclass", metric="accuracy")(train)
    assert isinstance(decorated, TrainingFunction)
    assert 0 <= decorated(nn.CrossEntropyLoss(), TrialHandle()) <= 1
