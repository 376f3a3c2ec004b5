"""`lossmith compare`: what is refused at the door, and what is kept and printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import lossmith.experiments as lossmith
from lossmith.experiments.cli import main
from lossmith.experiments.spec.comparing import compared_spec
from lossmith.losses import standard_spec
from lossmith.losses.family import registry

from .conftest import blobs

SMALL = {"repeats": {"seeds": 2, "folds": 2}, "race": {"seeds": 2}, "verdict": {"seeds": 3}}
OWN = """
def mine(logits, targets):
    return (logits.logsumexp(1) - logits.gather(1, targets[:, None])[:, 0]) ** 2
"""
BAD_INPUT: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "no loss": (["digits"], ("at least two losses", "--all")),
    "one loss": (["digits-longtail", "focal"], ("at least two losses", "focal")),
    "unknown loss": (["digits-longtail", "cross_entropy", "focla"], ("focla", "did you mean focal")),
    "another kind": (["digits-longtail", "cross_entropy", "huber"], ("huber is for regression",)),
    "twice": (["digits-longtail", "cross_entropy", "cross_entropy"], ("one loss",)),
    "outside": (["digits-longtail", "cross_entropy", "focal:gamma=-1"], ("focal.gamma", "-1")),
    "no such task": (["digit", "cross_entropy", "focal"], ("digit", "did you mean digits")),
    "no target": (["data.csv", "cross_entropy", "focal"], ("--target", "a, b")),
    "no such table": (["gone.csv", "mse", "mae", "--target", "b"], ("gone.csv",)),
    "target without a table": (
        ["digits-longtail", "focal", "gce", "--target", "b"],
        ("--target", "digits-longtail"),
    ),
    "no such file of a loss": (["digits-longtail", "focal", "gone.py:mine"], ("gone.py",)),
    "a file without a loss": (["digits-longtail", "focal", "mine.py"], ("FILE:OBJECT", "mine.py")),
    "no such object": (["digits-longtail", "focal", "mine.py:mein"], ("did you mean mine",)),
    "no such document": (["digits-longtail", "focal", "gone.json"], ("gone.json",)),
    "not a document": (["digits-longtail", "focal", "bad.json"], ("bad.json", "JSON")),
    "a document of no loss": (["digits-longtail", "focal", "empty.json"], ("`loss`", "empty.json")),
    "a bad time": (["digits-longtail", "focal", "gce", "--time-limit", "soon"], ("time_limit", "soon")),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a table, a loss of one's own and some files that are no loss."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_own", dict(registry._own))  # what is registered here stays here
    monkeypatch.delenv("LOSSMITH_HOME", raising=False)
    (tmp_path / "data.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (tmp_path / "mine.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    (tmp_path / "empty.json").write_text("{}", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("mistake", BAD_INPUT)
def test_a_mistake_is_one_line_and_leaves_nothing(
    mistake: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, one line that names what is wrong, nothing printed as a result and no folder made."""
    words, told = BAD_INPUT[mistake]
    assert main(["compare", *words]) == 2
    out, error = capsys.readouterr()
    assert not out
    lines = error.strip().splitlines()
    assert len(lines) == 1, error
    assert all(word in lines[0] for word in told), lines[0]
    assert not (folder / "lossmith-data").exists()


def test_files_of_losses_become_parts_of_the_spec(folder: Path) -> None:
    """An own loss is a term of the space, by its absolute path, and a loss.json stands in the SPEC itself."""
    document = {"loss": standard_spec("gce", "multiclass").to_json()}
    (folder / "loss.json").write_text(json.dumps(document), encoding="utf-8")
    spec = compared_spec("digits", ["cross_entropy", "mine.py:mine", "loss.json"])
    assert spec.space == {"preset": "auto", "terms": [f"{folder.resolve()}/mine.py:mine"]}
    assert spec.compare.losses == ["cross_entropy", "mine", {"name": "loss.json", **document}]
    assert spec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.end_to_end
def test_a_comparison_is_kept_and_shown_like_a_search(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Python function returns the verdict; `show`, `report` and `export` know the comparison by name."""
    losses = ["cross_entropy", "focal:gamma=3", "mine.py:mine"]
    found = lossmith.compare(blobs(), losses, spec=SMALL, name="three", workdir=folder / "kept")
    assert found.compared is not None
    assert [p.loss for p in found.compared.pairs if p.other == "cross_entropy"][:2] == [losses[1], "mine"]
    where = ["--workdir", str(folder / "kept")]
    capsys.readouterr()
    assert main(["show", "three", "--json", *where]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["verdict"]["compared"]["answer"] == found.compared.answer
    assert main(["show", "three", *where]) == 0
    told = capsys.readouterr().out
    assert all(pair.sentence in told for pair in found.compared.pairs)
    assert main(["report", "three", "--to", "page.html", *where]) == 0
    assert found.compared.answer[1:] in (folder / "page.html").read_text(encoding="utf-8")
    assert main(["export", "three", "--to", "loss", *where]) == 0
    assert (folder / "loss" / "loss.json").is_file()
