"""The winner on disk: `loss.py`, `loss.pt2` and `loss.json`, proven equal before anyone sees them."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from types import ModuleType

import torch
from torch import Tensor

from ...losses import BoundLoss, FrozenLoss, LossSpec, UserError, formula, freeze, load_frozen, source
from ...losses.frozen import load_pt2, write_pt2
from ...losses.kinds import kind_named
from ...search.records import Verdict
from ...search.records.typed_json import Document, fields_of
from ..store import SearchRecord, Status
from ..version import version
from .json_text import json_text
from .output_path import output_path
from .reading import SearchReading
from .recommendation import Answer

SCHEMA = 1
FILES = ("loss.py", "loss.pt2", "loss.json")
TOLERANCE = 1e-6  # the files run the same operations; this allows for another order of summation in float32
_EXAMPLE, _PROOFS = 16, (1, 37)  # batch sizes: traced with one, proven with others

Loss = Callable[[Tensor, Tensor], Tensor]


class ExportError(RuntimeError):
    """An exported file does not compute the loss it was made from. A fault of lossmith, not of its user."""


@dataclass(frozen=True)
class Provenance:
    """Where an exported loss comes from, as `loss.json` tells it; what is plain also heads `loss.py`.

    Attributes:
        search: The name of the search.
        task: The name of its task.
        trial: The number of the trial that the loss was found in.
        answer: Why it is this loss.
        learning_rate: What to train with it at.
        seed: The seed of the search.
        status: How the search had ended when the loss was exported.
        created_at: When the search began, in ISO 8601.
        lossmith: The version that exported.
        torch: The version of torch that it ran with.
        spec: The SPEC of the search.
    """

    search: str
    task: str
    trial: int
    answer: str
    learning_rate: float
    seed: int
    status: Status
    created_at: str
    lossmith: str
    torch: str
    spec: Document

    @classmethod
    def of(cls, record: SearchRecord, task: str, answer: Answer) -> Provenance:
        """Describe where the answer of a search comes from.

        Args:
            record: The search.
            task: The name of its task.
            answer: Its answer.
        """
        return cls(
            search=record.name,
            task=task,
            trial=answer.number,
            answer=answer.note,
            learning_rate=answer.learning_rate,
            seed=record.seed,
            status=record.status,
            created_at=record.created_at.isoformat(timespec="seconds"),
            lossmith=version(),
            torch=str(torch.__version__),
            spec=record.spec,
        )

    def to_json(self) -> dict[str, object]:
        """Return a plain document."""
        return fields_of(self)


def export_loss(
    spec: LossSpec,
    directory: str | Path,
    *,
    verdict: Verdict | None = None,
    provenance: Provenance | None = None,
) -> list[Path]:
    """Write `loss.py`, `loss.pt2` and `loss.json` into a directory.

    The directory appears whole or not at all: the files are written beside it, compared with `freeze(spec)`
    in value and gradient on batches of other sizes, and moved into place in one step.

    Args:
        spec: The loss, bound to its data's constants.
        directory: A new or empty directory, or one with an earlier export, which is replaced.
        verdict: What the sealed test data said of the loss, where it was searched.
        provenance: Where the loss comes from, where that is to be told.

    Returns:
        The paths of the three files.

    Raises:
        UserError: The directory holds anything else, or cannot be written.
        ExportError: A file does not equal the loss.
    """
    loss = freeze(spec)
    target = output_path(directory, "an export").resolve()
    _refuse_to_overwrite(target)
    told = {} if provenance is None else provenance.to_json()
    with _beside(target) as folder:
        outputs, targets = _batch(loss.spec, _EXAMPLE, 1.0)
        (folder / "loss.py").write_text(source(spec, _header(verdict, told)), encoding="utf-8")
        write_pt2(loss, outputs, targets, folder / "loss.pt2")
        document = {
            "schema": SCHEMA,
            "loss": spec.to_json(),
            "formula": formula(spec),
            "verdict": None if verdict is None else verdict.to_json(),
            "provenance": told,
        }
        (folder / "loss.json").write_text(json_text(document), encoding="utf-8")
        _prove(loss, "loss.py", _run(folder / "loss.py"), torch.float64)
        _prove(loss, "loss.pt2", load_pt2(folder / "loss.pt2"), torch.float32)  # the dtype it was traced with
        _prove(loss, "loss.json", load_frozen(folder / "loss.json"), torch.float64)
    return [target / name for name in FILES]


def export_answer(reading: SearchReading, directory: str | Path) -> list[Path]:
    """Write the answer of a search with where it comes from; see `export_loss`.

    Args:
        reading: The search.
        directory: A new or empty directory, or one with an earlier export.

    Raises:
        UserError: There is no answer yet (see `SearchReading.answer`), or the directory will not do.
        ExportError: A file does not equal the loss.
    """
    answer = reading.answer()
    provenance = Provenance.of(reading.record, reading.task.name, answer)
    return export_loss(answer.loss, directory, verdict=reading.verdict, provenance=provenance)


def _refuse_to_overwrite(target: Path) -> None:
    remedy = "choose a new or empty directory"
    if target.exists() and not target.is_dir():
        raise UserError(f"an export must go into a directory, but {target} is a file; {remedy}")
    if target.is_dir():
        if Path.cwd().is_relative_to(target):
            raise UserError(
                f"an export must go into a directory of its own, but {target} is in use; {remedy}"
            )
        if others := sorted(entry.name for entry in target.iterdir() if entry.name not in FILES):
            raise UserError(
                f"an export must not mix with other files, but {target} holds {others[0]}; {remedy}"
            )


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A new folder next to `target` that takes its place when the block ends well, and vanishes otherwise."""
    mark = secrets.token_hex(4)
    folder, old = (target.with_name(f".{target.name}.{what}-{mark}") for what in ("new", "old"))
    missing = [parent for parent in target.parents if not parent.exists()]
    try:
        folder.mkdir(parents=True)
        yield folder
        if target.exists():
            target.rename(old)
        try:
            folder.rename(target)
        except OSError:
            with suppress(OSError):
                old.rename(target)
            raise
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        for parent in missing:
            with suppress(OSError):
                parent.rmdir()
        if isinstance(error, OSError):
            raise UserError(
                f"an export must be able to write in {target.parent}, but cannot: {error.strerror}; "
                "choose another directory"
            ) from error
        raise
    shutil.rmtree(old, ignore_errors=True)


