"""The verdict: what the sealed test data say of a search's losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ...losses import LossSpec
from .comparison import Comparison, RefitScores, decimals
from .followup import Confirmation, Transfer
from .named_comparison import NamedComparison

Finding = Literal["better", "no worse", "not better"]
Use = Literal["winner", "best_standard", "usual"]
Source = Literal["refits", "test samples"]


@dataclass(frozen=True)
class Entrant:
    """A loss that was refitted for the verdict.

    Attributes:
        number: The number of its trial.
        standard: Its name, where it is a standard loss.
        loss: The loss, bound to the constants of the whole training part.
        formula: The loss as text.
        learning_rate: What it was refitted with.
        scores: What its refits score.
        ahead: The loss compared with the best standard loss of the race; None for that one itself.
        p_value_holm: The p-value of `ahead`, corrected together with those of the table it stands in; None
            where it stands in none.
        offsets: What was added to each column of the outputs before a decision; empty where the cut-off is
            not tuned.
        at_edge: In words, each searched number whose value is the outermost that was tried.
        confusion: Test samples by true class (rows) and decided class (columns), means over the refits; empty
            where samples have no single class, where there are too many, and for training functions.
    """

    number: int
    standard: str | None
    loss: LossSpec
    formula: str
    learning_rate: float
    scores: RefitScores
    ahead: Comparison | None = None
    p_value_holm: float | None = None
    offsets: tuple[float, ...] = ()
    at_edge: tuple[str, ...] = ()
    confusion: tuple[tuple[float, ...], ...] = ()

    def named(self) -> dict[str, Any]:
        """Return which loss it is, as JSON holds it."""
        found: dict[str, Any] = {
            "number": self.number,
            "standard": self.standard,
            "loss": self.loss.to_json(),
            "formula": self.formula,
            "learning_rate": self.learning_rate,
        }
        if self.offsets:
            found["offsets"] = list(self.offsets)
        if self.at_edge:
            found["at_edge"] = list(self.at_edge)
        if self.confusion:
            found["confusion"] = [list(row) for row in self.confusion]
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the loss with its scores and its comparison, in one row, as JSON holds them."""
        ahead = {} if self.ahead is None else self.ahead.to_json()
        if self.p_value_holm is not None:
            ahead["p_value_holm"] = self.p_value_holm
        return {**self.named(), **self.scores.to_json(), **ahead}

    @classmethod
    def from_json(cls, document: Mapping[str, Any], scores: Mapping[str, Any] | None = None) -> Entrant:
        """Return the entrant that a row describes.

        Args:
            document: The row.
            scores: Another row with the scores, where `document` has none.
        """
        told = RefitScores.from_json({**(scores or document), "learning_rate": None})
        return cls(
            int(document["number"]),
            document["standard"],
            LossSpec.written(document["loss"]),
            str(document["formula"]),
            float(document["learning_rate"]),
            told,
            Comparison.from_json(document) if "difference" in document else None,
            document.get("p_value_holm"),
            tuple(document.get("offsets", ())),
            tuple(document.get("at_edge", ())),
            tuple(map(tuple, document.get("confusion", ()))),
        )


