"""A loss in a user's file is run as a task's file is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lossmith.losses import UserError
from lossmith.losses.custom import load_loss

LOSS = """
from torch.nn import functional as F
{top}

def mine(outputs, targets):
    {inside}
    return {module}.FACTOR * F.cross_entropy(outputs, targets, reduction="none")
"""


def written(folder: Path, module: str, factor: int, place: str = "top") -> str:
    """FILE:OBJECT of a loss that reads its factor from the module beside it."""
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(f"FACTOR = {factor}\n")
    line = f"import {module}"
    parts = {"top": line if place == "top" else "", "inside": line if place != "top" else "pass"}
    (folder / "losses_of_mine.py").write_text(LOSS.format(module=module, **parts))
    return f"{folder / 'losses_of_mine.py'}:mine"


def factor_of(place: str) -> float:
    """What the loss at this place multiplies cross entropy by."""
    outputs, targets = torch.zeros(2, 3), torch.tensor([0, 2])
    return float(load_loss(place).function(outputs, targets).mean() / torch.tensor(3.0).log())


@pytest.mark.parametrize("place", ["top", "inside"])
def test_a_loss_file_may_import_its_neighbours(tmp_path: Path, place: str) -> None:
    """A module beside the file can be imported, at its top and later, when the loss is called."""
    assert factor_of(written(tmp_path, f"beside_{place}", 3, place)) == pytest.approx(3)


def test_neighbours_of_one_name_are_each_files_own(tmp_path: Path) -> None:
    """Two files of one name in two folders read the module beside them, not the one that came first."""
    places = [written(tmp_path / name, "shared_name", factor) for name, factor in (("a", 2), ("b", 5))]
    assert [factor_of(place) for place in places] == pytest.approx([2, 5])
    assert [factor_of(place) for place in reversed(places)] == pytest.approx([5, 2])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_module\n", "ModuleNotFoundError"),
        ("import sys; sys.exit('bye')\n", "SystemExit: bye"),
        ("def mine(:\n", "SyntaxError"),
    ],
)
def test_a_loss_file_that_fails_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    """What it raises is said with the file's name, as for a task's file."""
    file = tmp_path / "broken.py"
    file.write_text(text)
    with pytest.raises(UserError, match=r"the loss file .*broken\.py cannot be run") as caught:
        load_loss(f"{file}:mine")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_loss_file_must_be_python(tmp_path: Path) -> None:
    """A file of another ending is refused in one line."""
    (tmp_path / "loss.txt").write_text("")
    with pytest.raises(UserError, match=r"must be a Python file, whose name ends in \.py"):
        load_loss(f"{tmp_path / 'loss.txt'}:mine")
