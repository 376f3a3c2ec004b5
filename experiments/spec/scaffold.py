"""The files that a new task begins with; they run as they are and are made to be edited."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from ...losses import UserError

_SPEC = Template("""\
# What to search for. Run it:  lossmith search $name.yaml
$task
trials: 64            # losses to try, besides the standard ones; more is better
# time_limit: 10m     # and/or about how long the search may take in all
repeats: {seeds: 2, folds: 4}  # 2 x 4 trainings of every loss; no folds where there is a validation part
space: auto           # the preset that suits the task; `lossmith losses` lists what losses are made of
headroom: warn        # stop: end early where the standard losses cannot be told apart
seed: 0
# recipe: {epochs: 30, learning_rate: 0.003}  # overrides what the task says
""")

_TASK_LINE = Template("task: $module.py:task")

_TABLE_LINES = Template("""\
task:
  file: $file
  target: $target
  # All of the following is inferred or has a default; say it to change it.
  # kind: $kind        # multiclass, binary, multilabel (target: a list of columns), regression
  # metric: $metric
  # test: 0.2               # the share set aside for the verdict, or another file
  # drop: [id]              # columns that are no inputs
  # groups: patient         # a column: rows that share a value are never torn apart
  # time: date              # a column: nothing is predicted from what came later
  # hidden: [64, 64]        # the hidden layers of the MLP""")

_TASK = Template('''\
"""The task $name: what there is to learn, and how. Replace what is marked with <- by your own."""

from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

from lossmith.search import Task


def task() -> Task:
    """Called once when the search begins."""
    inputs, labels = load_wine(return_X_y=True)  # <- arrays or tensors, samples along the first axis
    train_x, test_x, train_y, test_y = train_test_split(
        inputs, labels, test_size=0.3, stratify=labels, random_state=0
    )
    scaler = StandardScaler().fit(train_x)  # learnt from the training part alone
    return Task(
        name="$name",
        kind="multiclass",  # <- binary, multilabel or regression
        train=(scaler.transform(train_x), train_y),
        test=(scaler.transform(test_x), test_y),  # sealed: read once, by the verdict
        # validation=(x, y),    # without it, lossmith folds the training part
        # groups=patients,      # one value per training sample: equal ones are never torn apart
        model=model,
        metric="macro_f1",  # <- a name, or a function of (outputs, targets) that gives a number
        recipe={"epochs": 30, "batch_size": 32, "optimizer": "adam"},
    )


def model() -> nn.Module:
    """A fresh model at each call, built on the CPU; it returns logits (or predictions, for regression)."""
    return nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 3))  # <- any nn.Module
''')


@dataclass(frozen=True)
class TableStart:
    """A table that is a task.

    Attributes:
        file: Its path, as it was given.
        targets: The columns to predict.
        kind: The kind of problem that they suggest.
        metric: The metric that they suggest.
    """

    file: str
    targets: tuple[str, ...]
    kind: str
    metric: str


def start(name: str, folder: Path, table: TableStart | None = None) -> list[Path]:
    """Write NAME.yaml, and a task file beside it unless a table is the task; nothing is overwritten.

    Args:
        name: The name of the task.
        folder: Where the files go.
        table: The table that is the task.

    Returns:
        The files.

    Raises:
        UserError: The name makes no file name, or one of the files is there already: then none is written.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,99}", name):
        raise UserError(
            f"a new task must be named with a letter and then letters, digits, - or _, but got {name!r}"
        )
    module = re.sub(r"\W", "_", name)
    words = {"name": name, "module": module}
    if table is None:
        task = _TASK_LINE.substitute(words)
        texts = {f"{module}.py": _TASK.substitute(words)}
    else:
        names = [_quoted(target) for target in table.targets]
        target = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
        task, texts = (
            _TABLE_LINES.substitute(
                file=_quoted(table.file), target=target, kind=table.kind, metric=table.metric
            ),
            {},
        )
    texts[f"{name}.yaml"] = _SPEC.substitute(words, task=task)
    return _written({folder / file: text for file, text in texts.items()})


def _written(texts: dict[Path, str]) -> list[Path]:
    for path in texts:
        if path.exists():
            raise UserError(f"lossmith new must not overwrite, but {path} exists; choose another name")
    made: list[Path] = []
    try:
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                made.append(path)
                file.write(text)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        raise UserError(f"the files of a new task must be written, but they cannot be: {error}") from error
    return made


def _quoted(text: str) -> str:
    """Text as YAML reads it back."""
    if re.fullmatch(r"[A-Za-z_./][\w./-]*( [\w./-]+)*", text) and text.lower() not in _YAML_WORDS:
        return text
    return "'" + text.replace("'", "''") + "'"


_YAML_WORDS = {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
