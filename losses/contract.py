"""What every loss promises, as checks that a user's own part can be put through too.

Each check takes a `Subject` and raises `Broken`, an AssertionError, with one line that says what does not
hold and by how much. `check_part` runs all of them; the project's own tests do so for every part and standard
loss there is:

    from lossmith.losses import contract, register
    register(MY_PART)
    for kind in MY_PART.kinds:
        contract.check(contract.of_part(MY_PART, kind))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from types import ModuleType

import torch
from torch import Tensor
from torch.func import vmap

from .batches import COUNTS, TARGET_SCALE, constants, extreme_batch, random_batch
from .family import MIX, Family
from .freeze import freeze
from .parts import Kind, Number, Parameter, Part
from .registry import part, parts_for
from .source import source
from .spec import LossSpec

Loss = Callable[[Tensor, Tensor], Tensor]
CORNERS = 64  # at most, of a subject's parameters
TWO_OUTPUTS = "gaussian_nll"  # the part whose models may put out a variance


class Broken(AssertionError):  # noqa: N818  (a promise is broken)
    """A promise that a loss does not keep."""


@dataclass(frozen=True)
class Subject:
    """A loss to be checked: parts of the family with the values of their parameters, of one kind.

    `values` are complete and are not put into canonical form, so that a part at its neutral value is
    still there. `vary` names the parameters whose corners and gradients are looked at.
    """

    name: str
    kind: Kind
    values: Mapping[str, float]
    vary: tuple[str, ...] = ()

    @property
    def family(self) -> Family:
        """The family of exactly these parts."""
        names = (n.partition(".")[2] if n.startswith(f"{MIX}.") else n.partition(".")[0] for n in self.values)
        return Family(self.kind, frozenset(names))

    @property
    def spec(self) -> LossSpec:
        """The loss in canonical form, bound to the constants of these batches."""
        counts = None if self.kind == "regression" else COUNTS[self.kind]
        return LossSpec(self.kind, self.values).bind(
            counts, TARGET_SCALE if self.kind == "regression" else None
        )

    def loss(self, outputs: Tensor, targets: Tensor, values: Mapping[str, Number] | None = None) -> Tensor:
        """The family's loss of one batch; `values` replace the subject's."""
        return self.family(outputs, targets, {**self.values, **(values or {})}, constants(self.kind))

    def batch(
        self, size: int = 12, seed: int = 0, dtype: torch.dtype = torch.float64
    ) -> tuple[Tensor, Tensor]:
        """A random batch, with a predicted variance where the loss reads one."""
        outputs, targets = random_batch(self.kind, size, seed=seed, dtype=dtype)
        return (_with_variance(outputs) if TWO_OUTPUTS in self.family.parts else outputs), targets

    def extremes(self) -> tuple[Tensor, Tensor]:
        """The extreme batch, with a predicted variance where the loss reads one."""
        outputs, targets = extreme_batch(self.kind)
        return (_with_variance(outputs) if TWO_OUTPUTS in self.family.parts else outputs), targets


def _with_variance(outputs: Tensor) -> Tensor:
    return torch.stack([outputs, outputs.flip(0) / 2], -1)


def of_part(chosen: Part, kind: Kind) -> Subject:
    """A part as a loss: a term alone, any other part around the kind's plainest term."""
    values = {f"{chosen.name}.{p.name}": float(p.default) for p in chosen.parameters}
    plain = chosen.name if chosen.stage == "term" else ("mse" if kind == "regression" else "cross_entropy")
    return Subject(f"{chosen.name} ({kind})", kind, {f"{MIX}.{plain}": 1.0, **values}, tuple(values))


def of_spec(name: str, spec: LossSpec) -> Subject:
    """A point of the family; its parameters stay at their values."""
    return Subject(f"{name} ({spec.kind})", spec.kind, dict(spec.parameters))


