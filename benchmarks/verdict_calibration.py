"""How often "better" is wrong, and how often it is found where it is right.

    python benchmarks/verdict_calibration.py [--searches 200] [--only NAME] [--out FILE] [--summary FILE...]
    python benchmarks/verdict_calibration.py --compare [--searches 200] [--only NAME] [--out FILE]

Searches, through the phases that a user's search goes through, on tasks whose answer is known:

- null tasks, on which no loss is better than another: `permuted` (as many yes as no, dealt anew, so that
  inputs say nothing of them and every model's accuracy is a half), and `equivalent` (every loss of the space
  trains as mse does: Huber's loss far beyond any error, at learning rates of its own);
- planted tasks, on which one is: the metric is the pinball loss at a quantile that its name does not tell, or
  the LINEX cost, and the space holds the quantile loss, or LINEX, which no standard loss is. How much better
  it is, is measured on 20,000 samples of its own beside the best tuned standard loss.

The test data are read only where a loss was crowned: no other can be called better.

`--compare` compares named losses on the null tasks in place of searching; the test data are read each time,
and "better" counts where any loss is called better than another.

A verdict is calibrated when "better" comes in at most 5% of the searches on null tasks, and has power when
it comes in at least 90% of those on planted tasks whose difference is what the headroom gate promised.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from scipy.stats import binomtest
from torch import Tensor, nn

from lossmith.losses import LossSpec, standard_specs
from lossmith.losses.terms.regression.linex import linex
from lossmith.search import Candidate, MemoryLedger, Plan, Repeat, Task
from lossmith.search.method.context import SearchContext
from lossmith.search.method.explore import explore
from lossmith.search.method.headroom import headroom
from lossmith.search.method.pipeline import conduct, proposer_for
from lossmith.search.method.race import race
from lossmith.search.method.verdict import verdict
from lossmith.search.metrics import Metric, metric_named
from lossmith.search.records import SilentProgress
from lossmith.search.tasks.named_losses import named_losses
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.spaces import Domain, Space

PLAN = Plan(
    trials=24,
    seeds=2,
    folds=4,
    width=24,
    rates=3,
    contenders=6,
    race_rounds=6,
    race_seeds=4,
    verdict_seeds=12,
    insight=False,
)
FEATURES, SAMPLES, TEST = 5, 240, 400
RECIPE = {"epochs": 12, "batch_size": 60, "learning_rate": 0.05}


@dataclass(frozen=True)
class Setting:
    """A task whose answer is known, made anew from each seed, and the losses to search."""

    name: str
    planted: bool
    task: Callable[[int], Task]
    space: Space


def signal(count: int, seed: int) -> tuple[Tensor, Tensor, torch.Generator]:
    """Inputs (count, FEATURES), what they say (count,), and the generator they came from."""
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, FEATURES, generator=draw)
    return inputs, inputs[:, 0] + 0.5 * inputs[:, 1] - 0.5 * inputs[:, 2], draw


def binary_task(seed: int, *, folded: bool) -> Task:
    """Labels that inputs say nothing of, half of them yes."""

    def part(count: int, at: int) -> tuple[Tensor, Tensor]:
        inputs, told, draw = signal(count, 10 * seed + at)
        labels = (told > told.median()).float()  # an even number of samples: exactly half
        return inputs, labels[torch.randperm(count, generator=draw)]

    return Task(
        name="permuted",
        kind="binary",
        train=part(SAMPLES, 0),
        validation=None if folded else part(SAMPLES // 2, 1),
        test=part(TEST, 2),
        model=lambda: nn.Linear(FEATURES, 1),
        metric="binary_accuracy",
        recipe=RECIPE,
    )


def regression_task(
    seed: int, metric: Metric, *, folded: bool, test: int = TEST, skewed: bool = False
) -> Task:
    """A linear signal with normal noise, or `skewed` noise, of which each loss finds another middle."""

    def part(count: int, at: int) -> tuple[Tensor, Tensor]:
        inputs, told, draw = signal(count, 10 * seed + at)
        noise = torch.randn(count, generator=draw)
        return inputs, told + (-torch.special.ndtr(noise).log() if skewed else noise)

    return Task(
        name="regression",
        kind="regression",
        train=part(SAMPLES, 0),
        validation=None if folded else part(SAMPLES // 2, 1),
        test=part(test, 2),
        model=lambda: nn.Linear(FEATURES, 1),
        metric=metric.name,
        own_metric=metric,
        recipe=RECIPE,
    )


def unnamed(quantile: float) -> Metric:
    """The pinball loss as a metric that does not say so, or it would be among the standard losses."""
    return replace(metric_named(f"pinball@{quantile:g}"), name=f"lateness@{quantile:g}", quantile=None)


def planted(quantile: float) -> Setting:
    """The quantile loss at the quantile that is measured, or near it."""
    return Setting(
        f"pinball-{quantile:g}",
        planted=True,
        task=lambda seed: regression_task(seed, unnamed(quantile), folded=True, skewed=True),
        space=Space(
            "regression",
            {"quantile.tau": Domain(quantile - 0.05, quantile + 0.05)},
            {},
            {"mix.quantile": 1.0},
        ),
    )


def linex_cost(a: float) -> Metric:
    """The mean LINEX cost of residuals in the target's units."""

    def score(outputs: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        costs = linex((outputs.flatten(1) - targets.flatten()).double(), a=a)
        return weights @ costs.T / weights.sum(1, keepdim=True)

    return Metric(f"linex@{a:g}", ("regression",), score, greater_is_better=False)


def planted_linex(a: float) -> Setting:
    """The LINEX loss, where its cost is measured; its tilt is searched in units of the target's spread."""
    return Setting(
        f"linex-{a:g}",
        planted=True,
        task=lambda seed: regression_task(seed, linex_cost(a), folded=True),
        space=Space("regression", {"linex.a": Domain(0.5 * a, 2.5 * a)}, {}, {"mix.linex": 1.0}),
    )


BINARY = Space(
    "binary",
    {"focal.gamma": Domain(0.1, 4), "pos_weight.weight": Domain(0.2, 5, log=True)},
    {"focal": 0.5, "pos_weight": 0.5},
    {"mix.cross_entropy": 1.0},
)
AS_MSE = Space("regression", {"huber.delta": Domain(100, 1000, log=True)}, {}, {"mix.huber": 1.0})
SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("permuted", planted=False, task=lambda s: binary_task(s, folded=False), space=BINARY),
        Setting("permuted-folds", planted=False, task=lambda s: binary_task(s, folded=True), space=BINARY),
        Setting(
            "equivalent",
            planted=False,
            task=lambda s: regression_task(s, metric_named("rmse"), folded=False),
            space=AS_MSE,
        ),
        Setting(
            "equivalent-folds",
            planted=False,
            task=lambda s: regression_task(s, metric_named("rmse"), folded=True),
            space=AS_MSE,
        ),
        planted(0.75),
        planted(0.8),
        planted(0.85),
        planted(0.9),
        planted_linex(0.4),
        planted_linex(0.5),
        planted_linex(0.6),
        planted_linex(0.8),
    )
}