@dataclass(frozen=True)
class StandardRow:
    """A standard loss on test data, compared with the winner.

    Attributes:
        scores: What its refits score, and the learning rate they were trained with.
        behind: The winner minus this loss.
        p_value_holm: The p-value, corrected for the number of standard losses (Holm 1979); None in verdicts
            of a lossmith that did not correct.
    """

    scores: RefitScores
    behind: Comparison
    p_value_holm: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON holds it."""
        row = {**self.behind.to_json(), **self.scores.to_json()}
        return row if self.p_value_holm is None else {**row, "p_value_holm": self.p_value_holm}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> StandardRow:
        """Return the row that a document describes."""
        return cls(
            RefitScores.from_json(document), Comparison.from_json(document), document.get("p_value_holm")
        )


@dataclass(frozen=True)
class RaceResult:
    """How the race ended, as the verdict tells it; everything in the metric's units with better positive.

    Attributes:
        lead: Of the best searched loss over the best standard one.
        refit_error: Its standard error from refits; None where a single repeat tells none.
        sample_error: Its standard error from the held-out samples.
        standard_errors: The lead in standard errors; None where it does not vary.
        needed: The standard errors that crown.
        rounds: How many rounds were run.
        crowned: Whether the searched loss was crowned.
    """

    lead: float
    refit_error: float | None
    sample_error: float
    standard_errors: float | None
    needed: float
    rounds: int
    crowned: bool


@dataclass(frozen=True)
class Verdict:
    """The answer to whether the winner is better than the best standard loss, on data nothing else reads.

    Attributes:
        winner: The crowned searched loss, or the best standard loss of the race.
        best_standard: The standard loss that led the race.
        ahead: The winner minus the best standard loss.
        metric: The metric's name.
        greater_is_better: Its direction.
        repeats: Refits of each loss.
        sources: Which kinds of luck the interval covers.
        scored_on: "validation" where a training function has no test data to offer.
        conclusion: What the comparison shows.
        use: Which loss to train with: the winner, the best standard loss of the race, or the usual loss where
            neither is told apart from it.
        margin: By how much a loss may be worse and still be called no worse, in the metric's units.
        race: How the race ended.
        against: Every standard loss by name.
        sentence: The verdict in words.
        challenger: The best searched loss of the race; None where none survived.
        random_search: The best loss of a random search on the same budget, where one was asked for, with the
            searched loss minus it.
        confirmation: The two losses with the full model, for tasks on part of one.
        transfer: How the searched loss does on other tasks, by name.
        usual: The usual loss of the kind, tuned like the others: what the user has without a search. None
            where it is not among the standard losses.
        gain: The loss to train with minus the usual one; None where they are one.
        constant: What the best constant answer scores; None where it is not known.
        n_resamples: Resamplings behind each p-value, none of which is below 2 / (n_resamples + 1); None in
            verdicts of a lossmith that did not say.
        warnings: What a reader of the verdict should know.
        compared: What is told of each pair where losses were named and none was searched: the winner is the
            loss to use then, and the best standard loss and the usual one are the one that was named first.
    """

    winner: Entrant
    best_standard: Entrant
    ahead: Comparison
    metric: str
    greater_is_better: bool
    repeats: int
    sources: tuple[Source, ...]
    scored_on: Literal["test", "validation"]
    conclusion: Finding
    use: Use
    margin: float
    race: RaceResult
    against: Mapping[str, StandardRow]
    sentence: str
    challenger: Entrant | None = None
    random_search: Entrant | None = None
    confirmation: Confirmation | None = None
    transfer: Mapping[str, Transfer] = field(default_factory=dict)
    usual: Entrant | None = None
    gain: Comparison | None = None
    constant: float | None = None
    n_resamples: int | None = None
    warnings: tuple[str, ...] = ()
    compared: NamedComparison | None = None

    @property
    def recommended(self) -> Entrant:
        """The loss to train with."""
        if self.use == "usual" and self.usual is not None:
            return self.usual
        return self.winner if self.use == "winner" else self.best_standard

    @property
    def p_floor(self) -> float:
        """The smallest p-value that the resamplings can give; 0 where their number is not known."""
        return 0.0 if self.n_resamples is None else 2 / (self.n_resamples + 1)

    @property
    def sign(self) -> int:
        """+1 where a greater score is better, -1 where a smaller one is."""
        return 1 if self.greater_is_better else -1

    @property
    def decimals(self) -> int:
        """How many decimals its scores and their differences are written with."""
        return decimals(self.winner.scores.mean)

    @property
    def better(self) -> bool:
        """Whether the winner was shown to be better than every standard loss."""
        return self.conclusion == "better"

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON holds it; `from_json` reads it back."""
        found = {
            "winner": self.winner.named(),
            "best_standard": self.best_standard.named(),
            "challenger": None if self.challenger is None else self.challenger.to_json(),
            "random_search": None if self.random_search is None else self.random_search.to_json(),
            "metric": self.metric,
            "greater_is_better": self.greater_is_better,
            "scores": {
                "winner": self.winner.scores.to_json(),
                "best_standard": self.best_standard.scores.to_json(),
            },
            **self.ahead.to_json(),
            "repeats": self.repeats,
            "sources": list(self.sources),
            "scored_on": self.scored_on,
            "better": self.better,
            "conclusion": self.conclusion,
            "use": self.use,
            "margin": self.margin,
            "race": dict(vars(self.race)),
            "against": {name: row.to_json() for name, row in self.against.items()},
            "usual": None
            if self.usual is None
            else {**self.usual.to_json(), "gain": self.gain and self.gain.to_json()},
            "constant": self.constant,
            "n_resamples": self.n_resamples,
            "warnings": list(self.warnings),
        }
        if self.confirmation is not None:
            found["confirmation"] = self.confirmation.to_json()
        if self.transfer:
            found["transfer"] = {name: row.to_json() for name, row in self.transfer.items()}
        if self.compared is not None:
            found["compared"] = self.compared.to_json()
        return {**found, "sentence": self.sentence}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Verdict:
        """Return the verdict that a document of this lossmith, or of an older one, describes."""
        challenger, drawn = document.get("challenger"), document.get("random_search")
        confirmation, usual = document.get("confirmation"), document.get("usual")
        gain, compared = (usual or {}).get("gain"), document.get("compared")
        return cls(
            winner=Entrant.from_json(document["winner"], document["scores"]["winner"]),
            best_standard=Entrant.from_json(document["best_standard"], document["scores"]["best_standard"]),
            ahead=Comparison.from_json(document),
            metric=document["metric"],
            greater_is_better=document["greater_is_better"],
            repeats=document["repeats"],
            sources=tuple(document.get("sources", ())),
            scored_on=document.get("scored_on", "test"),
            conclusion=document.get("conclusion", "better" if document["better"] else "not better"),
            use=document.get("use", "winner"),
            margin=document.get("margin", 0.0),
            race=RaceResult(**document["race"]),
            against={name: StandardRow.from_json(row) for name, row in document["against"].items()},
            sentence=document["sentence"],
            challenger=None if challenger is None else Entrant.from_json(challenger),
            random_search=None if drawn is None else Entrant.from_json(drawn),
            confirmation=None if confirmation is None else Confirmation.from_json(confirmation),
            transfer={name: Transfer.from_json(row) for name, row in document.get("transfer", {}).items()},
            usual=None if usual is None else Entrant.from_json(usual),
            gain=None if gain is None else Comparison.from_json(gain),
            constant=document.get("constant"),
            n_resamples=document.get("n_resamples"),
            warnings=tuple(document.get("warnings", ())),
            compared=None if compared is None else NamedComparison.from_json(compared),
        )
