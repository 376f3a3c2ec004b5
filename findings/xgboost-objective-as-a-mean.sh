#!/usr/bin/env bash
# XGBoost 3.2.0: a custom objective whose gradient and Hessian are those of a *mean* over rows never splits.
#
# The same logistic loss as a sum over rows grows trees of some fifty leaves; divided by the number of rows, as every
# loss of a deep-learning library is, each tree is a single leaf. A node is kept only while the Hessians in it add up to
# min_child_weight, 1 by default, and all rows of a mean add up to less than that. Nothing is raised or printed. One
# would guess that a constant factor is a learning rate. LightGBM 4.7.0 grows the same number of leaves for both.
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
rows = 5_000
X = draw.normal(size=(rows, 5))
y = (X[:, 0] + 0.5 * X[:, 1] + 0.5 * draw.normal(size=rows) > 0).astype(float)


def logistic(factor):
    def objective(margins, data):
        p = 1 / (1 + np.exp(-margins))
        return (p - data.get_label()) * factor, p * (1 - p) * factor

    return objective


def leaves_of_xgboost(factor):
    booster = xgboost.train({"base_score": 0.0}, xgboost.DMatrix(X, y), 5, obj=logistic(factor))
    return [tree.count("leaf") for tree in booster.get_dump()]


def leaves_of_lightgbm(factor):
    booster = lightgbm.train({"objective": logistic(factor), "verbose": -1}, lightgbm.Dataset(X, y), 5)
    return [tree["num_leaves"] for tree in booster.dump_model()["tree_info"]]


print("xgboost  sum ", leaves_of_xgboost(1.0))
print("xgboost  mean", leaves_of_xgboost(1 / rows))
print("lightgbm sum ", leaves_of_lightgbm(1.0))
print("lightgbm mean", leaves_of_lightgbm(1 / rows))
assert min(leaves_of_xgboost(1.0)) > 20
assert leaves_of_xgboost(1 / rows) == [1] * 5, "it splits now: the finding is out of date"
assert leaves_of_lightgbm(1.0) == leaves_of_lightgbm(1 / rows)
PY
