#!/usr/bin/env bash
# Ray Tune 2.60.0: ASHA never stops a trial whose metric is NaN.
#
# Eight trials, one after another, report twenty times: four a score, four NaN. ASHA stops scored trials at its rungs; a
# trial of NaN runs to the end of its budget each time, the dearest outcome for the most hopeless training. One would
# guess that NaN ranks last. We met it when diverged trainings took most of a search's time.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check "ray[tune]==2.60.0" 2>/dev/null
cd "$tmp"
RAY_USAGE_STATS_ENABLED=0 TUNE_DISABLE_AUTO_CALLBACK_LOGGERS=1 "$tmp/venv/bin/python" - 2>/dev/null <<'PY'
import os

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler


def train(config):
    for _ in range(20):
        tune.report({"score": float("nan") if config["nan"] else config["quality"]})


ray.init(num_cpus=1, include_dashboard=False, logging_level="ERROR")
# The good trials come first, so that every later one has somebody to be compared with.
space = {"order": tune.grid_search(list(range(8)))}


def one(config):
    order = config["order"]
    train({"nan": order % 2 == 1, "quality": 10.0 - order})


results = tune.Tuner(
    one,
    param_space=space,
    tune_config=tune.TuneConfig(
        scheduler=ASHAScheduler(metric="score", mode="max", grace_period=1, reduction_factor=2, max_t=20),
        max_concurrent_trials=1,
    ),
    run_config=tune.RunConfig(storage_path=os.getcwd(), verbose=0),
).fit()
reports = {r.config["order"]: r.metrics["training_iteration"] for r in results}
scored = [reports[o] for o in range(2, 8, 2)]
nan = [reports[o] for o in range(1, 8, 2)]
print("reports of worse and worse scores:", scored, " reports of NaN:", nan)
assert max(scored) < 20
assert nan == [20, 20, 20, 20], "NaN is stopped now: the finding is out of date"
PY
