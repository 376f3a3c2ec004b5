"""A loss on disk: `loss.py`, `loss.pt2`, `loss.json`."""

from __future__ import annotations

import ast
import errno
import io
import json
import math
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lossmith.experiments.results import export as export_module
from lossmith.experiments.results.export import FILES, TOLERANCE, ExportError, Provenance, export_loss
from lossmith.experiments.results.json_text import finite, json_text
from lossmith.losses import (
    FrozenLoss,
    Kind,
    LossSpec,
    UserError,
    freeze,
    load_frozen,
    parts_for,
    source,
    standard_spec,
)
from lossmith.losses.declarations import KINDS
from lossmith.losses.frozen.pt2 import load_pt2, write_pt2
from lossmith.search import Task

from .conftest import made_verdict

pytestmark = pytest.mark.end_to_end

REPOSITORY = Path(__file__).resolve().parents[2]
COUNTS = (90, 40, 17, 8, 3)
PROVENANCE = Provenance(
    search="digits-1",
    task="digits",
    trial=3,
    answer="the winner",
    learning_rate=0.003,
    seed=0,
    status="finished",
    created_at="2026-01-01T00:00:00+00:00",
    lossmith="1",
    torch="2",
    spec={"trials": 4},
)


def everything(kind: Kind) -> LossSpec:
    """The loss that every part of its kind takes part in, at default values."""
    parameters: dict[str, float] = {}
    for name, part in parts_for(kind).items():
        parameters |= {f"{name}.{p.name}": p.default for p in part.parameters}
        if part.stage == "term":
            parameters[f"mix.{name}"] = 1.0
    counts: Any = {"multiclass": COUNTS, "binary": (90, 10), "multilabel": ((90, 10),) * 5}.get(kind)
    return LossSpec(kind, parameters).bind(counts, 2.5 if kind == "regression" else None)


LOSSES = {kind: everything(kind) for kind in KINDS} | {"unbound": standard_spec("focal", "multiclass")}

