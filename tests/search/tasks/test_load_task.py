"""A task by its name, or from a user's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from lossmith.losses import UserError
from lossmith.search import load_task
from lossmith.search.tasks import builtin as tasks
from lossmith.search.tasks.builtin import built_in

GOOD = """
import torch
from torch import nn

from lossmith.search import Task


def clouds():
    labels = torch.arange(30) % 3
    data = (torch.eye(3)[labels] + torch.randn(30, 3, generator=torch.Generator().manual_seed(0)), labels)
    return Task(
        name="clouds",
        kind="multiclass",
        train=data,
        test=data,
        model=lambda: nn.Linear(3, 3),
        metric="accuracy",
    )
"""


def written(folder: Path, text: str, name: str = "mine.py") -> str:
    """The path of a file with this text."""
    path = folder / name
    path.write_text(text)
    return str(path)


def test_a_task_comes_from_a_file(tmp_path: Path) -> None:
    """`path/to/file.py:function` is the task that the function returns."""
    assert load_task(f"{written(tmp_path, GOOD)}:clouds").name == "clouds"


def test_a_relative_path_is_one_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`load_task` looks nowhere else; files beside a SPEC are found by whoever reads the SPEC."""
    written(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path)
    assert load_task("mine.py:clouds").name == "clouds"


@pytest.mark.parametrize("place", ["top", "function"])
def test_a_task_file_may_import_its_neighbours(tmp_path: Path, place: str) -> None:
    """A module beside the task file can be imported, at the top as well as inside the function."""
    written(tmp_path, "NAME = 'from a neighbour'", f"neighbour_{place}.py")
    line = f"import neighbour_{place}"
    text = GOOD.replace('name="clouds"', f"name=neighbour_{place}.NAME")
    text = f"{line}\n{text}" if place == "top" else text.replace("    labels =", f"    {line}\n    labels =")
    assert load_task(f"{written(tmp_path, text)}:clouds").name == "from a neighbour"


def test_classes_of_a_task_file_know_their_module(tmp_path: Path) -> None:
    """Dataclasses, which look their own module up, work in a task file."""
    text = GOOD.replace(
        "\n\ndef clouds",
        "\n\nfrom __future__ import annotations\nfrom dataclasses import dataclass\n\n\n"
        "@dataclass\nclass Sizes:\n    width: int = 3\n\n\ndef clouds",
    )
    future = "from __future__ import annotations\n"
    text = future + text.replace(future, "")
    assert load_task(f"{written(tmp_path, text)}:clouds").name == "clouds"


@pytest.mark.parametrize(("module", "name"), [("blobs", "blobs"), ("two_moons", "two-moons"), ("x1", "x1")])
def test_every_module_of_the_tasks_with_a_task_is_built_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    """The shape of a file's name does not matter; a file without a function `task` is none."""
    written(tmp_path, GOOD.replace("clouds", "task"), f"{module}.py")
    written(tmp_path, "WIDTH = 3", f"help_for_{module}.py")
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    assert load_task(name).name == "task"
    assert set(built_in()) == {"digits-longtail", "digits-noisy", name}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("digits-longtial", ("'digits-longtial'", "did you mean digits-longtail")),
        ("mnist", ("'mnist'", "digits-longtail", "digits-noisy")),
        ("", ("unknown built-in task", "choose from")),
        ("file.py", ("file.py:function", "'file.py'")),
        ("file.py:", ("file.py:function", "'file.py:'")),
        (":function", ("file.py:function", "':function'")),
        ("nowhere.py:task", ("nowhere.py", "does not exist")),
    ],
)
def test_an_unknown_task_is_one_line(name: str, said: tuple[str, ...]) -> None:
    """A name that is no task says what there is, or how a task in a file is written."""
    with pytest.raises(UserError) as caught:
        load_task(name)
    assert len(str(caught.value).splitlines()) == 1
    for word in said:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "function", "said"),
    [
        ("", "", "cloud", ("'cloud'", "did you mean clouds")),
        ("", "", "nn", ("function", "'nn'")),
        ("import torch\n", "import torhc\n", "clouds", ("cannot be run", "torhc", "line 2")),
        ("def clouds():", "def clouds(:", "clouds", ("cannot be run", "SyntaxError", "mine.py")),
        ("import torch\n", "import sys; sys.exit('bye')\n", "clouds", ("cannot be run", "SystemExit", "bye")),
        ("def clouds():", "def clouds(size):", "clouds", ("cannot be made", "TypeError", "size")),
        (
            "    labels =",
            "    raise OSError('no\\ndisk')\n    labels =",
            "clouds",
            ("OSError: no disk", "line 9"),
        ),
        ("    labels =", "    raise SystemExit\n    labels =", "clouds", ("cannot be made", "SystemExit")),
        ("return Task(", "return dict(", "clouds", ("lossmith.search.Task", "dict")),
        ('"accuracy"', '"acuracy"', "clouds", ("'acuracy'", "did you mean accuracy")),
    ],
)
def test_a_task_file_that_fails_is_one_line(
    tmp_path: Path, old: str, new: str, function: str, said: tuple[str, ...]
) -> None:
    """Whatever the user's file does, the error is one line that says what happened and where."""
    with pytest.raises(UserError) as caught:
        load_task(f"{written(tmp_path, GOOD.replace(old, new, 1))}:{function}")
    assert len(str(caught.value).splitlines()) == 1
    for word in said:
        assert word in str(caught.value)


def test_ctrl_c_in_a_task_file_is_ctrl_c(tmp_path: Path) -> None:
    """An interrupt while the user's function runs is not taken for a mistake of the user's."""
    text = GOOD.replace("    labels =", "    raise KeyboardInterrupt\n    labels =")
    with pytest.raises(KeyboardInterrupt):
        load_task(f"{written(tmp_path, text)}:clouds")
