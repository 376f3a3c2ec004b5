"""Losses that are named: how a name is read, and what a comparison of them says."""

from __future__ import annotations

import pytest
import torch

from lossmith.losses import LossSpec, UserError, standard_spec
from lossmith.search import MemoryLedger, Plan
from lossmith.search.method.pipeline import conduct
from lossmith.search.records import SilentProgress, Verdict
from lossmith.search.tasks.named_losses import NamedLoss, named_losses
from lossmith.search.tasks.task import Task
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.spaces import space_from

from ..small_tasks import task_of

PLAN = Plan(
    trials=0, seeds=2, headroom="off", rates=2, race_rounds=2, race_seeds=2, verdict_seeds=3, insight=False
)
MISTAKES: dict[str, tuple[list[str], str]] = {
    "unknown loss": (["cross_entropy", "focla"], "did you mean focal"),
    "loss of another kind": (["cross_entropy", "huber"], "huber is for regression"),
    "the same loss twice": (
        ["focal", "cross_entropy", "focal:gamma=2"],
        "focal and focal:gamma=2 are one loss",
    ),
    "one loss alone": (["focal"], "at least two losses, but got focal"),
    "unknown parameter": (["cross_entropy", "focal:gama=2"], "did you mean gamma"),
    "a parameter of none": (["focal", "cross_entropy:gamma=2"], "cross_entropy has no parameters"),
    "outside the domain": (["cross_entropy", "focal:gamma=-1"], "focal.gamma"),
    "no number": (["cross_entropy", "focal:gamma=two"], "must be a number, but got 'two'"),
    "not finite": (["cross_entropy", "focal:gamma=nan"], "finite"),
    "no value": (["cross_entropy", "focal:gamma"], "NAME:PARAMETER=VALUE"),
    "a colon and nothing": (["cross_entropy", "focal:"], "NAME:PARAMETER=VALUE"),
    "a parameter twice": (["cross_entropy", "focal:gamma=1,gamma=3"], "sets gamma twice"),
    "a parameter of a term that is not there": (["focal", "cross_entropy:gce.q=0.5"], "has no gce"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_name_that_cannot_be_is_refused_with_its_remedy(mistake: str) -> None:
    """Unknown, of another kind, twice, alone, or a parameter that cannot be: one line before any training."""
    entries, told = MISTAKES[mistake]
    with pytest.raises(UserError) as refused:
        named_losses(task_of(), entries, {})
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_parameters_change_the_standard_loss_of_the_name() -> None:
    """`focal:gamma=3` is focal at gamma 3, and a full name adds a part."""
    _, focal, smooth = named_losses(
        task_of(), ["cross_entropy", "focal:gamma=3", "focal:label_smoothing.epsilon=0.1"], {}
    )
    assert focal.spec == LossSpec("multiclass", {"mix.cross_entropy": 1.0, "focal.gamma": 3.0})
    assert smooth.spec.parts == {"cross_entropy", "focal", "label_smoothing"}


def test_a_document_is_a_loss_of_its_kind_alone() -> None:
    """A loss.json joins under its name, and one of another kind is refused."""
    document = {"name": "loss.json", "loss": standard_spec("focal", "multiclass").to_json()}
    _, found = named_losses(task_of(), ["cross_entropy", document], {})
    assert (found.name, found.spec) == ("loss.json", standard_spec("focal", "multiclass"))
    with pytest.raises(UserError, match=r"loss.json is for multiclass"):
        named_losses(task_of("regression"), ["mse", document], {})


def test_all_is_the_catalogue_once() -> None:
    """`all` brings every standard loss of the kind that is not named already, each under one name."""
    found = named_losses(task_of(), ["focal:gamma=2", "all"], {})
    assert found[0].name == "focal:gamma=2"
    assert "focal" not in [loss.name for loss in found]
    assert len({loss.spec.hash for loss in found}) == len(found) > 5


def test_a_grid_leaves_alone_what_was_set() -> None:
    """Tuning moves parameters that no name sets, and its points are never another loss that is named."""
    usual, three, free = named_losses(task_of(), ["cross_entropy", "focal:gamma=3", "gce"], {}, tune=True)
    assert list(usual.specs) == ["cross_entropy"]
    assert list(three.specs) == ["focal:gamma=3"]
    assert len(free.specs) > 3
    assert {spec.parts for spec in free.specs.values()} == {frozenset({"gce"})}


def compared(task: Task, losses: tuple[NamedLoss, ...], ledger: MemoryLedger, plan: Plan = PLAN) -> Verdict:
    """The verdict of a comparison."""
    space = space_from("auto", task.kind)
    runner = Trainer(task, folds=plan.folds, workers=1)
    found = conduct(task, space, plan, runner, ledger, SilentProgress(), named=losses).verdict
    assert found is not None
    return found


def test_every_loss_stands_beside_the_first() -> None:
    """One pair for each other loss, a table of all, and a verdict that JSON holds."""
    task = task_of("regression")
    losses = named_losses(task, ["mse", "huber:delta=2", "mae"], {})
    found = compared(task, losses, MemoryLedger())
    assert found.compared is not None
    beside_first = [pair.loss for pair in found.compared.pairs if pair.other == "mse"]
    assert beside_first == ["huber:delta=2", "mae"]
    assert set(found.against) == {"mse", "huber:delta=2", "mae"}
    assert found.sentence.lower().startswith(found.compared.answer.lower())
    assert Verdict.from_json(found.to_json()) == found


def test_what_is_finished_is_read_and_not_trained_again() -> None:
    """A comparison that goes on over its ledger reaches the same verdict without a runner."""
    task, ledger = task_of("regression"), MemoryLedger()
    losses = named_losses(task, ["mse", "mae"], {})
    found = compared(task, losses, ledger)
    nobody: Trainer = None  # type: ignore[assignment]  # whoever asked it to train would fail
    again = conduct(task, space_from("auto", task.kind), PLAN, nobody, ledger, SilentProgress(), named=losses)
    assert again.verdict == found


def test_a_loss_that_is_much_better_is_the_answer() -> None:
    """Where targets are skewed far and the metric is mae, mae is told apart from mse, and is to be used."""
    draw = torch.Generator().manual_seed(0)

    def part(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = torch.randn(count, 6, generator=draw)
        noise = torch.randn(count, generator=draw).mul(1.5).exp()
        return inputs, inputs[:, 0] + noise

    task = task_of(
        "regression",
        train=part(200),
        validation=part(200),
        test=part(400),
        metric="mae",
        recipe={"epochs": 15, "batch_size": 50, "learning_rate": 0.02},
    )
    losses = named_losses(task, ["mse", "mae"], {})
    found = compared(task, losses, MemoryLedger())
    assert found.compared is not None
    assert found.compared.answer.startswith("use mae: better than mse by +")
    (pair,) = found.compared.pairs
    assert (pair.finding, found.better, found.recommended.standard) == ("better", True, "mae")


def test_where_decisions_are_measured_the_first_loss_has_its_cut_off_tuned_too() -> None:
    """A table of macro F1 has the first loss twice, and no sentence about the twin unless it is better."""
    task = task_of()
    found = compared(task, named_losses(task, ["cross_entropy", "focal"], {}), MemoryLedger())
    assert set(found.against) == {"cross_entropy", "focal", "cross_entropy + tuned cut-off"}
    assert found.compared is not None
    assert all(p.finding == "better" for p in found.compared.pairs if p.loss.endswith("cut-off"))
