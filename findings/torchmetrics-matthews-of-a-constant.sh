#!/usr/bin/env bash
# torchmetrics 1.9.0: the Matthews correlation of a constant prediction is +.98 where one sample in a hundred is positive.
#
# A prediction of "no" for every sample carries no information; scikit-learn 1.9 gives 0 for it, as the definition's
# limit. torchmetrics gives almost 1, so a search or an early stop by this metric crowns the model that learnt nothing.
# We met it when a collapsed training led a table. Balanced data do not show it: there the constant scores 0 in both.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 torchmetrics==1.9.0 scikit-learn==1.9.1 2>/dev/null
"$tmp/venv/bin/python" - <<'PY'
import torch
from sklearn.metrics import matthews_corrcoef
from torchmetrics.functional.classification import binary_matthews_corrcoef

for positives in (1, 10, 50):
    targets = (torch.arange(100) < positives).long()
    never = torch.zeros(100, dtype=torch.long)
    theirs, reference = float(binary_matthews_corrcoef(never, targets)), matthews_corrcoef(targets, never)
    print(f"{positives} of 100 positive, always no: torchmetrics {theirs:+.3f}, scikit-learn {reference:+.3f}")
    assert reference == 0
    if positives == 1:
        assert theirs > 0.9, "it is near 0 now: the finding is out of date"
PY
