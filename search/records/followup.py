"""What is asked after the verdict: the full model, and other tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .comparison import Comparison, RefitScores


@dataclass(frozen=True)
class Confirmation:
    """The verdict's two losses once more, with the full model, where the search was on a part of it.

    Attributes:
        task: The name of the task with the full model.
        metric: Its metric.
        repeats: Refits of each loss.
        searched: What those of the searched loss score.
        best_standard: What those of the best standard loss score.
        ahead: The searched loss minus the standard one.
        sentence: The comparison in words.
    """

    task: str
    metric: str
    repeats: int
    searched: RefitScores
    best_standard: RefitScores
    ahead: Comparison
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Return the confirmation as JSON holds it."""
        return {
            "task": self.task,
            "metric": self.metric,
            "repeats": self.repeats,
            **self.ahead.to_json(),
            "searched": self.searched.to_json(),
            "best_standard": self.best_standard.to_json(),
            "sentence": self.sentence,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Confirmation:
        """Return the confirmation that a document describes."""
        return cls(
            document["task"],
            document["metric"],
            document["repeats"],
            RefitScores.from_json(document["searched"]),
            RefitScores.from_json(document["best_standard"]),
            Comparison.from_json(document),
            document["sentence"],
        )


@dataclass(frozen=True)
class Rescored:
    """The searched loss and the best tuned standard loss on another task's test data.

    Attributes:
        metric: That task's metric.
        standard: The name of its best tuned standard loss.
        searched: What the refits of the searched loss score.
        best_standard: What those of the standard loss score.
        ahead: The searched loss minus the standard one.
        repeats: Refits of each.
    """

    metric: str
    standard: str
    searched: RefitScores
    best_standard: RefitScores
    ahead: Comparison
    repeats: int


@dataclass(frozen=True)
class Transfer:
    """How the searched loss does on another task.

    Attributes:
        sentence: The answer in words.
        found: The comparison; None where no learning rate trained one of the two losses.
    """

    sentence: str
    found: Rescored | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the answer as JSON holds it."""
        if self.found is None:
            return {"sentence": self.sentence}
        ahead = self.found.ahead
        return {
            "metric": self.found.metric,
            "best_standard": self.found.standard,
            "scores": {
                "searched": self.found.searched.to_json(),
                "best_standard": self.found.best_standard.to_json(),
            },
            **Comparison(ahead.difference, ahead.ci_low, ahead.ci_high, ahead.p_value).to_json(),
            "repeats": self.found.repeats,
            "sentence": self.sentence,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Transfer:
        """Return the answer that a document describes."""
        if "metric" not in document:
            return cls(document["sentence"])
        scores = document["scores"]
        found = Rescored(
            document["metric"],
            document["best_standard"],
            RefitScores.from_json(scores["searched"]),
            RefitScores.from_json(scores["best_standard"]),
            Comparison.from_json(document),
            document["repeats"],
        )
        return cls(document["sentence"], found)
