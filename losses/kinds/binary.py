"""Yes or no for each sample."""

from __future__ import annotations

from . import answers
from .problem_kind import ProblemKind

KIND = ProblemKind(
    name="binary",
    order=2,
    about="yes or no",
    target="answer",
    single=True,
    constant="class_counts",
    decision="cutoff",
    usual_loss="bce",
    usual_metrics=("balanced_accuracy", "binary_accuracy"),
    outputs_shape="(N,) logits",
    targets_shape="zeros and ones, shaped as the outputs",
    letters=(
        "p is the probability of the true answer t, z the logit, π the shares of the answers, n the samples "
        "of an answer"
    ),
    counts_rule="(negatives, positives)",
    counts_fit=lambda counts: len(counts) == 2,
    probe_counts=(120, 15),
    outputs_for=lambda targets: 1,
    count=lambda targets, _: answers.count(targets.reshape(-1, 1))[0],
    predictions=answers.predictions,
    probabilities=lambda outputs: outputs.sigmoid(),
    random_targets=answers.random_targets,
)
