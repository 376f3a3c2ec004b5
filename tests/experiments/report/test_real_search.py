"""The page of a search that was really run: whatever it shows was written by the search itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lossmith.experiments import run_search
from lossmith.experiments.cli import main
from lossmith.experiments.experiment import Experiment
from lossmith.experiments.report import report_html
from lossmith.experiments.results.search_document import SearchDocument
from lossmith.experiments.store import Store
from lossmith.experiments.version import version
from lossmith.search.records import PHASES

from .conftest import document_of
from .test_page import Page

pytestmark = pytest.mark.end_to_end

TASK = '''
import torch
from torch import nn
from lossmith.search import Task


def clouds(name="clouds", seed=0, confirm=None):
    """Three overlapping clouds of points, one of them rare; ten of the test samples are also in train."""
    draw = torch.Generator().manual_seed(seed)

    def sample(counts):
        labels = torch.arange(3).repeat_interleave(torch.tensor(counts))
        centres = torch.tensor([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])
        return centres[labels] + torch.randn(len(labels), 2, generator=draw), labels

    train, fresh = sample([60, 30, 9]), sample([20, 30, 30])
    return Task(
        name=name, kind="multiclass", train=train, validation=sample([20, 20, 20]),
        test=tuple(torch.cat([new, old[:10]]) for new, old in zip(fresh, train)),
        model=lambda: nn.Linear(2, 3), metric="macro_f1", recipe={"epochs": 4, "batch_size": 32},
        notes=("the points are made up",), confirm=confirm,
    )


def here():
    """The clouds, with a larger model's task to confirm on."""
    return clouds(confirm=clouds("larger"))


def there():
    """Other clouds."""
    return clouds("there", seed=1)
'''

SPEC = """
task: clouds.py:here
transfer: [clouds.py:there]
trials: 64
cohort: 16
repeats: {seeds: 2}
race: {seeds: 2, contenders: 4}
verdict: {seeds: 3, random_search: true}
"""


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workdir of a search through every phase there is."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "clouds.py").write_text(TASK)
    (folder / "clouds.yaml").write_text(SPEC)
    run_search(folder / "clouds.yaml", name="real", workdir=folder / "work")
    return folder / "work"


@pytest.fixture
def real(workdir: Path) -> Iterator[Store]:
    """Its store."""
    with Store.open(f"sqlite:///{workdir / 'lossmith.db'}") as opened:
        yield opened


@pytest.fixture
def document(real: Store) -> SearchDocument:
    """What the report is made of."""
    return document_of(real, "real")


@pytest.fixture
def read(real: Store) -> Page:
    """The page."""
    return Page(report_html(real, "real"))


def test_how_it_was_trained_is_told(read: Page, document: SearchDocument) -> None:
    """Engine with its reason, device and sampler stand under their heading, as the search chose them."""
    task = document.task
    assert task.engine is not None
    assert task.hardware is not None
    assert "How it was trained" in read.texts["h3"]
    (engine,) = (cell for cell in read.texts["td"] if task.engine.why in cell)
    assert engine.startswith(task.engine.engine)
    assert {task.hardware, document.sampler} <= set(read.texts["td"])


def test_what_it_was_trained_with_is_told(read: Page) -> None:
    """The versions of whoever ran the search, beside those of whoever wrote the page."""
    names = read.texts["th"]
    assert names.index("trained with") + 1 == names.index("written with")
    cells = [cell for cell in read.texts["td"] if cell.startswith(f"lossmith {version()}, torch ")]
    assert len(cells) == 2
    assert torch.__version__ in cells[0]


def test_copies_of_training_samples_in_test_are_warned_of(read: Page) -> None:
    """What was told before the search stands on its page: a warning at its head, a remark beside the data."""
    assert any(text.startswith("10 of the 90 test samples are also in train") for text in read.texts["p"])
    assert "the points are made up" in read.texts["td"]


def test_the_sampler_is_that_of_the_space_that_was_searched(
    workdir: Path, document: SearchDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    """`show` tells the dimensions of the points that were proposed, in the opened space."""
    assert document.sampler is not None
    (dimensions,) = {len(point) for point in _points(workdir)}
    assert f"over {dimensions} searched numbers" in document.sampler
    assert main(["show", "real", "--workdir", str(workdir)]) == 0
    assert document.sampler in capsys.readouterr().out


def _points(workdir: Path) -> list[dict[str, float]]:
    with Store.open(f"sqlite:///{workdir / 'lossmith.db'}") as store:
        found = [t.candidate.point for t in Experiment(store, "real").trial_list]
    return [dict(point) for point in found if point is not None]


def test_every_phase_has_its_time(
    workdir: Path, read: Page, document: SearchDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page and `show` tell the times of all phases that took any, in the order of the search."""
    spent = [phase for phase in PHASES if phase in document.seconds]
    assert spent == list(PHASES), "this search went through every phase"
    assert main(["show", "real", "--workdir", str(workdir)]) == 0
    shown = capsys.readouterr().out
    (line,) = (line for line in shown.splitlines() if line.startswith("time: "))
    (told,) = (text for text in read.texts["p"] if " It took " in text)
    for text in (line.removeprefix("time: "), told.partition("(")[2]):
        places = [f", {text}".find(f", {phase} ") for phase in PHASES]
        assert -1 not in places
        assert places == sorted(places)


def test_what_was_compared_elsewhere_is_laid_out(read: Page, document: SearchDocument) -> None:
    """The full model, other tasks and random search are rows of one table."""
    verdict = document.verdict
    assert verdict is not None
    assert "Against others" in read.texts["h2"]
    assert {"with the full model", "on there", "here"} <= set(read.texts["th"])
    other = verdict.transfer["there"].found
    assert other is not None
    assert verdict.confirmation is not None
    assert verdict.random_search is not None
    for scores in (verdict.confirmation.searched, other.searched, verdict.random_search.scores):
        assert f"{scores.mean:.4f}" in read.texts["td"]


def test_what_the_phases_found_is_on_the_page(read: Page, document: SearchDocument) -> None:
    """Ablation, sensitivity, importance, learning curves and headroom are shown as the search kept them."""
    assert document.insight is not None
    assert document.headroom is not None
    shown = {a["data-figure"] for a in read.of("div") if "data-figure" in a}
    assert {"sensitivity", "importance", "learning"} <= shown
    assert ("ablation" in shown) == bool(document.insight.ablation), "a loss of one part has none"
    assert "How much a loss can matter here" in read.texts["h3"]
    assert {"headroom_gap", "headroom"} <= shown
    entered = len(document.race[0].scores)
    assert any(f"{entered} losses entered the race" in text for text in read.texts["p"])
