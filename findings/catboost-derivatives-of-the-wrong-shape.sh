#!/usr/bin/env bash
# CatBoost 1.2.10: a multi-class objective that returns a vector of second derivatives is ignored row by row, and trains.
#
# calc_ders_multi is to return a square matrix of second derivatives. Given the diagonal alone, as the other boosters
# take it, every row prints a traceback that begins "Exception ignored" and counts as zero curvature; fit() returns, and
# the model it made predicts well enough to pass. One would guess that a wrong shape is an error of fit().
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check catboost==1.2.10 numpy==2.4.6 2>/dev/null
"$tmp/venv/bin/python" - 2>"$tmp/errors" <<'PY'
import numpy as np
from catboost import CatBoostClassifier

draw = np.random.default_rng(0)
X = draw.normal(size=(200, 4))
y = np.digitize(X[:, 0], [-0.5, 0.5])


class CrossEntropy:
    def __init__(self, matrix):
        self.matrix = matrix

    def calc_ders_multi(self, approxes, target, weight):
        e = np.exp(np.array(approxes) - max(approxes))
        p = e / e.sum()
        first = -p
        first[int(target)] += 1
        second = np.outer(p, p) - np.diag(p)
        return list(first), [list(row) for row in second] if self.matrix else list(np.diag(second))


for matrix in (True, False):
    model = CatBoostClassifier(
        loss_function=CrossEntropy(matrix), eval_metric="MultiClass", iterations=5, verbose=0,
        allow_writing_files=False, thread_count=1,
    )
    model.fit(X, y)
    margins = np.asarray(model.predict(X, prediction_type="RawFormulaVal"))
    accuracy = float((margins.argmax(1) == y).mean())
    print("matrix" if matrix else "vector", "accuracy", accuracy)
    assert accuracy > 0.8
PY
ignored=$(grep -c "Exception ignored" "$tmp/errors" || true)
echo "tracebacks printed as ignored: $ignored (200 rows, 5 rounds)"
[ "$ignored" -ge 1000 ] || { echo "it is not ignored any more: the finding is out of date"; exit 1; }
