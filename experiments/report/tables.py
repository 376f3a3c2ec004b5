"""What each picture shows, as a table: for screen readers, for paper, and for who wants the numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .figures.shape import compared, named
from .figures.trials import RATE, complete
from .figures.verdict import comparisons

Document = Mapping[str, Any]
BEST = 12  # trials of a table of the best


@dataclass(frozen=True)
class Table:
    """A head and rows of text; the first cell of a row names it. `numeric` columns are set to the right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


def table(head: Sequence[str], rows: Iterator[Sequence[str]], *, words: Sequence[int] = (0,)) -> Table:
    """A table whose columns are numbers, but for those in `words`."""
    made = tuple(tuple(row) for row in rows)
    return Table(tuple(head), made, frozenset(range(len(head))) - frozenset(words))


def verdict(document: Document) -> Table:
    """The winner and every loss it was compared with."""
    said = document["verdict"]
    own = said["scores"]["winner"]
    first = (
        f"{said['winner']['standard'] or 'searched loss'} (winner)", f"{own['mean']:.4f}", f"{own['sd']:.4f}",
        f"{said['winner']['learning_rate']:.3g}", "", "", "", "", "",
    )  # fmt: skip

    def rows() -> Iterator[Sequence[str]]:
        yield first
        for name, row in comparisons(document):
            yield (
                name, f"{row['mean']:.4f}", f"{row['sd']:.4f}", f"{row['learning_rate']:.3g}",
                f"{row['difference']:+.4f}", f"{row['ci_low']:+.4f} to {row['ci_high']:+.4f}",
                chance(row.get("p_value_holm", row["p_value"])), _effect(row), chance(row["wilcoxon_p"]),
            )  # fmt: skip

    metric = said["metric"]
    head = (
        "loss", metric, "sd", "learning rate", "winner minus loss", "95% interval", "p (Holm)",
        "effect (d)", "p (Wilcoxon, refits)",
    )  # fmt: skip
    return table(head, rows())


def _effect(row: Mapping[str, Any]) -> str:
    size = row["effect_size"]
    return "" if size is None else f"{size:+.2f}"


def elsewhere(document: Document) -> Table:
    """The searched loss with the full model, on other tasks, and random search: what there is of it."""
    said = document.get("verdict") or {}

    def rows() -> Iterator[Sequence[str]]:
        if (full := said.get("confirmation")) is not None:
            yield _compared(
                "with the full model", full, full["searched"], full["best_standard"], "the standard loss"
            )
        for task, row in (said.get("transfer") or {}).items():
            if "scores" not in row:  # nothing could be trained there
                yield (f"on {task}", row["sentence"], "", "", "", "")
                continue
            scores = row["scores"]
            yield _compared(
                f"on {task}", row, scores["searched"], scores["best_standard"], row["best_standard"]
            )
        if (rival := said.get("random_search")) is not None:
            own = said["challenger"] or said["scores"]["winner"]
            yield _compared("here", rival, own, rival, "random search")

    head = ("where", "searched loss", "the other", "its score", "searched minus other", "95% interval")
    return table(head, rows(), words=(0, 2))


def _compared(
    where: str, row: Mapping[str, Any], own: Mapping[str, Any], other: Mapping[str, Any], name: str
) -> Sequence[str]:
    return (
        where, f"{own['mean']:.4f}", name, f"{other['mean']:.4f}", f"{row['difference']:+.4f}",
        f"{row['ci_low']:+.4f} to {row['ci_high']:+.4f}",
    )  # fmt: skip


def chance(p: float) -> str:
    """A p-value for people."""
    return "below 0.0001" if p < 1e-4 else f"{p:.4f}"


def shape(document: Document) -> Table:
    """Loss and pull at a few places."""
    found = compared(document)
    regression = document["verdict"]["winner"]["loss"]["kind"] == "regression"
    places = (20, 40, 60, 80, 100)

    def rows() -> Iterator[Sequence[str]]:
        for label, lines in found.items():
            for curve in lines:
                for what, values in (("loss", curve.loss), ("slope" if regression else "pull", curve.pull)):
                    yield (f"{what}: {named(label, curve)}", *(f"{values[place]:.3f}" for place in places))

    from math import exp

    curve = next(iter(found.values()))[0]
    marks = [curve.x[place] for place in places]
    head = [f"r = {x:g}" if regression else f"p = {1 / (1 + exp(-x)):.1%}" for x in marks]
    return table(("", *head), rows())