def searched(setting: Setting, seed: int) -> dict[str, Any]:
    """One search, with what its gate promised and its verdict said."""
    task, ledger, started = setting.task(seed), MemoryLedger(), time.monotonic()
    plan = Plan(**{**vars(PLAN), "seed": seed})
    runner = Trainer(task, folds=plan.folds, seed=seed, workers=1)
    proposer = proposer_for(task, setting.space, plan, "random")
    context = SearchContext(task, plan, proposer, runner, ledger, SilentProgress())
    tuned = headroom(context)
    finalists = race(context, tuned, explore(context, tuned.trials))
    found = verdict(context, tuned, finalists) if finalists.crowned else None
    return {
        "setting": setting.name,
        "seed": seed,
        "better": found is not None and found.better,
        "crowned": finalists.crowned,
        "rounds": finalists.rounds,
        "lead": finalists.lead.mean,
        "errors": finalists.lead.errors,
        "difference": found and found.ahead.difference,
        "p_value": found and found.ahead.p_value,
        "standard": finalists.standard.candidate.standard,
        "detectable": tuned.assessment and tuned.assessment.detectable,
        "true_difference": true_difference(setting, seed) if setting.planted else 0.0,
        "seconds": time.monotonic() - started,
    }


COMPARED = {
    "binary": ["bce", "focal", "weighted_bce"],
    "regression": ["mse", "huber:delta=100", "huber:delta=400"],
}