# What the subprocesses and the tests compute: value and gradient of one random batch.
MEASURE = """
import torch

def measure(loss, kind, size, classes, dtype):
    generator = torch.Generator().manual_seed(7)
    shape = (size, classes) if kind in ("multiclass", "unbound", "multilabel") else (size,)
    outputs = (3 * torch.randn(shape, generator=generator)).to(dtype).requires_grad_()
    if kind in ("multiclass", "unbound"):
        targets = torch.randint(classes, (size,), generator=generator)
    elif kind == "regression":
        targets = torch.randn(shape, generator=generator).to(dtype)
    else:
        targets = torch.randint(2, shape, generator=generator).to(dtype)
    value = loss(outputs, targets)
    value.backward()
    return [value.item(), *outputs.grad.flatten().tolist()]
"""
namespace: dict[str, Any] = {}
exec(MEASURE, namespace)  # noqa: S102  (the text above, here and in the subprocesses alike)
measure: Callable[..., list[float]] = namespace["measure"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every loss of `LOSSES`, exported into a directory of its name."""
    folder = tmp_path_factory.mktemp("exported")
    for name, spec in LOSSES.items():
        export_loss(spec, folder / name, provenance=PROVENANCE)
    return folder


def in_another_process(code: str, folder: Path, **environment: str) -> dict[str, Any]:
    """What `code` prints as JSON, run where lossmith cannot be imported; `folder` is its only argument."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE + code, str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def assert_equal(found: dict[str, list[float]], size: int, classes: int, dtype: torch.dtype) -> None:
    """Every loss gave the value and the gradient of `freeze(spec)`."""
    assert found.keys() == LOSSES.keys()
    for name, spec in LOSSES.items():
        wanted = measure(freeze(spec), name, size, classes, dtype)
        # The same operations in the same order, so this leaves room for another order of summation only.
        assert found[name] == pytest.approx(wanted, rel=1e-6, abs=1e-6), name


def test_loss_py_needs_torch_and_nothing_else(exported: Path) -> None:
    """Run where every import but torch and the standard library fails, it gives the searched loss to 1e-6."""
    code = """
import json, runpy, sys
allowed = {"torch", *sys.stdlib_module_names, "__main__"}

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            raise ImportError(f"{name} is neither torch nor the standard library")

losses = ["multiclass", "binary", "multilabel", "regression", "unbound"]
torch.zeros(1, requires_grad=True).sum().backward()  # what torch itself imports late
for name in [name for name in sys.modules if name.partition(".")[0] not in allowed]:
    del sys.modules[name]
sys.meta_path.insert(0, Nothing())
for refused in ("numpy", "lossmith.losses"):
    try:
        __import__(refused)
    except ImportError:
        continue
    sys.exit(f"{refused} can still be imported")
found = {
    name: measure(runpy.run_path(f"{sys.argv[1]}/{name}/loss.py")["Loss"](), name, 33, 5, torch.float64)
    for name in losses
}
print(json.dumps(found))
"""
    assert_equal(in_another_process(code, exported), 33, 5, torch.float64)


def test_loss_pt2_loads_where_pickle_is_refused(exported: Path) -> None:
    """With torch alone and every unpickler switched off, on batches of other sizes than the traced one."""
    code = """
import json, pickle, sys

def refuse(*_, **__):
    raise RuntimeError("something was unpickled")

sys.modules["lossmith"] = None
torch._C._pickle_load_obj = pickle.load = pickle.loads = refuse
pickle.Unpickler = pickle._Unpickler = type("Refused", (pickle._Unpickler,), {"load": refuse})
found = {"1": {}, "50": {}}
for name in ["multiclass", "binary", "multilabel", "regression", "unbound"]:
    loss = torch.export.load(f"{sys.argv[1]}/{name}/loss.pt2").module()
    for size in found:
        found[size][name] = measure(loss, name, int(size), 5, torch.float32)
print(json.dumps(found))
"""
    found = in_another_process(code, exported, TORCH_FORCE_WEIGHTS_ONLY_LOAD="1")
    for size in (1, 50):
        assert_equal(found[str(size)], size, 5, torch.float32)


def test_a_loss_that_knows_no_classes_takes_any_number_of_them(exported: Path) -> None:
    """Exported without class counts, loss.pt2 works for another number of classes than it was traced with."""
    loss = load_pt2(exported / "unbound" / "loss.pt2")
    for classes in (2, 26):
        assert measure(loss, "unbound", 9, classes, torch.float32) == pytest.approx(
            measure(freeze(LOSSES["unbound"]), "unbound", 9, classes, torch.float32), rel=1e-6, abs=1e-6
        )


@pytest.mark.parametrize("name", LOSSES)
def test_loss_json_is_read_back_as_the_same_loss(name: str, exported: Path) -> None:
    """`load_frozen` gives the spec that was exported, with its constants."""
    assert load_frozen(exported / name / "loss.json").spec == LOSSES[name].bind()


@pytest.mark.parametrize("name", LOSSES)
def test_loss_py_imports_torch_only(name: str, exported: Path) -> None:
    """No statement of the file imports anything else, late imports included."""
    tree = ast.parse((exported / name / "loss.py").read_text())
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {module.split(".")[0] for module in modules} == {"torch"}


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_tells_where_a_loss_was_exported(name: str, exported: Path) -> None:
    """No path of the exporting machine is left in any of the files."""
    with zipfile.ZipFile(exported / name / "loss.pt2") as archive:
        texts = [archive.read(entry) for entry in archive.namelist()]
    texts += [(exported / name / file).read_bytes() for file in ("loss.py", "loss.json")]
    for secret in (str(REPOSITORY), str(exported)):
        assert not [text for text in texts if secret.encode() in text]


def test_an_export_tells_its_origin(tmp_path: Path) -> None:
    """loss.json holds verdict and provenance, with null for NaN; loss.py begins with their plain values."""
    verdict = made_verdict(sentence="Not better: use focal.")
    export_loss(LOSSES["unbound"], tmp_path / "loss", verdict=verdict, provenance=PROVENANCE)
    document = json.loads((tmp_path / "loss" / "loss.json").read_text(), parse_constant=pytest.fail)
    assert document["schema"] == 1
    assert math.isnan(verdict.ahead.p_value)
    assert document["verdict"] == finite(verdict.to_json())
    assert document["provenance"] == PROVENANCE.to_json()
    assert document["formula"] == "mean[ (1 - p)^2 * (-ln p) ]"
    header = ast.get_docstring(ast.parse((tmp_path / "loss" / "loss.py").read_text())) or ""
    for line in (document["formula"], "Not better: use focal.", "search: digits-1", "learning rate: 0.003"):
        assert line in header


def test_no_provenance_can_break_out_of_the_header() -> None:
    """Whatever a search or a task is called, it stays inside the docstring of loss.py."""
    texts = ['"""', '"', "\\", "\\N{x}", "\x00", "\n\nimport os\nos._exit(3)\n", '""" + evil()', '\\"""']
    for last in texts:  # what ends the docstring has to be harmless too
        told = {str(number): text for number, text in enumerate([*texts, last])}
        header = export_module._header(made_verdict(sentence=last), told)
        tree = ast.parse(source(LOSSES["unbound"], header))
        kinds = [type(statement) for statement in tree.body]
        assert kinds[0] is ast.Expr
        assert set(kinds[1:]) <= {ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef}


def wrong_source(spec: LossSpec, provenance: str) -> str:
    """The text of another loss."""
    del spec
    return source(standard_spec("cross_entropy", "multiclass"), provenance)


def nan_source(spec: LossSpec, provenance: str) -> str:
    """The text of a loss that is never a number."""
    return source(spec, provenance).replace("return loss\n", "return loss * float('nan')\n")


def wrong_pt2(loss: FrozenLoss, outputs: Tensor, targets: Tensor, path: Path) -> None:
    """Another loss as .pt2."""
    del loss
    write_pt2(freeze(standard_spec("cross_entropy", "multiclass")), outputs, targets, path)


def wrong_json(document: Any) -> str:
    """The document of another loss."""
    return json_text({**document, "loss": standard_spec("cross_entropy", "multiclass").to_json()})


@pytest.mark.parametrize(
    ("part", "fault", "file"),
    [
        ("source", wrong_source, "loss.py"),
        ("source", nan_source, "loss.py"),
        ("write_pt2", wrong_pt2, "loss.pt2"),
        ("json_text", wrong_json, "loss.json"),
    ],
)
def test_files_that_are_not_the_loss_are_not_exported(
    part: str, fault: Callable[..., Any], file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is compared with the searched loss before it appears; a difference leaves nothing behind."""
    monkeypatch.setattr(export_module, part, fault)
    with pytest.raises(ExportError, match=f"{file} must equal the searched loss to {TOLERANCE:g}"):
        export_loss(LOSSES["unbound"], tmp_path / "a" / "loss")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_an_export_that_ends_early_leaves_nothing(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C or a full disk while writing: no files, no folders, and an earlier export is as it was."""
    earlier = export_loss(LOSSES["unbound"], tmp_path / "kept")
    before = {path: path.read_bytes() for path in earlier}

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(export_module, "write_pt2", fail)
    for target in (tmp_path / "kept", tmp_path / "new" / "loss"):
        with pytest.raises((KeyboardInterrupt, UserError)):
            export_loss(LOSSES["binary"], target)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert {path: path.read_bytes() for path in (tmp_path / "kept").iterdir()} == before


def test_a_later_export_replaces_an_earlier_one(tmp_path: Path) -> None:
    """The directory then holds the three new files and nothing else, with the rights it had."""
    target = tmp_path / "loss"
    target.mkdir()
    mode = target.stat().st_mode
    for name in ("binary", "regression"):
        files = export_loss(LOSSES[name], target)
        assert files == [target / file for file in FILES]
        assert sorted(target.iterdir()) == sorted(files)
        assert load_frozen(target / "loss.json").spec == LOSSES[name].bind()
    assert [path.name for path in tmp_path.iterdir()] == ["loss"]
    assert target.stat().st_mode == mode


def test_an_export_never_touches_what_it_did_not_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory with other files, a file and the working directory are refused, each with the remedy."""
    full, file, here = tmp_path / "full", tmp_path / "file", tmp_path / "here"
    full.mkdir()
    here.mkdir()
    (full / "train.py").touch()
    file.touch()
    monkeypatch.chdir(here)
    for target, words in (
        (full, "holds train.py"),
        (file, "is a file"),
        (Path(), "is in use"),
        (file / "loss", f"must be able to write in {file}, but cannot"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            export_loss(LOSSES["unbound"], target)
        assert "choose" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full", "here", "train.py"]


def test_a_loss_without_its_constants_is_refused(tmp_path: Path) -> None:
    """An export must work on its own, so a loss that reads class counts needs them."""
    with pytest.raises(UserError, match="reads class_counts, which is not set"):
        export_loss(standard_spec("class_balanced", "multiclass"), tmp_path / "loss")
    assert not list(tmp_path.iterdir())


class Trap:
    """Unpickling this makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.open, (str(self.path), os.O_CREAT)


def with_entry(archive: Path, name: str, content: bytes, to: Path) -> Path:
    """A copy of a .pt2 archive with one entry replaced or added."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(to, "w") as new:
        for entry in old.namelist():
            if entry != name:
                new.writestr(entry, old.read(entry))
        new.writestr(name, content)
    return to


def pickled(value: object) -> bytes:
    """`value` as torch pickles it."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "entry",
    ["loss/data/sample_inputs/model.pt", "loss/data/weights/model.pt", "loss/data/constants/custom_obj_0"],
)
def test_a_pt2_with_anything_pickled_is_refused_unopened(entry: str, exported: Path, tmp_path: Path) -> None:
    """The archive is looked through before torch sees it, so what is hidden in it never runs."""
    trap = tmp_path / "sprung"
    evil = with_entry(exported / "unbound" / "loss.pt2", entry, pickled(Trap(trap)), tmp_path / "evil.pt2")
    with pytest.raises(UserError, match=f"must hold nothing pickled, but .*evil.pt2 has {entry}"):
        load_pt2(evil)
    assert not trap.exists()


def test_a_pt2_that_declares_a_weight_pickled_is_refused(exported: Path, tmp_path: Path) -> None:
    """A raw entry can be declared as pickled in the archive's index, which torch would believe."""
    original, index = exported / "multiclass" / "loss.pt2", "loss/data/weights/model_weights_config.json"
    with zipfile.ZipFile(original) as archive:
        text = archive.read(index).decode()
    assert '"use_pickle": false' in text
    changed = text.replace('"use_pickle": false', '"use_pickle": true').encode()
    with pytest.raises(UserError, match="must hold nothing pickled"):
        load_pt2(with_entry(original, index, changed, tmp_path / "evil.pt2"))


def test_what_is_no_pt2_is_refused(tmp_path: Path) -> None:
    """A missing file and a file of another kind are told apart, in one line."""
    (tmp_path / "text.pt2").write_text("hello")
    with pytest.raises(UserError, match=r"it is not a \.pt2 archive; export the loss again"):
        load_pt2(tmp_path / "text.pt2")
    with pytest.raises(UserError, match="No such file or directory"):
        load_pt2(tmp_path / "none.pt2")


def test_a_regression_from_a_table_leaves_in_the_units_of_its_target(tmp_path: Path) -> None:
    """Fed dollars, loss.py and loss.pt2 give the searched loss of standardised dollars, and say so."""
    rows = [(i % 7, i % 3, 180_000 + 20_000 * (i % 7) - 9_000 * (i % 3)) for i in range(60)]
    table = tmp_path / "houses.csv"
    table.write_text("rooms,zone,price\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    task = Task.from_csv(table, "price", kind="regression")
    units = task.describe().target_units
    assert units is not None
    spec = standard_spec("welsch", "regression").bind(target_scale=1.0)
    export_loss(spec.bind(target_units=units), tmp_path / "loss")
    prices = torch.tensor([200_000.0, 250_000, 310_000])
    guess = torch.tensor([210_000.0, 240_000, 330_000], requires_grad=True)
    wanted = freeze(spec)((guess - units[0]) / units[1], (prices - units[0]) / units[1])
    for loss in (export_module._run(tmp_path / "loss" / "loss.py"), load_pt2(tmp_path / "loss" / "loss.pt2")):
        value = loss(guess, prices)
        torch.testing.assert_close(value, wanted, rtol=1e-4, atol=1e-6)
        (gradient,) = torch.autograd.grad(value, guess)
        assert bool((gradient != 0).all())
    assert "in the targets' own units" in (tmp_path / "loss" / "loss.py").read_text()
    assert json.loads((tmp_path / "loss" / "loss.json").read_text())["loss"]["target_units"] == [*units]
