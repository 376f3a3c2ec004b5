"""Whether a search finds a better loss on real data, and whether it ever hands out a worse one.

    python benchmarks/search_quality.py [--trials 2048] [--only TASK] [--out FILE] [--table FILE...]

Fourteen real tasks over the four kinds, none of which needs a download (Fashion-MNIST is Debian's package
dataset-fashion-mnist). Twelve of them have noise, a tail or outliers in their training samples, and clean
validation samples, as the how-to pages advise; two are folded. Each is searched three
times: by lossmith, and with the trials of the same budget proposed at random and by Optuna's TPE, where the
best trial is taken as it is, as people do. What each hands out is refitted beside the best tuned standard
loss and tuned cross entropy (or mse) and measured on audit data, which no search has seen, not even its
verdict. An interval wholly on one side of zero (95%, refits and samples resampled) is called better or worse.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lossmith.losses.kinds import kind_named
from lossmith.search import Candidate, MemoryLedger, Plan, Repeat, Task, Trial, conduct
from lossmith.search.method.context import SearchContext
from lossmith.search.method.explore import explore
from lossmith.search.method.headroom import headroom
from lossmith.search.method.pipeline import in_extended_space, proposer_for
from lossmith.search.method.refits import with_cutoffs
from lossmith.search.method.standard_candidates import TUNED
from lossmith.search.records import Entrant, SilentProgress, best_of
from lossmith.search.statistics import bootstrap_scores, compare
from lossmith.search.tasks.constants import constants_of
from lossmith.search.training.cohort_trainer import Trainer
from lossmith.spaces import space_from

FASHION = Path("/usr/share/datasets/fashion-mnist")
REFITS = 64
Data = tuple[Tensor, Tensor]


def mlp(inputs: int, outputs: int, width: int = 32) -> Callable[[], nn.Module]:
    """One hidden layer."""
    return lambda: nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs))


def dealt(data: Data, seed: int, shares: tuple[float, float]) -> tuple[Data, Data, Data]:
    """Training, test and audit parts, of which the first two have these shares, with standardised inputs."""
    inputs, targets = data
    order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(seed))
    edges = [round(len(order) * share) for share in (shares[0], sum(shares))]
    train, test, audit = (order[a:b] for a, b in zip([0, *edges], [*edges, len(order)], strict=True))
    centre, scale = inputs[train].mean(0), inputs[train].std(0).clamp(min=1e-6)
    scaled = ((inputs - centre) / scale).clamp(-10, 10)
    return tuple((scaled[rows], targets[rows]) for rows in (train, test, audit))  # type: ignore[return-value]


def parted(known: Data, share: float) -> tuple[Data, Data]:
    """What is left to train on, and a validation part of this share."""
    cut = round(len(known[1]) * share)
    return (known[0][cut:], known[1][cut:]), (known[0][:cut], known[1][:cut])


def sklearn_data(name: str) -> Data:
    """A data set of scikit-learn."""
    import sklearn.datasets

    inputs, targets = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    return torch.as_tensor(inputs, dtype=torch.float32), torch.as_tensor(targets)


def flipped(labels: Tensor, share: float, classes: int, seed: int) -> Tensor:
    """A share of the labels replaced by labels drawn at random."""
    draw = torch.Generator().manual_seed(seed)
    wrong = torch.rand(len(labels), generator=draw) < share
    return torch.where(wrong, torch.randint(classes, labels.shape, generator=draw), labels)


def tail(data: Data, ratio: float, largest: int, classes: int = 10) -> Data:
    """Class k cut to `largest` ratio^(-k/(K-1)) samples."""
    rows = [
        (data[1] == k).nonzero()[:, 0][: max(2, round(largest * ratio ** (-k / (classes - 1))))]
        for k in range(classes)
    ]
    kept = torch.cat(rows)
    return data[0][kept], data[1][kept]


def digits(seed: int, kind: str) -> tuple[Task, Data]:
    """Digits: 40% of the training labels drawn at random, or a 30:1 tail."""
    known, test, audit = dealt(sklearn_data("digits"), seed, (0.6, 0.2))
    train, validation = parted(known, 1 / 3)
    if kind == "noisy":
        train, metric = (train[0], flipped(train[1], 0.4, 10, seed)), "accuracy"
    else:
        train, metric = tail(train, 30, 70), "macro_f1"
    return made(f"digits-{kind}", "multiclass", train, test, mlp(64, 10), metric, validation), audit


def fashion_images(name: str) -> Data:
    """Fashion-MNIST at 14x14 (N, 196), its `train` or `t10k` part."""

    def read(kind: str, start: int) -> Tensor:
        with gzip.open(FASHION / f"{name}-{kind}-ubyte.gz") as file:
            return torch.from_numpy(np.frombuffer(file.read(), dtype=np.uint8, offset=start).copy())

    images = read("images-idx3", 16).view(-1, 1, 28, 28).float() / 255
    return nn.functional.avg_pool2d(images, 2).flatten(1), read("labels-idx1", 8).long()


def fashion_parts(seed: int) -> tuple[Data, Data, Data]:
    """40,000 samples to train or validate on, 3,000 test samples and 27,000 to audit, in random order."""
    parts = []
    for name in ("train", "t10k"):
        inputs, labels = fashion_images(name)
        rows = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
        parts.append((inputs[rows], labels[rows]))
    (inputs, labels), test = parts
    audit = torch.cat([test[0][3000:], inputs[40_000:]]), torch.cat([test[1][3000:], labels[40_000:]])
    return (inputs[:40_000], labels[:40_000]), (test[0][:3000], test[1][:3000]), audit


def fashion(seed: int, kind: str) -> tuple[Task, Data]:
    """Fashion-MNIST: 1,500 labels, 40% of them drawn at random, a 50:1 tail, or a 20:1 tail with 30%."""
    (inputs, labels), test, audit = fashion_parts(seed)
    validation, rest, metric = (inputs[:1500], labels[:1500]), (inputs[1500:], labels[1500:]), "macro_f1"
    if kind == "noisy":
        train, metric = (rest[0][:1500], flipped(rest[1][:1500], 0.4, 10, seed)), "accuracy"
    else:
        train = tail(rest, 50 if kind == "tail" else 20, 300)
    if kind == "noisy-tail":
        train = train[0], flipped(train[1], 0.3, 10, seed)
    return made(f"fashion-{kind}", "multiclass", train, test, mlp(196, 10), metric, validation), audit


def brightness(seed: int) -> tuple[Task, Data]:
    """How bright the lower half of a Fashion-MNIST image is, from its upper half.

    One in five of the 1,500 training targets was raised by a lot.
    """

    def halves(part: Data) -> Data:
        images = part[0].view(-1, 14, 14)
        return images[:, :7].flatten(1), 4 * images[:, 7:].mean((1, 2))

    train, test, audit = (halves(part) for part in fashion_parts(seed))
    validation, train = (train[0][:1500], train[1][:1500]), (train[0][1500:3000], train[1][1500:3000])
    task = made("fashion-outliers", "regression", raised(train, seed), test, mlp(98, 1), "mae", validation)
    return task, audit


def raised(data: Data, seed: int) -> Data:
    """One in five targets raised by up to 8."""
    draw = torch.Generator().manual_seed(seed)
    wrong = torch.rand(len(data[1]), generator=draw) < 0.2
    return data[0], data[1] + wrong * 8 * torch.rand(len(wrong), generator=draw)


def mnist1d(seed: int) -> tuple[Task, Data]:
    """MNIST-1D with a quarter of the training labels drawn at random."""
    from mnist1d.data import get_dataset_args, make_dataset

    settings = get_dataset_args()
    settings.num_samples = 30_000
    found = make_dataset(settings)
    data = (
        torch.as_tensor(np.concatenate([found["x"], found["x_test"]]), dtype=torch.float32),
        torch.as_tensor(np.concatenate([found["y"], found["y_test"]])).long(),
    )
    known, test, audit = dealt(data, seed, (0.12, 0.1))
    train, validation = parted(known, 0.4)
    train = (train[0], flipped(train[1], 0.25, 10, seed))
    return made("mnist1d-noisy", "multiclass", train, test, mlp(40, 10), "accuracy", validation), audit


def river_data(name: str) -> tuple[Tensor, list[Any]]:
    """The inputs (N, F) and what is to be predicted of them, of a data set that river ships."""
    import river.datasets

    samples = list(getattr(river.datasets, name)())
    return torch.tensor([list(map(float, x.values())) for x, _ in samples]), [y for _, y in samples]


def segments(seed: int) -> tuple[Task, Data]:
    """Image segments of seven kinds, where two in five of each second kind are called the kind after it."""
    inputs, words = river_data("ImageSegments")
    names = sorted(set(words))
    known, test, audit = dealt((inputs, torch.tensor([names.index(w) for w in words])), seed, (0.6, 0.15))
    train, validation = parted(known, 1 / 3)
    draw = torch.Generator().manual_seed(seed)
    wrong = (train[1] % 2 == 0) & (torch.rand(len(train[1]), generator=draw) < 0.4)
    train = (train[0], torch.where(wrong, (train[1] + 1) % len(names), train[1]))
    return made("segments-swapped", "multiclass", train, test, mlp(18, 7), "macro_f1", validation), audit


def banana(seed: int) -> tuple[Task, Data]:
    """Two bent clouds, of one of which one sample in twelve is kept for training."""
    inputs, words = river_data("Bananas")
    known, test, audit = dealt((inputs, torch.tensor([float(word) for word in words])), seed, (0.5, 0.2))
    train, validation = parted(known, 0.25)
    train = rare(train, 1 / 12, seed)
    return made("banana-rare", "binary", train, test, mlp(2, 1), "f1", validation), audit


def rare(data: Data, share: float, seed: int) -> Data:
    """This share of those that say yes kept, and all that say no."""
    chance = torch.rand(len(data[1]), generator=torch.Generator().manual_seed(seed))
    keep = (data[1] == 0) | (chance < share)
    return data[0][keep], data[1][keep]


def cancer(seed: int, kind: str) -> tuple[Task, Data]:
    """Breast cancer: a third of the benign called malignant, or one malignant in twenty kept."""
    inputs, labels = sklearn_data("breast_cancer")
    known, test, audit = dealt((inputs, 1.0 - labels.float()), seed, (0.6, 0.2))
    train, validation = parted(known, 1 / 3)
    if kind == "noisy":
        chance, metric = (
            torch.rand(len(train[1]), generator=torch.Generator().manual_seed(seed)),
            "balanced_accuracy",
        )
        train = (train[0], torch.where((train[1] == 0) & (chance < 0.33), torch.ones(()), train[1]))
    else:
        train, metric = rare(train, 0.12, seed), "f1"
    return made(f"cancer-{kind}", "binary", train, test, mlp(30, 1, 16), metric, validation), audit


def yeast(seed: int) -> tuple[Task, Data]:
    """The 14 labels of yeast genes, of which the rarest has 34 samples; macro-F1 counts them all alike."""
    inputs, labels = river_data("Yeast")
    truth = torch.tensor([list(map(float, row.values())) for row in labels])
    train, test, audit = dealt((inputs, truth), seed, (0.4, 0.3))
    return made("yeast", "multilabel", train, test, mlp(103, 14), "macro_f1"), audit


def diabetes(seed: int) -> tuple[Task, Data]:
    """Diabetes, with one in five training targets raised by a lot."""
    inputs, targets = sklearn_data("diabetes")
    known, test, audit = dealt((inputs, targets.float() / 77), seed, (0.6, 0.2))
    train, validation = parted(known, 1 / 3)
    train = raised(train, seed)
    return made("diabetes-outliers", "regression", train, test, mlp(10, 1, 16), "mae", validation), audit


def late(seed: int) -> tuple[Task, Data]:
    """Diabetes, judged by the 0.8 quantile, as one who must not be late would."""
    inputs, targets = sklearn_data("diabetes")
    train, test, audit = dealt((inputs, targets.float() / 77), seed, (0.5, 0.25))
    return made("diabetes-quantile", "regression", train, test, mlp(10, 1, 16), "pinball@0.8"), audit


def made(
    name: str,
    kind: Any,
    train: Data,
    test: Data,
    model: Callable[[], nn.Module],
    metric: str,
    validation: Data | None = None,
) -> Task:
    """A task that folds its training part, unless it has a validation part."""
    return Task(
        name=name,
        kind=kind,
        train=train,
        validation=validation,
        test=test,
        model=model,
        metric=metric,
        recipe={"epochs": 20, "batch_size": 64, "optimizer": "adam", "learning_rate": 5e-3},
    )


TASKS: dict[str, Callable[[int], tuple[Task, Data]]] = {
    "digits-noisy": lambda seed: digits(seed, "noisy"),
    "digits-tail": lambda seed: digits(seed, "tail"),
    "fashion-noisy": lambda seed: fashion(seed, "noisy"),
    "fashion-tail": lambda seed: fashion(seed, "tail"),
    "fashion-noisy-tail": lambda seed: fashion(seed, "noisy-tail"),
    "mnist1d-noisy": mnist1d,
    "segments-swapped": segments,
    "banana-rare": banana,
    "cancer-noisy": lambda seed: cancer(seed, "noisy"),
    "cancer-rare": lambda seed: cancer(seed, "rare"),
    "yeast": yeast,
    "diabetes-outliers": diabetes,
    "diabetes-quantile": late,
    "fashion-outliers": brightness,
}


def audited(name: str, seed: int, trials: int) -> dict[str, Any]:
    """One task searched three ways, and all that they hand out on its audit data."""
    task, audit = TASKS[name](seed)
    started = time.monotonic()
    plan = Plan(trials=trials, seeds=2 if task.validation is None else 4, insight=False, seed=seed)
    counts = constants_of(task.kind, task.train[1], task.classes).get("class_counts")
    space = space_from("auto", task.kind, None if counts is None else counts.tolist(), str(task.metric))
    runner = Trainer(task, folds=plan.folds, seed=seed, workers=1)
    ledger = MemoryLedger()
    found = conduct(task, space, plan, runner, ledger, SilentProgress()).verdict
    assert found is not None
    document = found.to_json()
    seconds = time.monotonic() - started
    handed = {
        "lossmith": _handed(ledger, found.recommended),
        "best standard": _handed(ledger, found.best_standard),
    }
    if found.challenger is not None:
        handed["challenger"] = _handed(ledger, found.challenger)
    sign = task.measure.sign
    for label, sampler in (("random search", "random"), ("TPE alone", "tpe")):
        begun = MemoryLedger({key: unit for key, unit in ledger.units.items() if key[0] == "headroom"})
        context = SearchContext(
            task, plan, proposer_for(task, space, plan, sampler), runner, begun, SilentProgress()
        )
        tuned = headroom(context)
        context = in_extended_space(context, space, tuned, sampler)
        best = best_of(explore(context, tuned.trials), sign)
        if best is not None:
            handed[label] = (best.candidate, ())
    usual = kind_named(task.kind).usual_loss
    for label, standard in (("CE or mse", usual), ("CE, cut-off tuned", f"{usual}{TUNED}")):
        if standard in tuned.best:
            handed[label] = (tuned.best[standard].candidate, tuned.best[standard].outcome.offsets)
    rows = _measured(replace(task, test=audit), handed, seed)
    return {
        "task": name,
        "seed": seed,
        "kind": task.kind,
        "metric": task.metric,
        "better": document["better"],
        "crowned": document["race"]["crowned"],
        "standard": document["best_standard"]["standard"],
        "formula": document["winner"]["formula"],
        "difference": document["difference"],
        "race": document["race"],
        "seconds": seconds,
        "rows": rows,
    }


Handed = tuple[Candidate, tuple[float, ...]]  # a loss with its recipe, and the offsets of its cut-off


def _handed(ledger: MemoryLedger, entrant: Entrant) -> Handed:
    trials: Iterator[Trial] = (t for unit in ledger.units.values() for t in unit.trials)
    return next(t.candidate for t in trials if t.number == entrant.number), entrant.offsets


def _measured(task: Task, handed: dict[str, Handed], seed: int) -> dict[str, dict[str, float]]:
    """Each candidate's mean score on the task's test part, less that of the best standard loss."""
    repeats = [Repeat(100_000 + i) for i in range(REFITS)]
    tested = Trainer(task, seed=seed, workers=1).test(
        [candidate for candidate, _ in handed.values()], repeats
    )
    tested = with_cutoffs(tested, [offsets for _, offsets in handed.values()], task.measure)
    assert tested.outputs is not None
    drawn = bootstrap_scores(task.measure, tested.outputs, task.test[1], seed)
    means = tested.scores.double().mean(1).tolist()
    names = list(handed)
    base = names.index("best standard")
    rows = {}
    for place, label in enumerate(names):
        found = compare(drawn, place, base, means[place] - means[base], task.measure.sign)
        good = task.measure.sign
        low, high = sorted((good * found.ci_low, good * found.ci_high))
        rows[label] = {"score": means[place], "gain": good * found.difference, "low": low, "high": high}
    return rows


COLUMNS = ("lossmith", "best standard", "random search", "TPE alone", "CE or mse", "CE, cut-off tuned")


def table(results: list[dict[str, Any]]) -> Iterator[str]:
    """The results as Markdown; + better and - worse than the best standard loss beyond chance."""
    yield "| task | metric | seed | " + " | ".join(COLUMNS) + " |"
    yield "|---|---|---|" + "---|" * len(COLUMNS)
    for result in sorted(results, key=lambda found: (list(TASKS).index(found["task"]), found["seed"])):
        cells = []
        for name in COLUMNS:
            row = result["rows"].get(name)
            mark = "" if row is None else " +" if row["low"] > 0 else " -" if row["high"] < 0 else ""
            cells.append("" if row is None else f"{row['score']:.4f}{mark}")
        about = (result["task"], result["metric"], str(result["seed"]))
        yield "| " + " | ".join((*about, *cells)) + " |"
    for name in COLUMNS:
        rows = [result["rows"][name] for result in results if name in result["rows"]]
        better, worse = sum(r["low"] > 0 for r in rows), sum(r["high"] < 0 for r in rows)
        yield f"{name}: better in {better}, worse in {worse} of {len(rows)}"


def main() -> None:
    """Search, a line of JSON for each task, and the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=2048, help="losses explored (default 2048)")
    parser.add_argument("--seed", type=int, default=0, help="of the data and the search (default 0)")
    parser.add_argument("--only", action="append", choices=TASKS, help="these tasks alone")
    parser.add_argument("--out", type=Path, help="where the lines go, beside standard output")
    parser.add_argument("--table", type=Path, nargs="+", help="make the table of such files and run nothing")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.table:
        results = [json.loads(line) for path in asked.table for line in path.read_text().splitlines()]
    else:
        results = []
        for name in asked.only or TASKS:
            results.append(audited(name, asked.seed, asked.trials))
            print(json.dumps(results[-1]), flush=True)
            if asked.out:
                with asked.out.open("a") as file:
                    file.write(json.dumps(results[-1]) + "\n")
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
