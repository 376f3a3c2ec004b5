"""What the pages on data say of the metrics of other libraries holds for the ones they name instead."""

from __future__ import annotations

import torch
from sklearn.metrics import matthews_corrcoef

from lossmith.search.metrics import metric_named, metric_of

TARGETS = (torch.arange(400) % 100 == 0).long()  # 1% positives


def test_a_constant_answer_has_no_correlation() -> None:
    """The Matthews correlation of an answer that never changes is 0, however rare the positives are."""
    metric = metric_of(matthews_corrcoef, "binary")
    assert metric(torch.full((2, 400), -3.0), TARGETS).tolist() == [0.0, 0.0]


def test_large_logits_are_still_ranked() -> None:
    """Logits beyond 17 are all 1 after a float32 sigmoid; AUROC and average precision tell them apart."""
    logits = (40.0 + TARGETS + torch.linspace(0, 0.5, 400))[None]
    for name in ("auroc", "average_precision"):
        metric = metric_named(name, "binary")
        assert metric(logits, TARGETS).tolist() == [1.0]
        assert torch.equal(metric(logits / 40 - 1, TARGETS), metric(logits, TARGETS))