def value_and_gradient(loss: Loss, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of a batch and its gradient to the outputs."""
    leaf = outputs.detach().clone().requires_grad_()
    value = loss(leaf, targets)
    (gradient,) = torch.autograd.grad(value, leaf, allow_unused=True)
    return value.detach(), torch.zeros_like(leaf) if gradient is None else gradient


def corners(subject: Subject) -> Iterator[dict[str, float]]:
    """Combinations of the ends of the search ranges, a value between and the neutral values."""
    choices = []
    for name in subject.vary:
        owner, _, rest = name.partition(".")
        parameter = next(p for p in part(owner).parameters if p.name == rest)
        ends = {
            *parameter.search,
            _between(parameter),
            *([] if parameter.neutral is None else [parameter.neutral]),
        }
        choices.append(sorted(ends))
    everything = list(product(*choices))
    step = max(1, -(-len(everything) // CORNERS))
    for combination in everything[::step]:
        yield dict(zip(subject.vary, combination, strict=True))


def _close(subject: Subject, what: str, got: Tensor, wanted: Tensor, tolerance: float) -> None:
    """Raise unless they are equal to `tolerance`, relative to the largest number. NaN is never equal."""
    difference = (got.double() - wanted.double()).abs().max() if got.numel() else torch.zeros(())
    size = max(1.0, float(wanted.abs().max())) if wanted.numel() else 1.0
    if not difference <= tolerance * size:
        raise Broken(
            f"{subject.name}: {what} differs by {float(difference):.3g}, allowed are {tolerance * size:.3g}"
        )


def differentiable(subject: Subject) -> None:
    """In float64 the gradients to the outputs and to every parameter are the derivatives of the value."""
    values = dict(subject.values)
    varied = list(subject.vary)
    for name in subject.vary:
        owner, _, rest = name.partition(".")
        chosen = part(owner)
        if chosen.frozen_factor and chosen.neutral:
            values[name] = chosen.neutral[rest]
            varied.remove(name)
    outputs, targets = subject.batch(size=7)
    numbers = [torch.tensor(values[name], dtype=torch.float64, requires_grad=True) for name in varied]

    def loss(outputs: Tensor, *numbers: Tensor) -> Tensor:
        return subject.loss(outputs, targets, {**values, **dict(zip(varied, numbers, strict=True))})

    # A parameter at the end of its domain has no derivative from beyond; half-way to its range it has.
    for number, name in zip(numbers, varied, strict=True):
        number.data = torch.tensor(_inside(name, values[name]), dtype=torch.float64)
    try:
        torch.autograd.gradcheck(loss, (outputs.requires_grad_(), *numbers), eps=1e-6, atol=1e-5, rtol=1e-4)
    except RuntimeError as error:
        raise Broken(
            f"{subject.name}: the gradient is not the derivative: {' '.join(str(error).split())[:200]}"
        ) from error


def _inside(name: str, value: float) -> float:
    owner, _, rest = name.partition(".")
    parameter = next(p for p in part(owner).parameters if p.name == rest)
    if value not in (*parameter.domain, parameter.neutral, *parameter.search):
        return value
    return _between(parameter)


def _between(parameter: Parameter) -> float:
    """A value inside the search range that float32 has to round."""
    low, high = parameter.search
    return low + 0.37 * (high - low)


def finite(subject: Subject) -> None:
    """Value and gradient are finite for outputs of 0, 20, 1e2, 6e4 and their negatives, at all corners."""
    outputs, targets = subject.extremes()
    for corner in corners(subject):
        frozen = freeze(replace(subject, values={**subject.values, **corner}).spec)
        for loss in (lambda o, t: subject.loss(o, t, corner), frozen):  # noqa: B023
            value, gradient = value_and_gradient(loss, outputs, targets)
            if not (bool(value.isfinite()) and bool(gradient.isfinite().all())):
                at = ", ".join(f"{name}={number:g}" for name, number in corner.items())
                what = "value" if not value.isfinite() else "gradient"
                raise Broken(
                    f"{subject.name}: the {what} is not finite on outputs up to 6e4 at {at or 'its values'}"
                )


def half_precision(subject: Subject) -> None:
    """Outputs in float16 and bfloat16 are computed in float32: they give what float64 does to 1e-5."""
    for dtype in (torch.float16, torch.bfloat16):
        outputs, targets = subject.batch(dtype=torch.float32)
        rounded = outputs.to(dtype)
        got, gradient = value_and_gradient(freeze(subject.spec), rounded, targets)
        wanted, slope = value_and_gradient(freeze(subject.spec), rounded.double(), targets)
        # float32 has seven digits and a loss a dozen operations; the gradient has the outputs' dtype.
        _close(subject, f"the value in {dtype}", got, wanted, 1e-5)
        _close(subject, f"the gradient in {dtype}", gradient, slope, 1e-2)


def neutral(subject: Subject) -> None:
    """At its neutral values a part is as good as not there, in value and gradient."""
    outputs, targets = subject.batch()
    for name in {n.partition(".")[0] for n in subject.vary}:
        chosen = part(name)
        if chosen.stage == "term" or chosen.neutral is None:
            continue
        off = {**subject.values, **{f"{name}.{key}": value for key, value in chosen.neutral.items()}}
        without = {k: v for k, v in subject.values.items() if k.partition(".")[0] != name}
        bare = Subject(subject.name, subject.kind, without)
        for got, wanted in zip(
            value_and_gradient(lambda o, t: subject.loss(o, t, off), outputs, targets),  # noqa: B023
            value_and_gradient(bare.loss, outputs, targets),
            strict=True,
        ):
            _close(subject, f"{name} at its neutral value", got, wanted, 1e-12)


def same_as_declared(subject: Subject) -> None:
    """Where a term says that it is another one, it is, in value and gradient."""
    outputs, targets = subject.batch()
    for term in (part(n.partition(".")[2]) for n in subject.values if n.startswith(f"{MIX}.")):
        if term.same_as is None:
            continue
        for combination in product((-1.0, 0.0, 0.5, 1.0, 2.0, 3.0), repeat=len(term.parameters)):
            if not all(p.allows(v) for p, v in zip(term.parameters, combination, strict=True)):
                continue
            own = {p.name: value for p, value in zip(term.parameters, combination, strict=True)}
            same = term.same_as(**own)
            if same is None:
                continue
            values = {f"{MIX}.{term.name}": 1.0, **{f"{term.name}.{k}": v for k, v in own.items()}}
            for got, wanted in zip(
                value_and_gradient(Subject("", subject.kind, values).loss, outputs, targets),
                value_and_gradient(Subject("", subject.kind, same).loss, outputs, targets),
                strict=True,
            ):
                _close(subject, f"{term.name} at {own}", got, wanted, 1e-9)


def order_of_samples(subject: Subject) -> None:
    """The order of the samples does not matter."""
    outputs, targets = subject.batch()
    order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(1))
    value, gradient = value_and_gradient(subject.loss, outputs, targets)
    other, permuted = value_and_gradient(subject.loss, outputs[order], targets[order])
    _close(subject, "the value of permuted samples", other, value, 1e-12)
    _close(subject, "the gradient of permuted samples", permuted, gradient[order], 1e-12)


def masked_is_dropped(subject: Subject) -> None:
    """Ignored samples, whatever their outputs, give the loss without them; all ignored give 0, gradient 0."""
    if subject.kind == "regression":
        return
    outputs, targets = subject.batch()
    ignoring = freeze(subject.spec.bind(ignore_index=-7))
    some = torch.arange(len(targets)) % 3 == 0
    marked, wild = targets.clone(), outputs.clone()
    marked[some], wild[some] = -7, torch.inf
    value, gradient = value_and_gradient(ignoring, wild, marked)
    kept, slope = value_and_gradient(freeze(subject.spec), outputs[~some], targets[~some])
    _close(subject, "the loss of a masked batch", value, kept, 1e-12)
    _close(subject, "the gradient of a masked batch", gradient[~some], slope, 1e-12)
    for clean in (outputs, wild * torch.inf):
        value, gradient = value_and_gradient(ignoring, clean, torch.full_like(targets, -7))
        _close(subject, "the loss of a batch that is all ignored", value, torch.zeros(()), 0)
        _close(subject, "its gradient", gradient, torch.zeros_like(gradient), 0)


def vectorised(subject: Subject) -> None:
    """`vmap` over parameters and outputs gives what a Python loop gives."""
    outputs, targets = subject.batch()
    points = [*corners(subject)][:8] or [{}]
    stacked = torch.stack([outputs + i / 8 for i in range(len(points))])
    columns = {n: torch.tensor([p[n] for p in points], dtype=torch.float64) for n in subject.vary}
    got = (
        vmap(lambda o, numbers: subject.loss(o, targets, numbers))(stacked, columns)
        if columns
        else vmap(lambda o: subject.loss(o, targets))(stacked)
    )
    wanted = torch.stack([subject.loss(o, targets, p) for o, p in zip(stacked, points, strict=True)])
    _close(subject, "the loss under vmap", got, wanted, 1e-10)


def changes_nothing(subject: Subject) -> None:
    """Forward leaves the module, its inputs and the grad mode as they were, and gives the same again."""
    loss = freeze(subject.spec)
    outputs, targets = subject.batch(dtype=torch.float32)
    before = [value.clone() for value in (outputs, targets, *loss.state_dict().values())]
    first = loss(outputs, targets)
    for mode in (torch.no_grad(), torch.enable_grad()):
        with mode:
            enabled = torch.is_grad_enabled()
            again = loss(outputs, targets)
            if torch.is_grad_enabled() != enabled:
                raise Broken(f"{subject.name}: forward changes whether gradients are recorded")
        _close(subject, "the loss when computed again", again, first, 0)
    after = (outputs, targets, *loss.state_dict().values())
    if not all(torch.equal(old, new) for old, new in zip(before, after, strict=True)):
        raise Broken(f"{subject.name}: forward changes its inputs or itself")


def compiles(subject: Subject) -> None:
    """`torch.compile(fullgraph=True)` finds no graph break, and what it traces is the loss."""
    loss = freeze(subject.spec)
    outputs, targets = subject.batch(dtype=torch.float32)
    try:
        got = value_and_gradient(torch.compile(loss, fullgraph=True, backend="aot_eager"), outputs, targets)
    except torch._dynamo.exc.TorchDynamoException as error:  # noqa: SLF001  (torch's only name for it)
        raise Broken(
            f"{subject.name}: does not compile as one graph: {' '.join(str(error).split())[:200]}"
        ) from error
    finally:
        torch._dynamo.reset()  # noqa: SLF001
    for what, one, two in zip(
        ("value", "gradient"), got, value_and_gradient(loss, outputs, targets), strict=True
    ):
        _close(subject, f"the compiled {what}", one, two, 1e-5)


def frozen_is_the_family(subject: Subject) -> None:
    """Frozen, read back from its document, its state and its source, it is the family's loss to 1e-9."""
    spec = subject.spec
    outputs, targets = subject.batch()
    wanted = value_and_gradient(_scaled(subject), outputs, targets)
    reloaded = freeze(spec)
    reloaded.load_state_dict(freeze(spec).state_dict())
    module = ModuleType("loss")
    exec(compile(source(spec), "loss.py", "exec"), module.__dict__)  # noqa: S102  (the text we have just written)
    copies = {
        "frozen": freeze(spec),
        "from its document": freeze(LossSpec.from_json(spec.to_json())),
        "from its state": reloaded,
        "in bfloat16": freeze(spec).bfloat16(),
        "from its source": module.Loss(),
    }
    for name, loss in copies.items():
        for what, one, two in zip(
            ("value", "gradient"), value_and_gradient(loss, outputs, targets), wanted, strict=True
        ):
            _close(subject, f"the {what} {name}", one, two, 1e-9)


def _scaled(subject: Subject) -> Loss:
    """The subject's loss divided by what canonical form takes out of it: the scale of the mix."""
    given = sum(value for name, value in subject.values.items() if name.startswith(f"{MIX}."))
    outputs, targets = subject.batch(size=5, seed=3)
    ratio = float(subject.loss(outputs, targets)) / float(freeze(subject.spec)(outputs, targets)) / given
    return lambda o, t: subject.loss(o, t) / given / ratio


CHECKS: tuple[Callable[[Subject], None], ...] = (
    differentiable,
    finite,
    half_precision,
    neutral,
    same_as_declared,
    order_of_samples,
    masked_is_dropped,
    vectorised,
    changes_nothing,
    compiles,
    frozen_is_the_family,
)


def check(subject: Subject) -> None:
    """Run every check; the first promise that is not kept raises `Broken`."""
    for promise in CHECKS:
        promise(subject)


def subjects() -> list[Subject]:
    """Every part for every kind that it serves."""
    kinds: tuple[Kind, ...] = ("multiclass", "binary", "multilabel", "regression")
    return [of_part(chosen, kind) for kind in kinds for chosen in parts_for(kind).values()]
