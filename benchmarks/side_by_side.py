"""Trials per second of this checkout beside another one's, in one run: what has become slower shows.

    python benchmarks/side_by_side.py --against PATH [--work mlp128 mlp32 heads heads2 cnn] [--rounds 5]
                                      [--json FILE]

The works are those of benchmarks/trials_per_second.py, each checkout's own. The two checkouts take turns,
each time in a new process, the first in every other round the second in the next; medians count. With --json
the figures are kept, such as beside a release. It exits with 1 where a work is slower than `SLOWEST` of
PATH's trials per second.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).resolve().parent.parent
FOLDERS = ("losses", "spaces", "search", "experiments")
WORKS = ("mlp128", "mlp32", "heads", "heads2", "cnn")
SLOWEST = 0.97

# Run with the other checkout's modules before ours on the path; the benchmark's own code is that checkout's.
CHILD = """
import runpy, sys
_, file, name, scale = sys.argv
bench = runpy.run_path(file)
work = bench["WORK"][name]
rate, engine = bench["lossmith"](work, max(1, round(work.trials[0] * float(scale))))
print(f"RATE {rate} {engine}")
"""


def linked(checkout: Path, folder: Path) -> Path:
    """A folder for PYTHONPATH in which lossmith is the code of a checkout."""
    package = folder / "lossmith"
    package.mkdir(parents=True)
    for name in FOLDERS:
        (package / name).symlink_to(checkout / name)
    return folder


def rate(checkout: Path, path: Path, work: str, scale: float) -> tuple[float, str]:
    """Trials per second of a work with a checkout's code, in a process of its own, and the engine."""
    file = checkout / "benchmarks" / "trials_per_second.py"
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(file), work, str(scale)],
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RATE ")]
    if done.returncode or not lines:
        raise SystemExit(f"{checkout}: {work} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    _, number, engine = lines[-1].split(" ", 2)
    return float(number), engine


def compared(against: Path, works: list[str], rounds: int, scale: float) -> list[dict[str, Any]]:
    """The medians of each work on both sides, with every round."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        sides = {
            "here": (HERE, linked(HERE, Path(folder) / "here")),
            "there": (against, linked(against, Path(folder) / "there")),
        }
        for work in works:
            found: dict[str, list[float]] = {name: [] for name in sides}
            engines: dict[str, str] = {}
            for index in range(rounds):
                for name in sorted(sides, reverse=bool(index % 2)):
                    number, engines[name] = rate(*sides[name], work, scale)
                    found[name].append(number)
                pair = {name: round(numbers[-1], 2) for name, numbers in found.items()}
                print(f"{work} round {index + 1}: {pair} ({engines})", flush=True)
            medians = {name: statistics.median(numbers) for name, numbers in found.items()}
            ratios = [here / there for here, there in zip(found["here"], found["there"], strict=True)]
            rows.append(
                {
                    "work": work,
                    **medians,
                    "ratio": medians["here"] / medians["there"],
                    "median_of_ratios": statistics.median(ratios),
                    "rounds": found,
                    "engines": engines,
                }
            )
    return rows


def commit(checkout: Path) -> str:
    """The commit of a checkout, in short."""
    git = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def main() -> None:
    """Run the rounds, print the table, and end with 1 where this checkout is slower."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--against", type=Path, required=True, help="another checkout of lossmith")
    parser.add_argument("--work", nargs="*", choices=WORKS, default=list(WORKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="trials of each work, times this")
    parser.add_argument("--json", type=Path, help="where to keep the figures")
    options = parser.parse_args()
    against = options.against.resolve()
    rows = compared(against, options.work, options.rounds, options.scale)
    print("\n| work | here | there | ratio of medians | median of ratios |\n|---|---|---|---|---|")
    for row in rows:
        figures = (
            f"{row['here']:.1f} | {row['there']:.1f} | {row['ratio']:.3f} | {row['median_of_ratios']:.3f}"
        )
        print(f"| {row['work']} | {figures} |")
    machine = f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, torch {torch.__version__}"
    print(f"\nhere {commit(HERE)}, there {commit(against)}; {machine}, {time.strftime('%Y-%m-%d')}")
    if options.json:
        document = {"here": commit(HERE), "there": commit(against), "machine": machine, "rows": rows}
        options.json.write_text(json.dumps(document, indent=1))
    if any(row["ratio"] < SLOWEST for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