def compared(setting: Setting, seed: int) -> dict[str, Any]:
    """One comparison on a null task, with what it called better."""
    task, started = setting.task(seed), time.monotonic()
    plan = replace(PLAN, trials=0, headroom="off", seed=seed)
    runner = Trainer(task, folds=plan.folds, seed=seed, workers=1)
    losses = named_losses(task, COMPARED[task.kind], {})
    ledger = MemoryLedger()
    found = conduct(task, setting.space, plan, runner, ledger, SilentProgress(), named=losses).verdict
    assert found is not None
    assert found.compared is not None
    pairs = found.compared.pairs
    return {
        "setting": setting.name,
        "seed": seed,
        "better": any(pair.finding == "better" for pair in pairs),
        "told apart": any(pair.finding != "no better" for pair in pairs),
        "crowned": found.race.crowned,
        "answer": found.compared.answer,
        "true_difference": 0.0,
        "detectable": 0.0,
        "seconds": time.monotonic() - started,
    }


def true_difference(setting: Setting, seed: int) -> float:
    """By how much the planted loss is better than the best tuned standard loss, on 20,000 samples."""
    skewed = "quantile.tau" in setting.space.domains
    task = regression_task(seed, setting.task(0).measure, folded=True, test=20_000, skewed=skewed)
    ((name, domain),) = setting.space.domains.items()
    own = [
        LossSpec("regression", {**setting.space.fixed, name: domain.at(place)}) for place in (0.25, 0.5, 0.75)
    ]
    rates = [RECIPE["learning_rate"] * factor for factor in (0.3, 1.0, 2.0, 4.0, 8.0)]
    specs = {spec.hash: spec for spec in (*own, *standard_specs("regression").values())}
    candidates = [Candidate(s, task.settings.with_rate(r)) for s in specs.values() for r in rates]
    tested = Trainer(task, workers=1).test(candidates, [Repeat(1000 + i) for i in range(4)])
    errors = tested.scores.mean(1).view(len(specs), len(rates)).amin(1)
    return float(errors[len(own) :].min() - errors[: len(own)].min())


def summary(rows: list[dict[str, Any]]) -> Iterator[str]:
    """A table in Markdown: each setting, all null tasks, and planted ones by size over what was promised."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["setting"], []).append(row)
        if not SETTINGS[row["setting"]].planted:
            groups.setdefault("all null tasks", []).append(row)
        elif row["true_difference"] >= row["detectable"]:
            groups.setdefault("planted, as large as promised or larger", []).append(row)
        elif row["true_difference"] >= row["detectable"] / 2:
            groups.setdefault("planted, half to once as large", []).append(row)
    yield "| task | searches | better | crowned | true difference | promised | s a search |"
    yield "|---|---|---|---|---|---|---|"
    for name, found in sorted(groups.items()):
        truth, promised, seconds = (
            sum(row[key] for row in found) / len(found)
            for key in ("true_difference", "detectable", "seconds")
        )
        yield (
            f"| {name} | {len(found)} | {_share(found, 'better')} | {_share(found, 'crowned')} "
            f"| {truth:.4f} | {promised:.4f} | {seconds:.1f} |"
        )


def _share(rows: list[dict[str, Any]], key: str) -> str:
    """How many, and the share with its 95% interval (Clopper and Pearson)."""
    count = sum(row[key] for row in rows)
    interval = binomtest(count, len(rows)).proportion_ci()
    return f"{count}: {count / len(rows):.1%} ({interval.low:.1%} to {interval.high:.1%})"


def main() -> None:
    """Run the searches, a line of JSON each, and sum them up."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--searches", type=int, default=200, help="on each kind of task (default 200)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--only", action="append", choices=SETTINGS, help="these settings alone")
    parser.add_argument("--out", type=Path, help="where the lines go, beside standard output")
    parser.add_argument("--compare", action="store_true", help="compare named losses on the null tasks")
    parser.add_argument("--summary", type=Path, nargs="+", help="sum up such files and run nothing")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    if asked.summary:
        rows = [json.loads(line) for path in asked.summary for line in path.read_text().splitlines()]
    else:
        names = asked.only or [n for n, one in SETTINGS.items() if not (asked.compare and one.planted)]
        judge = compared if asked.compare else searched
        for index in range(asked.searches):
            for name in names:
                rows.append(judge(SETTINGS[name], asked.first + index))
                line = json.dumps(rows[-1])
                print(line, flush=True)
                if asked.out:
                    with asked.out.open("a") as file:
                        file.write(line + "\n")
    for line in summary(rows):
        print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