def _header(verdict: Verdict | None, told: Document) -> str:
    """What the docstring of `loss.py` says of the loss's origin. Nothing in it can end the docstring."""
    lines = [] if verdict is None else [verdict.sentence]
    lines += [
        f"{key.replace('_', ' ')}: {value}"
        for key, value in told.items()
        if isinstance(value, str | int | float)
    ]
    printable = ("".join(c if c.isprintable() else " " for c in line) for line in lines)
    text = "\n".join(fill(line, 100, subsequent_indent="    ", break_long_words=False) for line in printable)
    return text.replace("\\", "/").replace('"', "'")


def _run(path: Path) -> Loss:
    """`Loss()` of the module in `path`, run from its text so that no byte code is left beside it."""
    module = ModuleType("loss")
    code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    exec(code, module.__dict__)  # noqa: S102 (the text we have just written, run to prove it)
    loss: Loss = module.Loss()
    return loss


def _prove(reference: FrozenLoss, name: str, candidate: Loss, dtype: torch.dtype) -> None:
    for size in _PROOFS:
        for scale in (1.0, 30.0):  # logits of an untrained and of a confident model
            outputs, targets = _batch(reference.spec, size, scale, dtype)
            wanted, got = (_value_and_gradient(loss, outputs, targets) for loss in (reference, candidate))
            for what, left, right in zip(("value", "gradient"), wanted, got, strict=True):
                # Written so that a NaN counts as a difference.
                if not (left - right).abs().max() <= TOLERANCE * max(1.0, float(left.abs().max())):
                    raise ExportError(
                        f"{name} must equal the searched loss to {TOLERANCE:g}, but its {what} is off by "
                        f"{float((left - right).abs().max()):.3g} on a batch of {size}; nothing was exported"
                    )


def _value_and_gradient(loss: Loss, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    leaf = outputs.clone().requires_grad_()
    value = loss(leaf, targets)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.detach(), gradient


def _batch(
    spec: BoundLoss, size: int, scale: float, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """Random outputs and targets of the shapes of the loss's kind; the same for the same arguments."""
    generator = torch.Generator().manual_seed(size)
    columns = _columns(spec)
    mean, spread = (torch.tensor(value, dtype=dtype) for value in spec.target_units or (0.0, 1.0))
    outputs = scale * torch.randn(size, *(columns or mean.shape), generator=generator, dtype=dtype)
    targets = kind_named(spec.kind).random_targets(outputs, generator)
    if spec.target_units is not None:
        return mean + spread * outputs, mean + spread * targets
    return outputs, targets


def _columns(spec: BoundLoss) -> tuple[int, ...]:
    """The shape of one sample's outputs."""
    usual = kind_named(spec.kind).probe_columns
    return (len(spec.class_counts),) if usual and spec.class_counts else usual
