"""An audit finds what is wrong with a loss by its name, and finds nothing wrong with what is right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the name every PyTorch user knows)

from lossmith.losses import Parameter, UserError, audit, declare, freeze, standard_spec, standard_specs
from lossmith.losses.kinds import KINDS

WEIGHT = torch.tensor([1.0, 5.0, 2.0, 9.0, 3.0])


def bce(o: Tensor, t: Tensor, **more: Any) -> Tensor:
    """Binary cross entropy of logits."""
    return F.binary_cross_entropy_with_logits(o, t, **more)


def p_true(o: Tensor, t: Tensor) -> Tensor:
    """The probability of the true class."""
    return o.softmax(1).gather(1, t[:, None])[:, 0]


def one_hot(o: Tensor, t: Tensor) -> Tensor:
    """The target's class as ones among zeros."""
    return F.one_hot(t, o.shape[1]).to(o.dtype)


def gap(o: Tensor, t: Tensor) -> Tensor:
    """The logit of the target above the largest other."""
    true = one_hot(o, t).bool()
    return o[true] - o.masked_fill(true, -torch.inf).amax(1)


def dice(o: Tensor, t: Tensor) -> Tensor:
    """Dice without a smoothing constant."""
    p = o.sigmoid() * (o > -1e4)
    return 1 - 2 * (p * t).sum() / (p.sum() + t.sum())


def hard_dice(o: Tensor, t: Tensor) -> Tensor:
    """Dice of decisions that gradients cannot pass."""
    p = (o > 0).float()
    return (1 - 2 * (p * t).sum() / (p.sum() + t.sum() + 1)).requires_grad_()


def smoothed(o: Tensor, t: Tensor, extra: float = 0.1) -> Tensor:
    """Label smoothing that adds epsilon to every class instead of its share."""
    q = one_hot(o, t) * (1 - extra) + extra
    return -(q * o.log_softmax(1)).sum(1).mean()


def focal_with_p(o: Tensor, t: Tensor) -> Tensor:
    """A focal loss whose factor has p where p_t belongs."""
    return ((1 - o.sigmoid()) ** 2 * bce(o, t, reduction="none")).mean()


def focal_alpha(o: Tensor, t: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """A focal loss with alpha on the negatives."""
    p_t = (o.sigmoid() * t + (1 - o.sigmoid()) * (1 - t)).float()
    alpha_t = alpha * (1 - t) + (1 - alpha) * t
    return (alpha_t * (1 - p_t) ** gamma * bce(o, t, reduction="none")).mean()


def in_place(o: Tensor, t: Tensor) -> Tensor:
    """A loss that clamps the model's outputs themselves."""
    return F.cross_entropy(o.clamp_(-3, 3), t)


class Moving(nn.Module):
    """A loss that is divided by its own running mean."""

    mean = 1.0

    def forward(self, o: Tensor, t: Tensor) -> Tensor:
        """The loss of a batch."""
        loss = F.cross_entropy(o, t)
        self.mean = 0.9 * self.mean + 0.1 * float(loss.detach())
        return loss / self.mean


class Learned(nn.Module):
    """A loss with a temperature that is never used."""

    def __init__(self) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(()))

    def forward(self, o: Tensor, t: Tensor) -> Tensor:
        """The loss of a batch."""
        return F.cross_entropy(o, t)


class Ignoring(nn.Module):
    """A cross entropy that divides by all targets, ignored ones too."""

    ignore_index = -100

    def forward(self, o: Tensor, t: Tensor) -> Tensor:
        """The loss of a batch."""
        return F.cross_entropy(o, t, ignore_index=-100, reduction="none").mean()


class Padding(nn.Module):
    """A cross entropy that takes padding for the first class."""

    pad_index = -1

    def forward(self, o: Tensor, t: Tensor) -> Tensor:
        """The loss of a batch."""
        return F.cross_entropy(o, t.clamp(min=0))


def dead(o: Tensor, t: Tensor, gamma: float = 2.0) -> Tensor:  # noqa: ARG001  (that is the mistake)
    """A loss that forgets its gamma."""
    return F.cross_entropy(o, t)


