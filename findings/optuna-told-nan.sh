#!/usr/bin/env bash
# Optuna 5.0.0: a NaN told without a state becomes a failed trial, from which TPE learns nothing; told as COMPLETE it raises
# and leaves the trial running for good.
#
# A training that diverges is the plainest thing to report as NaN. Where scores improve towards the region that diverges,
# TPE goes on proposing there: it never sees those trials. Told as a very bad number, they turn it away. One would guess
# that a NaN counts as bad, and that a refused tell() leaves the trial as it was or ends it.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check optuna==5.0.0 2>/dev/null
"$tmp/venv/bin/python" - <<'PY'
import optuna
from optuna.trial import TrialState

optuna.logging.set_verbosity(optuna.logging.ERROR)


def share_diverged(told, seed):
    """Of the last 60 of 90 trials, how many lie where training diverges: x above .8; the score falls with x."""
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    xs = []
    for _ in range(90):
        trial = study.ask()
        xs.append(trial.suggest_float("x", 0, 1))
        study.tell(trial, told if xs[-1] > 0.8 else 1 - xs[-1])
    return sum(x > 0.8 for x in xs[-60:]) / 60


as_nan = sum(share_diverged(float("nan"), seed) for seed in range(5)) / 5
as_bad = sum(share_diverged(1e9, seed) for seed in range(5)) / 5
print(f"proposed where it diverges: {as_nan:.0%} when told NaN, {as_bad:.0%} when told 1e9")

study = optuna.create_study()
trial = study.ask()
try:
    study.tell(trial, float("nan"), state=TrialState.COMPLETE)
except ValueError as error:
    print("COMPLETE with NaN raises:", str(error)[:60], "...; the trial is", study.trials[0].state.name)
assert study.trials[0].state == TrialState.RUNNING, "it is ended now: this half is out of date"
other = study.ask()
study.tell(other, float("nan"))
print("NaN without a state:", study.trials[1].state.name)
assert study.trials[1].state == TrialState.FAIL
assert as_nan > 1.5 * as_bad, "NaN turns the sampler away now: the finding is out of date"
PY
