"""Yes or no for each of several labels of each sample."""

from __future__ import annotations

from . import answers
from .problem_kind import ProblemKind

KIND = ProblemKind(
    name="multilabel",
    order=3,
    about="yes or no for each of several labels",
    target="answer",
    single=False,
    constant="class_counts",
    decision="cutoff",
    usual_loss="bce",
    usual_metrics=("macro_f1", "binary_accuracy"),
    outputs_shape="(N, L) logits",
    targets_shape="(N, L) zeros and ones",
    letters=(
        "p is the probability of the true answer t for a label, z the logit, π the shares of the answers, "
        "n the samples of an answer"
    ),
    counts_rule="(negatives, positives) for each label",
    counts_nested=True,
    counts_fit=lambda counts: len(counts) > 0 and all(isinstance(n, tuple) and len(n) == 2 for n in counts),
    probe_counts=((90, 10), (50, 50), (8, 92)),
    probe_columns=(3,),
    outputs_for=lambda targets: targets.shape[1],
    count=lambda targets, _: answers.count(targets),
    predictions=answers.predictions,
    probabilities=lambda outputs: outputs.sigmoid(),
    random_targets=answers.random_targets,
)