@declare(kind="binary", parameters=[Parameter("tau", default=1.0, search=(0.5, 2.0))])
def declared_dead(outputs: Tensor, targets: Tensor, *, tau: float) -> Tensor:  # noqa: ARG001  (the same)
    """A declared loss that forgets its parameter."""
    return bce(outputs, targets)


def weighed(o: Tensor, t: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    """Weights of samples whose sum is not divided by."""
    each = F.cross_entropy(o, t, reduction="none")
    return (each if sample_weight is None else each * sample_weight).mean()


# The name of what is wrong, the kind of problem, and a loss that is wrong in this way.
MISTAKES: list[tuple[str, str, Any]] = [
    ("softmax twice", "multiclass", lambda o, t: F.cross_entropy(o.softmax(1), t)),
    ("softmax twice", "multiclass", lambda o, t: 3 * F.cross_entropy(o.softmax(1), t, weight=WEIGHT)),
    ("softmax twice", "multiclass", lambda o, t: -torch.log(p_true(o.softmax(1), t)).mean()),
    ("softmax twice", "binary", lambda o, t: bce(o.sigmoid(), t)),
    ("softmax twice", "multilabel", lambda o, t: bce(o.sigmoid(), t)),
    ("wrong sign", "multiclass", lambda o, t: -F.cross_entropy(o, t)),
    ("wrong sign", "multiclass", lambda o, t: F.log_softmax(o, 1).gather(1, t[:, None]).mean()),
    ("wrong sign", "binary", lambda o, t: -bce(o, t)),
    ("wrong sign", "regression", lambda o, t: -F.mse_loss(o, t)),
    ("wrong sign", "multiclass", lambda o, t: p_true(o, t).mean()),
    ("only a factor", "multiclass", lambda o, t: 100 * F.cross_entropy(o, t)),
    ("only a factor", "regression", lambda o, t: 0.01 * F.mse_loss(o, t)),
    ("only a factor", "multilabel", lambda o, t: bce(o, t, reduction="none").sum(1).mean()),
    ("sum where a mean is meant", "multiclass", lambda o, t: F.cross_entropy(o, t, reduction="sum")),
    ("sum where a mean is meant", "regression", lambda o, t: (o - t).pow(2).sum()),
    ("divides by the batch twice", "binary", lambda o, t: bce(o, t) / len(t)),
    ("not finite when saturated", "multiclass", lambda o, t: -torch.log(p_true(o, t)).mean()),
    ("not finite when saturated", "binary", lambda o, t: torch.log(1 + torch.exp(-o * (2 * t - 1))).mean()),
    ("log of a clamped probability", "multiclass", lambda o, t: -p_true(o, t).clamp(min=1e-7).log().mean()),
    ("log of a clamped probability", "multiclass", lambda o, t: -(p_true(o, t) + 1e-8).log().mean()),
    (
        "log of a clamped probability",
        "binary",
        lambda o, t: F.binary_cross_entropy(o.sigmoid().clamp(1e-6, 1 - 1e-6), t),
    ),
    ("not finite in half precision", "regression", lambda o, t: 1e-8 * (1e4 * (o - t)).pow(2).mean()),
    (
        "gradient does not follow the value",
        "multiclass",
        lambda o, t: (F.cross_entropy(o, t, reduction="none") * (1 - p_true(o, t).detach())).mean(),
    ),
    (
        "gradient does not follow the value",
        "regression",
        lambda o, t: (o.round() - t).abs().mean() + 0 * o.sum(),
    ),
    ("gradient does not follow the value", "binary", lambda o, t: bce(o, t) + (o.detach() ** 2).mean()),
    ("no gradient", "multiclass", lambda o, t: (o.argmax(1) != t).float().mean()),
    ("no gradient", "multiclass", lambda o, t: F.cross_entropy(o, t).item()),
    ("no gradient", "multiclass", lambda o, t: torch.tensor(F.cross_entropy(o, t).item())),
    ("gradient does not follow the value", "binary", hard_dice),
    ("not a scalar", "regression", lambda o, t: (o[:, None] - t[None]) ** 2),
    ("one number a sample", "multiclass", lambda o, t: F.cross_entropy(o, t, reduction="none")),
    ("dead parameter", "multiclass", dead),
    ("dead parameter", "binary", declared_dead),
    ("dead parameter", "multiclass", Learned),
    ("ignored targets are counted", "multiclass", Ignoring()),
    ("ignored targets are counted", "multiclass", Padding()),
    ("weights do not divide", "multiclass", weighed),
    ("not minimised by the truth", "regression", lambda o, t: (o - t - 1).pow(2).mean()),
    ("not minimised by the truth", "binary", lambda o, t: bce(o.abs(), t)),
    ("targets of -1 and 1", "binary", lambda o, t: (o - t).pow(2).mean()),
    ("not minimised by the truth", "multiclass", lambda o, t: F.cross_entropy(o, (t + 1) % 5)),
    ("arguments swapped", "multiclass", lambda t, o: F.cross_entropy(o, t)),
    ("arguments swapped", "binary", lambda t, o: bce(o, t)),
    ("expects probabilities", "binary", nn.BCELoss()),
    ("expects probabilities", "binary", lambda o, t: -(t * o.log() + (1 - t) * (1 - o).log()).mean()),
    ("expects log-probabilities", "multiclass", nn.NLLLoss()),
    ("targets of -1 and 1", "binary", lambda o, t: F.softplus(-o * t).mean()),
    ("targets of -1 and 1", "binary", lambda o, t: (1 - o * t).relu().mean()),
    ("targets meet every sample", "regression", lambda o, t: (o[:, None] - t[None]).pow(2).mean()),
    (
        "targets meet every sample",
        "multiclass",
        lambda o, t: F.cross_entropy(o.mean(0, keepdim=True).expand_as(o), t),
    ),
    (
        "order of samples",
        "multiclass",
        lambda o, t: (F.cross_entropy(o, t, reduction="none") * torch.arange(1, len(t) + 1)).mean() / len(t),
    ),
    ("changes its inputs", "multiclass", in_place),
    ("keeps state", "multiclass", Moving()),
    ("random", "multiclass", lambda o, t: F.cross_entropy(F.dropout(o, 0.5), t)),
    ("random", "regression", lambda o, t: (o - t + 0.1 * torch.randn_like(t)).pow(2).mean()),
    ("softmax over the samples", "multiclass", lambda o, t: F.nll_loss(o.log_softmax(0), t)),
    ("softmax over the samples", "multiclass", lambda o, t: (1 - o.softmax(0).gather(1, t[:, None])).mean()),
    (
        "weight by prediction",
        "multiclass",
        lambda o, t: (WEIGHT.to(o)[o.argmax(1)] * F.cross_entropy(o, t, reduction="none")).mean(),
    ),
    ("smoothing does not sum to one", "multiclass", smoothed),
    ("focal factor of the wrong probability", "binary", focal_with_p),
    ("alpha on the wrong class", "binary", focal_alpha),
    ("0/0 on a class that is absent", "binary", dice),
    ("0/0 on one sample", "binary", lambda o, t: bce(o, t) + 0.01 * o.tanh().var()),
    ("margin on the wrong side", "multiclass", lambda o, t: (-1 - gap(o, t)).relu().mean()),
    ("margin on the wrong side", "multiclass", lambda o, t: F.cross_entropy(o + 0.5 * one_hot(o, t), t)),
    ("a class without effect", "binary", lambda o, t: -(t * F.logsigmoid(o)).mean()),
    ("gradient explodes", "regression", lambda o, t: ((o - t).abs() ** 6).mean()),
]


@pytest.mark.parametrize(
    ("name", "kind", "loss"), MISTAKES, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(MISTAKES)]
)
def test_a_mistake_is_found_by_its_name(name: str, kind: str, loss: Any) -> None:
    """The first finding, the most serious one, is the mistake that was made."""
    found = audit(loss, kind)
    assert [finding.name for finding in found.findings][:1] == [name]
    assert found.findings[0].evidence


