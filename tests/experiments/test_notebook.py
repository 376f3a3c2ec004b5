"""What a search shows in Python and in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable
from html import unescape
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pandas as pd
import pytest

from lossmith.experiments import Experiment
from lossmith.experiments.progress import SilentProgress, python_progress
from lossmith.experiments.progress.notebook import NotebookProgress, in_notebook
from lossmith.experiments.spec import load_spec
from lossmith.experiments.store import Store
from lossmith.losses import UserError, freeze, standard_spec

PLOTS = [name for name in vars(Experiment) if name.startswith("plot_")]


class ZMQInteractiveShell:
    """What IPython calls the shell of a notebook's kernel."""

    html: ClassVar[dict[type, Callable[[Any], str]]] = {}

    def __init__(self) -> None:
        formatter = SimpleNamespace(for_type=self.html.__setitem__)
        self.display_formatter = SimpleNamespace(formatters={"text/html": formatter})


class Cell:
    """A notebook's cell: what stands in its output now."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.html = ZMQInteractiveShell.html

    def update(self, content: str) -> None:
        """What IPython's display handle does: replaces what is shown."""
        self.shown[-1] = content


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    """A stand-in for IPython in a kernel: it is no dependency, so it need not be installed here."""
    found = Cell()

    def display(content: str, *, display_id: bool) -> Cell:
        assert display_id, "without it the output could not be changed"
        found.shown.append(content)
        return found

    ipython: Any = ModuleType("IPython")
    ipython.get_ipython = ZMQInteractiveShell
    ipython.display = ModuleType("IPython.display")
    ipython.display.HTML = str
    ipython.display.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython.display)
    return found


def test_a_notebook_shows_one_table_that_changes(cell: Cell) -> None:
    """Phases are rows of one output that is redrawn in place; notes stand below; figures are escaped."""
    progress = python_progress()
    assert isinstance(progress, NotebookProgress)
    progress.phase("headroom", 70)
    progress.advance(70, 0.5)
    progress.phase("explore", 256)
    progress.advance(64, 0.75)
    progress.note("a <b> of a note")
    assert len(cell.shown) == 1
    assert cell.shown[0].count("<tr>") == 2
    assert "64/256" in cell.shown[0]
    assert 'value="0.2500"' in cell.shown[0]
    assert "best 0.75" in cell.shown[0]
    assert "a &lt;b&gt; of a note" in cell.shown[0]
    progress.close()
    assert "took" in cell.shown[0]


def test_outside_a_notebook_and_a_terminal_nothing_is_shown() -> None:
    """A script whose output goes into a pipe is not written into."""
    assert not in_notebook()
    assert isinstance(python_progress(), SilentProgress)


def test_the_trials_are_a_table(store: Store) -> None:
    """One row a trial, by number, with its score, its rate and its parameters, NaN where a loss has none."""
    experiment = Experiment(store, "whole")
    frame = experiment.trials
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.index) == [trial.number for trial in experiment.trial_list]
    assert {"phase", "state", "score", "sd", "standard", "learning_rate", "formula"} <= set(frame.columns)
    for trial in experiment.trial_list:
        assert frame.loc[trial.number, "learning_rate"] == trial.candidate.recipe.rate
        for name, value in trial.candidate.spec.parameters.items():
            assert frame.loc[trial.number, name] == value


def test_a_search_without_trials_has_an_empty_table(store: Store) -> None:
    """A script that filters by state finds the column before the first trial is there."""
    frame = Experiment(store, "young").trials
    assert len(frame) == 0
    assert frame[frame.state == "complete"].empty


def test_a_notebook_shows_a_verdict(store: Store, cell: Cell) -> None:
    """The sentence, every standard loss and the winner's score stand in the HTML that IPython is given."""
    verdict = Experiment(store, "whole").verdict
    assert verdict is not None
    shown = cell.html[type(verdict)](verdict)
    assert verdict.sentence in unescape(shown)
    assert all(name in shown for name in verdict.against)
    assert f"{verdict.winner.scores.mean:.4f}" in shown


def test_an_experiment_shows_itself_at_every_age(store: Store) -> None:
    """A notebook cell with an experiment says its name and status, whether it has trials or not."""
    for name in ("whole", "halfway", "young"):
        experiment = Experiment(store, name)
        assert name in experiment._repr_html_()
        assert experiment.status in experiment._repr_html_()


def test_a_loss_and_a_spec_show_themselves() -> None:
    """Formula, parameters and constants of a loss, and the keys of a SPEC, stand in their HTML."""
    spec = standard_spec("focal", "multiclass").bind([30, 10])
    assert spec._repr_html_() == freeze(spec)._repr_html_()
    assert "focal.gamma" in spec._repr_html_()
    assert "(30, 10)" in spec._repr_html_()
    asked = load_spec({"task": "digits-longtail", "trials": 8})._repr_html_()
    assert "digits-longtail" in asked
    assert "seeds" in asked


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_is_a_figure_or_says_what_is_missing(name: str, store: Store) -> None:
    """A finished search has a picture, or one line that says what it lacks."""
    import plotly.graph_objects as go

    try:
        made = getattr(Experiment(store, "whole"), name)()
    except UserError as error:
        assert name in str(error)  # noqa: PT017  (either outcome is right)
        return
    assert isinstance(made, go.Figure)
    assert len(made.data) > 0


@pytest.mark.parametrize("name", ["plot_verdict", "plot_history"])
def test_a_search_without_trials_has_no_picture_and_says_so(name: str, store: Store) -> None:
    """The error names the plot and the search."""
    with pytest.raises(UserError, match=f"nothing for {name} to show yet: young"):
        getattr(Experiment(store, "young"), name)()
