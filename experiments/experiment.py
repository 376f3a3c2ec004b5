"""One search, as Python and notebooks see it: what came of it so far, and its winner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..losses import BoundLoss, UserError
from ..losses.errors import require
from ..search.records import Trial, Verdict
from .results.export import export_answer
from .results.frames import show_verdicts, summary_html, trials_frame
from .results.reading import SearchReading
from .results.recommendation import Answer
from .results.search_document import SearchDocument
from .results.trial_row import TrialRow
from .store import SearchRecord, Status, Store

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


class Experiment:
    """A view on one search in a store; it reads afresh, so a running search can be watched through it.

    Args:
        store: Where the search is kept.
        name: Its name.

    Raises:
        UserError: The store has no search of that name.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._read = SearchReading.of(store, name)
        self.name = self._read.name
        show_verdicts()

    def __repr__(self) -> str:
        return f"Experiment({self.name!r}, {self.status})"

    def _repr_html_(self) -> str:
        best = self.best
        return summary_html(self.name, self.status, None if best is None else TrialRow.of(best), self.verdict)

    @property
    def record(self) -> SearchRecord:
        """The search as the store keeps it, without its trials."""
        return self._read.record

    @property
    def status(self) -> Status:
        """running, finished, interrupted, cancelled or failed."""
        return self.record.status

    @property
    def trials(self) -> pd.DataFrame:
        """Every finished trial as a row, by number; see `trials_frame` for the columns."""
        return trials_frame([TrialRow.of(trial) for trial in self.trial_list])

    @property
    def trial_list(self) -> list[Trial]:
        """Every finished trial, by number, with the scores of its repeats and its rungs."""
        return self._read.trials

    @property
    def best(self) -> Trial | None:
        """The complete trial with the best mean score, or None while there is none."""
        return self._read.best

    @property
    def verdict(self) -> Verdict | None:
        """The comparison on sealed test data, or None before there is one; `to_json` gives its document."""
        return self._read.verdict

    def winner(self) -> BoundLoss:
        """Return the winner of the verdict; before the verdict, the loss of the best complete trial.

        Raises:
            UserError: No trial is complete, or the losses need code that is not known here.
        """
        answer, verdict = self.answer(), self.verdict
        return answer.loss if verdict is None else verdict.winner.loss.bind()

    def answer(self) -> Answer:
        """Return the loss to train with: the winner, or a standard loss where the winner was not ahead of it.

        Raises:
            UserError: No trial is complete, or the losses need code that is not known here.
        """
        return self._read.answer()

    def export(self, directory: str | Path) -> list[Path]:
        """Write the answer as `loss.py`, `loss.pt2` and `loss.json`, and return their paths.

        Args:
            directory: A new or empty directory, or one with an earlier export.

        Raises:
            UserError: There is no answer yet, or the directory will not do.
            ExportError: A file does not equal the loss.
        """
        return export_answer(self._read, directory)

    def document(self) -> dict[str, Any]:
        """Return what `lossmith show --json` prints: plain dicts, lists, text and numbers."""
        return self.search_document().shown()

    def search_document(self) -> SearchDocument:
        """Return everything that is known of the search as typed records."""
        return self._read.document()

    def plot_verdict(self) -> go.Figure:
        """Draw by how much the winner beats every standard loss, with intervals."""
        return self._plot("verdict")

    def plot_history(self) -> go.Figure:
        """Draw the scores of the trials in their order, and the best so far."""
        return self._plot("history")

    def plot_headroom(self) -> go.Figure:
        """Draw the standard losses over their learning rates."""
        return self._plot("headroom")

    def plot_parallel(self) -> go.Figure:
        """Draw the parameters of every trial as lines, coloured by score."""
        return self._plot("parallel")

    def plot_thinning(self) -> go.Figure:
        """Draw how many trials were left after each rung."""
        return self._plot("thinning")

    def plot_learning(self) -> go.Figure:
        """Draw the metric by epoch, of the winner and of standard losses."""
        return self._plot("learning")

    def plot_importance(self) -> go.Figure:
        """Draw how much each parameter mattered for the score."""
        return self._plot("importance")

    def plot_ablation(self) -> go.Figure:
        """Draw what each part of the winner is worth."""
        return self._plot("ablation")

    def plot_sensitivity(self) -> go.Figure:
        """Draw how the score changes around the winner, parameter by parameter."""
        return self._plot("sensitivity")

    def plot_loss(self) -> go.Figure:
        """Draw the winner as a curve, beside the best standard loss."""
        return self._plot("shape_loss")

    def plot_gradient(self) -> go.Figure:
        """Draw the slope of the winner, beside that of the best standard loss."""
        return self._plot("shape_gradient")

    def _plot(self, name: str) -> go.Figure:
        require("plotly", "a picture")
        from .report.pictures import picture_named

        self._read.require_terms()
        made = picture_named(name).figure(self._read.document())
        if made is None:
            raise UserError(
                f"there is nothing for plot_{name.removeprefix('shape_')} to show yet: {self.name} is "
                f"{self.status} and kept no numbers for it; look at it when the search has come that far"
            )
        return made
