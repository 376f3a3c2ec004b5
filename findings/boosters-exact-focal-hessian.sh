#!/usr/bin/env bash
# LightGBM 4.7.0 and XGBoost 3.2.0: the exact Hessian of the focal loss trains nothing on rare positives, silently.
#
# The focal loss (gamma 2) is concave where the true class has a probability below .058. Started from a base rate of 1%,
# that is every positive row: LightGBM ends at a first tree of one leaf, XGBoost's trees are single leaves, and the
# average precision is that of chance. Neither says a word beyond LightGBM's usual log. With the absolute value of the
# same Hessian both grow trees. Started from margins of 0, where people try an objective out, nothing of it shows.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check xgboost==3.2.0 lightgbm==4.7.0 numpy==2.4.6 2>/dev/null
"$tmp/venv/bin/python" - <<'PY'
import lightgbm
import numpy as np
import xgboost

draw = np.random.default_rng(0)
rows, rate, gamma = 5_000, 0.01, 2.0
y = (draw.random(rows) < rate).astype(float)
X = draw.normal(size=(rows, 5)) + 2 * y[:, None]
start = np.full(rows, np.log(rate / (1 - rate)))


def focal(margins, labels):
    """Value's derivatives in the margin z of the true class's logit: -(1 - p)^gamma ln p with p = sigmoid(+-z)."""
    sign = 2 * labels - 1
    p = 1 / (1 + np.exp(-sign * margins))
    q = 1 - p
    first = gamma * p * np.log(p) * q**gamma - q ** (gamma + 1)
    second = p * q**gamma * (gamma * np.log(p) * (q - gamma * p) + 2 * gamma * q + q)
    return sign * first, second


z, h = draw.normal(size=9) * 3, 1e-5  # the formulas above, against differences
for labels in (np.ones(9), np.zeros(9)):
    (up, _), (down, _), (_, second) = focal(z + h, labels), focal(z - h, labels), focal(z, labels)
    assert np.allclose((up - down) / (2 * h), second, atol=1e-6)


def objective(curvature):
    def gradient_and_hessian(margins, data):
        first, second = focal(margins, data.get_label())
        return first, curvature(second)

    return gradient_and_hessian


def leaves_of_lightgbm(curvature):
    data = lightgbm.Dataset(X, y, init_score=start)
    booster = lightgbm.train({"objective": objective(curvature), "verbose": -1}, data, 20)
    return [tree["num_leaves"] for tree in booster.dump_model()["tree_info"]]


def leaves_of_xgboost(curvature):
    booster = xgboost.train({}, xgboost.DMatrix(X, y, base_margin=start), 20, obj=objective(curvature))
    return [tree.count("leaf") for tree in booster.get_dump()]


def exact(second):
    return second


for name, leaves in (("lightgbm", leaves_of_lightgbm), ("xgboost", leaves_of_xgboost)):
    print(name, "exact:", leaves(exact)[:6], " absolute value:", leaves(np.abs)[:6])
assert set(leaves_of_lightgbm(exact)) == {1}, "it grows trees now: the finding is out of date"
assert set(leaves_of_xgboost(exact)) == {1}, "it grows trees now: the finding is out of date"
assert max(leaves_of_lightgbm(np.abs)) > 5
assert max(leaves_of_xgboost(np.abs)) > 5
PY
