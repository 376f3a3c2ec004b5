"""One search, as the store knows it: what came of it so far, and its winner."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..losses import LossSpec, UserError
from ..losses.custom.adopted import adopt
from ..search.metrics import sign_of
from ..search.records import Trial, best_of
from ..spaces import own_terms
from .results.documents import summary, trial_document
from .results.export import export_loss
from .results.frames import Verdict, summary_html, trials_frame
from .results.json_text import finite
from .results.recommendation import Answer, decided, so_far
from .store import SearchRecord, Status, Store
from .usercode.bundle import FILES, unpack_for_reading
from .usercode.trust import untrusted
from .version import version

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


class Experiment:
    """A view on one search in a store; it reads afresh, so a running search can be watched through it."""

    def __init__(self, store: Store, name: str) -> None:
        """Raises `UserError` when the store has no search of that name."""
        self._store = store
        record = store.get(name)
        self.name = record.name
        terms = [unpack_for_reading(term, record.notes) for term in own_terms(record.spec.get("space"))]
        self._foreign = untrusted(terms)  # a look at a search does not run code that its user has not
        adopt([term for term in terms if term not in self._foreign], record.task["kind"])

    def __repr__(self) -> str:
        return f"Experiment({self.name!r}, {self.status})"

    def _repr_html_(self) -> str:
        return summary_html(self.name, self.status, self.best, self.verdict)

    @property
    def record(self) -> SearchRecord:
        """The search as the store keeps it, without its trials."""
        return self._store.get(self.name)

    @property
    def status(self) -> Status:
        """running, finished, interrupted, cancelled or failed."""
        return self.record.status

    @property
    def trials(self) -> pd.DataFrame:
        """Every finished trial as a row, by number; see `trials_frame` for the columns."""
        return trials_frame(self.trial_list)

    @property
    def trial_list(self) -> list[Trial]:
        """Every finished trial, by number, with the scores of its repeats and its rungs."""
        return self._store.trials(self.record.id)

    @property
    def best(self) -> Trial | None:
        """The complete trial with the best mean score, or None while there is none."""
        return best_of(self.trial_list, sign_of(self.record.task))

    @property
    def verdict(self) -> Verdict | None:
        """The comparison on sealed test data, or None before there is one."""
        found = self.record.verdict
        return None if found is None else Verdict(found)

    def winner(self) -> LossSpec:
        """The verdict's winner; before the verdict, the loss of the best complete trial. Bound to its data.

        Raises `UserError` when no trial is complete.
        """
        record = self.record
        self.need_terms()
        if record.verdict is not None:
            return LossSpec.from_json(record.verdict["winner"]["loss"])
        return so_far(record, self.best).loss

    def answer(self) -> Answer:
        """The loss to train with: the winner, or the best standard loss where the winner was not ahead of it.

        Raises `UserError` when no trial is complete.
        """
        record = self.record
        self.need_terms()
        return so_far(record, self.best) if record.verdict is None else decided(record.verdict)

    def export(self, directory: str | Path) -> list[Path]:
        """Write the answer as `loss.py`, `loss.pt2` and `loss.json`; see `export_loss` and `answer`."""
        record, answer = self.record, self.answer()
        provenance = {
            "search": record.name,
            "task": record.task.get("name", record.spec.get("task")),
            "trial": answer.number,
            "answer": answer.note,
            "learning_rate": answer.learning_rate,
            "seed": record.seed,
            "status": record.status,
            "created_at": record.created_at.isoformat(timespec="seconds"),
            "lossmith": version(),
            "torch": torch.__version__,
            "spec": record.spec,
        }
        return export_loss(answer.loss, directory, verdict=record.verdict, provenance=provenance)

    def need_terms(self) -> None:
        """Raise a `UserError` when the losses here need code that this user has not run on this machine."""
        if self._foreign:
            raise UserError(
                f"{self.name} was searched with {self._foreign[0]}, which is not here or was never run here "
                f"as it is; if you trust it, run lossmith check {self._foreign[0]}"
            )

    def document(self) -> dict[str, Any]:
        """What `lossmith show --json` prints: plain dicts, lists, text and finite numbers."""
        record, trials = self.record, self.trial_list
        best = best_of(trials, sign_of(record.task))
        document: dict[str, Any] = finite(
            {
                **summary(record, Counter(trial.outcome.state for trial in trials)),
                "spec": record.spec,
                "task": record.task,
                "seconds": record.seconds,
                "notes": {key: value for key, value in record.notes.items() if key != FILES},
                "best": None if best is None else trial_document(best),
                "headroom": self._payload("headroom", 2),
                "sampler": (self._payload("explore", 0) or {}).get("sampler"),
                "verdict": record.verdict,
                "insight": self._payload("insight", 0),
                "trials": [trial_document(trial) for trial in trials],
            }
        )
        return document

    def plot_verdict(self) -> go.Figure:
        """By how much the winner beats every standard loss, with intervals."""
        return self._plot("verdict")

    def plot_history(self) -> go.Figure:
        """The scores of the trials in their order, and the best so far."""
        return self._plot("history")

    def plot_headroom(self) -> go.Figure:
        """The standard losses over their learning rates."""
        return self._plot("headroom")

    def plot_parallel(self) -> go.Figure:
        """The parameters of every trial as lines, coloured by score."""
        return self._plot("parallel")

    def plot_thinning(self) -> go.Figure:
        """How many trials were left after each rung."""
        return self._plot("thinning")

    def plot_learning(self) -> go.Figure:
        """The metric by epoch, of the winner and of standard losses."""
        return self._plot("learning")

    def plot_importance(self) -> go.Figure:
        """How much each parameter mattered for the score."""
        return self._plot("importance")

    def plot_ablation(self) -> go.Figure:
        """What each part of the winner is worth."""
        return self._plot("ablation")

    def plot_sensitivity(self) -> go.Figure:
        """How the score changes around the winner, parameter by parameter."""
        return self._plot("sensitivity")

    def plot_loss(self) -> go.Figure:
        """The winner as a curve, beside the best standard loss."""
        return self._plot("shape_loss")

    def plot_gradient(self) -> go.Figure:
        """The slope of the winner, beside that of the best standard loss."""
        return self._plot("shape_gradient")

    def _plot(self, name: str) -> go.Figure:
        from .report import figures
        from .results.search_document import report_document

        made: go.Figure | None = getattr(figures, name)(report_document(self._store, self.name))
        if made is None:
            raise UserError(
                f"there is nothing for plot_{name.removeprefix('shape_')} to show yet: {self.name} is "
                f"{self.status} and kept no numbers for it; look at it when the search has come that far"
            )
        return made

    def _payload(self, phase: str, index: int) -> dict[str, Any] | None:
        """What a phase found out, or None before it has."""
        unit = self._store.unit(self.record.id, phase, index)
        return None if unit is None else unit.payload