def best(document: Document) -> Table:
    """The best complete trials, on validation data."""
    rows = (
        (
            str(t["number"]), t["standard"] or "searched", f"{t['score']:.4f}", f"{t['params'][RATE]:.3g}",
            t["formula"],
        )
        for t in complete(document)[:BEST]
    )  # fmt: skip
    return table(("trial", "kind", "score", "learning rate", "loss"), rows, words=(1, 4))


def headroom(document: Document) -> Table:
    """Every standard loss at its best learning rate, on validation data."""
    seen: dict[str, Mapping[str, Any]] = {}
    for trial in complete(document):
        if trial["phase"] == "headroom":
            seen.setdefault(trial["standard"] or "other", trial)
    rows = ((name, f"{t['score']:.4f}", f"{t['params'][RATE]:.3g}") for name, t in seen.items())
    return table(("standard loss", "best score", "at learning rate"), rows)


def learning(document: Document) -> Table:
    """The curves as numbers: those measured, or how many trials passed each rung."""
    measured = (document.get("insight") or {}).get("curves")
    if measured:
        epochs = sorted({p["epoch"] for points in measured.values() for p in points})
        shown = epochs[:: max(1, len(epochs) // 6)]

        def rows() -> Iterator[Sequence[str]]:
            for label, points in measured.items():
                by_epoch = {p["epoch"]: p["mean"] for p in points}
                yield (label, *(f"{by_epoch[e]:.4f}" if e in by_epoch else "" for e in shown))

        return table(("loss", *(f"epoch {epoch}" for epoch in shown)), rows())
    scores: dict[int, list[float]] = {}
    for trial in document["trials"]:
        for epoch, score in trial.get("rungs") or ():
            if score is not None:
                scores.setdefault(epoch, []).append(score)
    return table(
        ("epoch", "trials that reached it", "lowest", "highest"),
        (
            (str(epoch), str(len(some)), f"{min(some):.4f}", f"{max(some):.4f}")
            for epoch, some in sorted(scores.items())
        ),
        words=(),
    )


def thinning(document: Document) -> Table:
    """Why trials did not run to their end: pruned at which epoch, diverged for which reason."""
    stopped: Counter[tuple[str, str]] = Counter()
    for trial in document["trials"]:
        if trial["state"] == "pruned":
            stopped["pruned", f"behind the others at epoch {trial['epochs']}"] += 1
        elif trial["state"] == "diverged":
            stopped["diverged", (trial["reason"] or "unknown").partition(" at ")[0]] += 1
        elif trial["state"] == "rejected":
            stopped["rejected", (trial["reason"] or "unknown").partition(":")[0].partition(" at ")[0]] += 1
    rows = ((state, why, str(count)) for (state, why), count in sorted(stopped.items()))
    return table(("state", "why", "trials"), rows, words=(0, 1))


def importance(document: Document) -> Table:
    """Shares by parameter."""
    shares = document["insight"]["importance"]
    rows = sorted(shares.items(), key=lambda item: -item[1])
    return table(("parameter", "share"), ((name, f"{share:.1%}") for name, share in rows))


def ablation(document: Document) -> Table:
    """What each part earns."""
    rows = (
        (
            row["part"], f"{row['difference']:+.4f}", f"{row['ci_low']:+.4f} to {row['ci_high']:+.4f}",
            row["formula"],
        )
        for row in document["insight"]["ablation"]
    )  # fmt: skip
    return table(("without", "it earns", "95% interval", "what is left"), rows, words=(0, 3))


def sensitivity(document: Document) -> Table:
    """The score around the winner."""
    rows = (
        (name, f"{p['value']:.4g}", f"{p['score']:.4f}", "" if p.get("sd") is None else f"{p['sd']:.4f}")
        for name, points in document["insight"]["sensitivity"].items()
        for p in points
    )
    return table(("parameter", "value", "score", "sd"), rows)
