"""That a frozen loss is the loss that was searched, compiled, exported, printed and read back."""

from __future__ import annotations

from types import ModuleType

import torch

from ..errors import one_line
from ..family import MIX
from ..frozen import exported, freeze, module_of, source
from ..spec import LossSpec
from .subject import Broken, Loss, Subject, both_close, close, value_and_gradient


def changes_nothing(subject: Subject) -> None:
    """Forward leaves the module, its inputs and the grad mode as they were, and gives the same again."""
    loss = freeze(subject.spec)
    outputs, targets = subject.batch(dtype=torch.float32)
    before = [value.clone() for value in (outputs, targets, *loss.state_dict().values())]
    first = loss(outputs, targets)
    after = (outputs, targets, *loss.state_dict().values())
    if not all(torch.equal(old, new) for old, new in zip(before, after, strict=True)):
        raise Broken(f"{subject.name}: it changes its inputs or itself")
    for mode in (torch.no_grad(), torch.enable_grad()):
        with mode:
            enabled = torch.is_grad_enabled()
            again = loss(outputs, targets)
            if torch.is_grad_enabled() != enabled:
                raise Broken(f"{subject.name}: it changes whether gradients are recorded")
        close(subject, "the loss when computed again", again, first, 0)


def compiles(subject: Subject) -> None:
    """`torch.compile(fullgraph=True)` finds no graph break, and what it traces is the loss."""
    loss = freeze(subject.spec)
    outputs, targets = subject.batch(dtype=torch.float32)
    try:
        got = value_and_gradient(torch.compile(loss, fullgraph=True, backend="aot_eager"), outputs, targets)
    except torch._dynamo.exc.TorchDynamoException as error:  # noqa: SLF001  (torch's only name for it)
        raise Broken(f"{subject.name}: does not compile as one graph: {one_line(error)}") from error
    finally:
        torch._dynamo.reset()  # noqa: SLF001
    both_close(subject, "when compiled", got, value_and_gradient(loss, outputs, targets), 1e-5)


def exports(subject: Subject) -> None:
    """`torch.export` takes it, and its program is the loss for batches of other sizes, an empty one too."""
    loss = freeze(subject.spec)
    outputs, targets = subject.batch(dtype=torch.float32)
    try:
        program = module_of(exported(loss, outputs, targets))
    except Exception as error:
        raise Broken(f"{subject.name}: does not export: {one_line(error)}") from error
    for size in (0, 1, 30):
        batch = subject.batch(size, seed=1, dtype=torch.float32)
        got, wanted = (value_and_gradient(one, *batch) for one in (program, loss))
        both_close(subject, f"of {size} samples when exported", got, wanted, 1e-5)


def frozen_is_the_family(subject: Subject) -> None:
    """Frozen, read back from its document and its state, it is the family's loss to 1e-9."""
    spec = subject.spec
    reloaded = freeze(spec)
    reloaded.load_state_dict(freeze(spec).state_dict())
    copies = {
        "frozen": freeze(spec),
        "from its document": freeze(LossSpec.from_json(spec.to_json())),
        "from its state": reloaded,
        "in bfloat16": freeze(spec).bfloat16(),
    }
    for name, loss in copies.items():
        _is_the_family(subject, name, loss)


def source_is_the_family(subject: Subject) -> None:
    """The text of its loss.py can be written, and what that defines is the family's loss to 1e-9."""
    module = ModuleType("loss")
    exec(compile(source(subject.spec), "loss.py", "exec"), module.__dict__)  # noqa: S102  (the text we have just written)
    _is_the_family(subject, "from its source", module.Loss())


def _is_the_family(subject: Subject, name: str, loss: Loss) -> None:
    outputs, targets = subject.batch()
    found, wanted = (value_and_gradient(one, outputs, targets) for one in (loss, _scaled(subject)))
    both_close(subject, name, found, wanted, 1e-9)


def _scaled(subject: Subject) -> Loss:
    """The subject's loss divided by what canonical form takes out of it: the scale of the mix."""
    given = sum(value for name, value in subject.values.items() if name.startswith(f"{MIX}."))
    outputs, targets = subject.batch(size=5, seed=3)
    ratio = float(subject.loss(outputs, targets)) / float(freeze(subject.spec)(outputs, targets)) / given
    return lambda o, t: subject.loss(o, t) / given / ratio
