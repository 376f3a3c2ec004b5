"""What a user is told of their training function before a search of it is begun."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lossmith.search import TrainingFunction
from lossmith.search.tasks.constants import Constants
from lossmith.search.tasks.functions.rehearsal import Rehearsal

TRAINING = TrainingFunction(lambda loss, trial: 0.5, "multiclass", metric="accuracy", name="mine")


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("learning_rate", "never reads trial.learning_rate"),
        ("part", "never reads trial.part"),
    ],
)
def test_what_a_function_never_reads_is_told(attribute: str, words: str) -> None:
    """The note is there exactly where the function left the attribute alone."""
    for read in (frozenset(), frozenset({attribute})):
        told = replace(TRAINING, rehearsal=Rehearsal(0.5, 3, Constants(), read, 1.25)).notes
        assert any(words in note for note in told) == (attribute not in read)


@pytest.mark.parametrize("seconds", [0.2, 12.34])
def test_the_time_of_one_training_is_told(seconds: float) -> None:
    """Whoever starts a search knows what one training takes, and what it reached."""
    first = replace(TRAINING, rehearsal=Rehearsal(0.75, 0, Constants(), frozenset(), seconds)).notes[0]
    assert f"took {seconds:.1f} s" in first
    assert "accuracy 0.7500" in first


def test_a_function_that_never_reports_is_told_so() -> None:
    """Then no trial can be ended early."""
    told = [
        replace(TRAINING, rehearsal=Rehearsal(0.5, n, Constants(), frozenset(), 1.0)).notes for n in (0, 2)
    ]
    assert [any("never calls trial.report" in note for note in notes) for notes in told] == [True, False]


def test_what_a_function_read_is_kept() -> None:
    """A page later prints of its recipe what it read, and nothing else."""
    made = replace(TRAINING, rehearsal=Rehearsal(0.5, 0, Constants(), frozenset({"learning_rate"}), 1.0))
    assert made.describe().to_json()["own_training"]["reads"] == ["learning_rate"]