def test_the_mistakes_are_many() -> None:
    """At least 25 different things that can be wrong are told apart."""
    assert len({name for name, *_ in MISTAKES}) >= 25


RIGHT: list[tuple[str, Callable[..., Tensor]]] = [
    ("multiclass", nn.CrossEntropyLoss()),
    ("multiclass", nn.CrossEntropyLoss(label_smoothing=0.1)),
    ("multiclass", nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]))),
    ("multiclass", nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]), label_smoothing=0.2)),
    ("multiclass", nn.CrossEntropyLoss(ignore_index=-1)),
    ("multiclass", nn.CrossEntropyLoss(ignore_index=1)),
    ("multiclass", nn.MultiMarginLoss()),
    ("multiclass", nn.MultiMarginLoss(p=2, margin=0.5)),
    ("multiclass", F.cross_entropy),
    ("binary", nn.BCEWithLogitsLoss()),
    ("binary", nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))),
    ("multilabel", nn.BCEWithLogitsLoss()),
    ("multilabel", nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 2.0, 9.0]))),
    ("multilabel", nn.MultiLabelSoftMarginLoss()),
    ("regression", nn.MSELoss()),
    ("regression", nn.L1Loss()),
    ("regression", nn.SmoothL1Loss(beta=0.3)),
    ("regression", nn.HuberLoss(delta=0.2)),
    ("regression", nn.PoissonNLLLoss()),
]


