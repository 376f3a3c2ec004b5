#!/usr/bin/env bash
# bokbokbok 1.0.5: the Hessian of its focal objective (for LightGBM) is exactly 0 for every positive row.
#
# The gradient is that of the focal loss; a difference of that same gradient gives the second derivative, .40 at a margin
# of 0 for either class. The objective returns 0 for the positive and .23 for the negative. With a Hessian of 0 a leaf of
# positives is as large as the booster's regularisation alone allows. One would guess that both come from one formula.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check bokbokbok==1.0.5 numpy==2.4.6 2>/dev/null
"$tmp/venv/bin/python" - <<'PY'
import numpy as np
from bokbokbok.loss_functions.classification import WeightedFocalLoss


class Labels:
    def __init__(self, values):
        self.values = values

    def get_label(self):
        return self.values


objective = WeightedFocalLoss(alpha=1.0, gamma=2.0)
margins, h = np.linspace(-3, 3, 7), 1e-5
for name, value in (("positive", 1.0), ("negative", 0.0)):
    labels = Labels(np.full(7, value))
    _, hessian = objective(margins, labels)
    slope = (objective(margins + h, labels)[0] - objective(margins - h, labels)[0]) / (2 * h)
    print(name, "returned", np.round(hessian, 3), "difference of the gradient", np.round(slope, 3))
    if value == 1.0:
        assert (hessian == 0).all() and np.abs(slope).min() > 1e-4, "it is not 0 now: the finding is out of date"
PY
