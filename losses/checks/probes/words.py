"""What each finding means: how serious it is, what is wrong, how it hurts and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .record import AuditFinding, Severity


class Words(NamedTuple):
    """What is said of a finding, whatever the loss.

    Attributes:
        severity: How serious it is.
        what: What is wrong.
        hurts: How it hurts in training.
        remedy: What to write instead.
    """

    severity: Severity
    what: str
    hurts: str
    remedy: str


def _error(what: str, hurts: str, remedy: str) -> Words:
    return Words("error", what, hurts, remedy)


def _warning(what: str, hurts: str, remedy: str) -> Words:
    return Words("warning", what, hurts, remedy)


def _note(what: str, hurts: str, remedy: str) -> Words:
    return Words("note", what, hurts, remedy)


# The most serious first: findings are listed in this order.
WORDS: Mapping[str, Words] = {
    "no gradient": _error(
        "What it returns carries no gradient: an argmax, .item(), .detach() or a comparison has cut it off.",
        "backward() raises, or nothing is trained.",
        "Compute the loss from the outputs with differentiable operations alone, and return the tensor.",
    ),
    "not a scalar": _error(
        "It returns neither one number nor one for each sample.",
        "backward() raises; a mean taken outside mixes what does not belong together.",
        "Check for a broadcast of (N, 1) against (N,), and return loss.mean().",
    ),
    "arguments swapped": _error(
        "It takes (targets, outputs), but is called with (outputs, targets).",
        "Targets are taken for predictions: the gradient has nothing to do with the mistakes.",
        "Swap the two arguments in the signature, as in PyTorch.",
    ),
    "expects probabilities": _error(
        "It takes probabilities, but models put out logits.",
        "Logarithms of negative numbers are NaN from the first step on.",
        "Use the form with logits: binary_cross_entropy_with_logits, cross_entropy, log_softmax.",
    ),
    "expects log-probabilities": _error(
        "It takes log-probabilities, but models put out logits.",
        "The loss falls without end as logits grow, whatever the other classes are; training diverges.",
        "Use F.cross_entropy, or apply log_softmax to the outputs first.",
    ),
    "targets of -1 and 1": _error(
        "It takes targets of -1 and 1, but they are 0 and 1.",
        "Samples of 0 are pulled nowhere: everything is predicted as 1.",
        "Compute with 2 * targets - 1.",
    ),
    "wrong sign": _error(
        "The sign is wrong: the loss falls as mistakes grow.",
        "Training makes the model worse with every step, and faster and faster.",
        "Negate it; for a score, minimise 1 - score.",
    ),
    "targets meet every sample": _error(
        "Outputs meet the targets of all samples: (N, 1) was broadcast against (N,), or targets are unused.",
        "The best a model can do is to predict the mean for everybody; it learns nothing else.",
        "Bring both to one shape, with squeeze(1), before subtracting.",
    ),
    "softmax over the samples": _error(
        "The softmax goes over the samples instead of the classes.",
        "Samples compete with each other within a class; the loss depends on who else is in the batch.",
        "Use dim=1, or F.cross_entropy.",
    ),
    "softmax twice": _error(
        "Probabilities are taken for logits: softmax, or sigmoid, is applied twice.",
        "The loss is bounded, never near 0, and hardly pulls on confident mistakes: training stalls.",
        "Leave out the softmax or sigmoid; losses of logits apply it themselves.",
    ),
    "not minimised by the truth": _error(
        "The right answer does not minimise it.",
        "The better the model fits the loss, the further its predictions are from the targets.",
        "Look for an added constant, a wrong index, or outputs that are used without softmax or sigmoid.",
    ),
    "pushes mistakes further": _error(
        "Some mistakes are pushed further the wrong way.",
        "Samples that begin on the wrong side stay there.",
        "Look for a sign, and for a weight that itself depends on the outputs and is not detached.",
    ),
    "no lower bound": _error(
        "The loss of right answers falls without end.",
        "Logits grow until they overflow; what is gained on easy samples hides the mistakes.",
        "Use log-probabilities, or a margin beyond which the loss is 0.",
    ),
    "a class without effect": _error(
        "Mistakes on samples of one class or answer are not corrected.",
        "The model predicts the other answers throughout; the loss still falls.",
        "Check that every answer has a term: for yes or no, (1 - t) * log(1 - p) too.",
    ),
    "gradient does not follow the value": _error(
        "The gradient is not the derivative of the value: a piece is detached, rounded or compared.",
        "An optimiser follows another loss than the one that is logged, or none.",
        "Leave out detach(), round() and argmax(), or detach on purpose and log what is minimised.",
    ),
    "keeps state": _error(
        "A call changes what later calls return.",
        "The loss depends on what was computed before, so neither validation nor a resumed run repeats it.",
        "Keep no tensors between calls; where an average over batches is meant, compute it outside.",
    ),
    "changes its inputs": _error(
        "It changes outputs or targets in place.",
        "Metrics, and later uses of the batch, see the changed numbers.",
        "Use operations without an underscore at the end, and clone before assigning to parts.",
    ),
    "order of samples": _error(
        "The order of the samples in the batch matters.",
        "What a sample costs depends on its neighbours, which are shuffled: noise in place of signal.",
        "Check for weights by position, and for indices that pair a sample with another one.",
    ),
    "weight by prediction": _error(
        "The weight is that of the predicted class, not of the target's.",
        "The weight jumps as the prediction changes, and rewards predicting classes of low weight.",
        "Index the weights with the targets: weight[targets].",
    ),
    "focal factor of the wrong probability": _error(
        "The focal factor uses p, the probability of a yes, for both answers, in place of p_t.",
        "Confident mistakes on one answer are damped and its easy samples are not: the opposite is meant.",
        "Use p_t = p * t + (1 - p) * (1 - t) in the factor.",
    ),
    "alpha on the wrong class": _error(
        "alpha weighs the negatives, 1 - alpha the positives.",
        "With the usual alpha of .25 the balance between the answers is the opposite of the paper's.",
        "Use alpha_t = alpha * t + (1 - alpha) * (1 - t).",
    ),
    "ignored targets are counted": _error(
        "Targets that are to be ignored still count, in the sum or in what it is divided by.",
        "The more padding a batch has, the smaller, or the more wrong, its gradient.",
        "Divide by the number of targets that count: loss[mask].mean().",
    ),
    "smoothing does not sum to one": _error(
        "The smoothed targets are no probabilities: they do not sum to one.",
        "The smoothing is stronger than its epsilon says, and the loss larger by their sum.",
        "Use (1 - eps) * one_hot + eps / K, or F.cross_entropy(label_smoothing=eps).",
    ),
    "sum where a mean is meant": _error(
        "It grows with the number of samples: a sum where a mean is meant.",
        "The step depends on the batch size, and the last, smaller batch counts less.",
        "Return the mean over the samples.",
    ),
    "divides by the batch twice": _error(
        "It falls with the number of samples: it is divided by the batch size twice.",
        "Larger batches train more slowly, and the last, smaller batch counts more.",
        "Take the mean once.",
    ),
    "not finite when saturated": _error(
        "Value or gradient is inf or NaN at outputs far away.",
        "One confident sample makes all weights NaN, usually after hours of training.",
        "Compute in logarithms: log_softmax, logsigmoid, softplus, logsumexp.",
    ),
    "gradient vanishes": _error(
        "The gradient vanishes on confident mistakes.",
        "What is most wrong is not corrected any more.",
        "Compute from logits without clamps, or mix in a cross entropy.",
    ),
    "margin on the wrong side": _error(
        "The margin is given to the right answer instead of being asked of it.",
        "Samples that are undecided, or even wrong, count as right.",
        "Subtract the margin from the logit of the target (in a hinge: margin minus gap).",
    ),
    "gradient explodes": _warning(
        "The gradient of some mistakes is thousands of times that of an undecided sample.",
        "A single outlier decides a step; training jumps or diverges.",
        "Cap the loss's growth, as Huber does, or clip gradients.",
    ),
    "log of a clamped probability": _warning(
        "The gradient ends at a confidence: a probability is clamped, or has an epsilon, inside a logarithm.",
        "Mistakes beyond it are never corrected, and the loss looks better than it is.",
        "Use log_softmax or logsigmoid, which need no epsilon.",
    ),
    "0/0 on a class that is absent": _error(
        "It is inf or NaN on batches in which a class, or a positive, is absent.",
        "The first such batch, such as an empty mask, makes all weights NaN.",
        "Add a small constant to numerator and denominator, or skip what is absent.",
    ),
    "0/0 on one sample": _error(
        "It is inf or NaN on a batch of a single sample.",
        "The last batch of an epoch may have one sample, and makes all weights NaN.",
        "Do not divide by N - 1 or by a spread over the batch; use drop_last=True otherwise.",
    ),
    "not finite in half precision": _warning(
        "It is inf or NaN in half precision where it is not in float32.",
        "Mixed-precision training loses steps, or everything.",
        "Begin with outputs.float(), and compute in logarithms.",
    ),
    "weights do not divide": _warning(
        "With weights of samples it divides by all samples instead of by the sum of the weights.",
        "Batches with many unimportant samples have smaller gradients; leaving samples out changes the step.",
        "Divide by weights.sum().",
    ),
    "random": _warning(
        "It draws random numbers.",
        "Two evaluations of one model differ, and so do repeated runs.",
        "Draw outside the loss with a generator of your own, or say that it is meant.",
    ),
    "dead parameter": _warning(
        "A parameter changes nothing.",
        "Tuning it is wasted; what it was to do is not done.",
        "Use it where it was meant to act, or remove it.",
    ),
    "one number a sample": _warning(
        "It returns one number for each sample.",
        "backward() raises unless a mean is taken outside.",
        "Return loss.mean(), or declare the loss with @declare, after which lossmith takes the mean.",
    ),
    "only a factor": _warning(
        "It is a standard loss times a factor, which is only a learning rate.",
        "With Adam little changes; with SGD, weight decay or other losses beside it, settings stop fitting.",
        "Leave the factor out, and tune the learning rate.",
    ),
    "a factor, as is usual": _note(
        "It is a standard loss times a usual factor, which is only a learning rate.",
        "Nothing, as long as learning rates are not compared.",
        "Leave the factor out, if it is not meant.",
    ),
    "bounded": _note(
        "It is bounded: confident mistakes hardly count. On purpose?",
        "That is robust against wrong labels, but slow to correct mistakes early in training.",
        "Keep it where labels are wrong; mix in a cross entropy otherwise.",
    ),
    "unequal sides": _note(
        "Errors of one sign cost more than those of the other. On purpose?",
        "Predictions are shifted to the cheaper side, as in a quantile loss.",
        "Use a symmetric loss if the mean or the median is meant.",
    ),
    "unequal classes": _note(
        "Classes are treated unequally. On purpose?",
        "Predictions favour the heavier classes, as class weights do.",
        "Keep it for imbalanced data whose metric counts classes alike.",
    ),
    "broadcasts silently": _note(
        "Outputs (N, 1) against targets (N,) are broadcast to (N, N) without a word.",
        "A model whose last layer is Linear(..., 1) then learns the mean alone.",
        "Squeeze the model's outputs, or raise where shapes differ.",
    ),
    "takes logarithms": _note(
        "It takes outputs for the logarithm of what they predict.",
        "Nothing, as long as predictions are exponentiated.",
        "Apply exp to the model's outputs before you use them.",
    ),
}


def told(name: str, evidence: str) -> AuditFinding:
    """A finding in full.

    Args:
        name: One of `WORDS`.
        evidence: What was measured.
    """
    return AuditFinding(name=name, evidence=evidence, **WORDS[name]._asdict())