@pytest.mark.parametrize(
    ("kind", "loss"), RIGHT, ids=lambda value: getattr(value, "__name__", str(value))[:40]
)
def test_nothing_is_wrong_with_the_losses_of_torch(kind: str, loss: Any) -> None:
    """What PyTorch ships for a kind of problem has no findings for that kind."""
    assert audit(loss, kind).findings == ()


def test_the_soft_margin_of_torch_overflows() -> None:
    """`nn.SoftMarginLoss` is inf at a margin of -100, which is the one thing that is found."""

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.soft_margin_loss(outputs, 2 * targets - 1)

    assert loss(torch.tensor([-100.0]), torch.tensor([1.0])).isinf()
    assert [finding.name for finding in audit(loss, "binary").findings] == ["not finite when saturated"]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_wrong_with_the_standard_losses(kind: str) -> None:
    """No loss of the catalogue has a finding, and none is asked whether it is meant."""
    found = {name: audit(name, kind) for name in standard_specs(kind)}
    assert {name: (one.findings, one.notes) for name, one in found.items() if not one.ok or one.notes} == {}


def test_what_may_be_meant_is_a_note() -> None:
    """Bounded losses, class weights and lopsided errors are notes, which are no findings."""
    for kind, loss, note in (
        ("multiclass", lambda o, t: (1 - p_true(o, t) ** 1.5).mean(), "bounded"),
        ("multiclass", nn.CrossEntropyLoss(weight=WEIGHT), "unequal classes"),
        ("regression", lambda o, t: torch.maximum(0.9 * (t - o), 0.1 * (o - t)).mean(), "unequal sides"),
        ("regression", lambda o, t: 0.5 * (o - t).pow(2).mean(), "a factor, as is usual"),
        ("regression", lambda o, t: (o - t).pow(4).mean(), "broadcasts silently"),
    ):
        found = audit(loss, kind)
        assert found.ok, (note, found.findings)
        assert note in [one.name for one in found.notes]


def test_an_audit_is_a_plain_document(tmp_path: Any) -> None:
    """`to_json` has every finding with severity, evidence, harm and remedy; a loss.json can be audited."""
    document = json.loads(json.dumps(audit(lambda o, t: -F.cross_entropy(o, t), "multiclass").to_json()))
    (finding,) = document["findings"]
    assert not document["ok"]
    assert finding["severity"] == "error"
    assert all(finding[key] for key in ("name", "evidence", "what", "hurts", "remedy"))
    spec = standard_spec("focal", "multiclass")
    (tmp_path / "loss.json").write_text(json.dumps({"loss": spec.bind([5, 3]).to_json()}))
    for loss in (spec, freeze(spec), str(tmp_path / "loss.json")):
        assert audit(loss, "multiclass").ok


def test_a_loss_that_raises_is_its_owners() -> None:
    """What a loss raises on every batch is told in one line, with the error as its cause."""

    def broken(*_: Tensor) -> Tensor:
        raise KeyError("margin")

    with pytest.raises(UserError, match="broken raises on a batch of a binary problem: KeyError") as caught:
        audit(broken, "binary")
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(UserError, match="unknown standard loss for binary"):
        audit("facol", "binary")
