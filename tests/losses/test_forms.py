"""The module, loss.py and loss.pt2 are one loss: the same batches, the same numbers, the same refusals."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lossmith.losses import BoundLoss, FrozenLoss, LossSpec, UserError, freeze, source, standard_spec
from lossmith.losses.checks import random_batch, value_and_gradient
from lossmith.losses.frozen.pt2 import load_pt2, write_pt2
from lossmith.losses.kinds import kind_named

pytestmark = pytest.mark.traced

Loss = Callable[..., Tensor]
SPECS: dict[str, BoundLoss] = {
    "multiclass": LossSpec(
        "multiclass", {"mix.cross_entropy": 1, "focal.gamma": 1.5, "class_balanced.beta": 0.99}
    ).bind(kind_named("multiclass").probe_counts),
    "binary": LossSpec(
        "binary", {"mix.cross_entropy": 1, "focal.gamma": 1.5, "logit_adjustment.tau": 1}
    ).bind(kind_named("binary").probe_counts),
    "multilabel": LossSpec(
        "multilabel", {"mix.cross_entropy": 1, "mix.tversky": 0.5, "logit_adjustment.tau": 1}
    ).bind(kind_named("multilabel").probe_counts),
    "regression": LossSpec("regression", {"mix.huber": 1, "tilted.t": 0.5}).bind(target_scale=1.5),
}
CLASSES = torch.tensor([0, 4, 2, 1, 3, 0])
ANSWERS = torch.tensor([0.0, 1, 1, 0, 1, 0])


def of_source(spec: LossSpec) -> nn.Module:
    """`Loss()` of the text of loss.py."""
    module = ModuleType("loss")
    exec(compile(source(spec), "loss.py", "exec"), module.__dict__)  # noqa: S102  (the text we have just written)
    loss: nn.Module = module.Loss()
    return loss


def program_file(spec: LossSpec, folder: Path) -> Path:
    """loss.pt2, traced as an export does."""
    file = folder / "loss.pt2"
    write_pt2(freeze(spec), *random_batch(spec.kind, dtype=torch.float32), file)
    return file


def as_mlflow(file: Path, kind: str) -> Loss:
    """As `mlflow.pytorch.load_model` reads what is registered: with example inputs in the file."""
    program = torch.export.load(file)
    program.example_inputs = (random_batch(kind, dtype=torch.float32), {})
    again = file.with_name("model.pt2")
    torch.export.save(program, again)
    loss: Loss = torch.export.load(again).module()
    return loss


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Loss]]:
    """Every form of a loss of each kind."""
    found: dict[str, dict[str, Loss]] = {}
    for kind, spec in SPECS.items():
        folder = tmp_path_factory.mktemp(kind)
        found[kind] = {
            "module": freeze(spec),
            "loss.py": of_source(spec),
            "loss.pt2": load_pt2(program_file(spec, folder)),
        }
    return found


WRONG: list[tuple[str, Tensor, Tensor]] = [
    ("multiclass", torch.zeros(6, 5), CLASSES - 1),
    ("multiclass", torch.zeros(6, 5), CLASSES + 1),
    ("multiclass", torch.zeros(6, 5), CLASSES + 0.9),
    ("multiclass", torch.zeros(6, 5), torch.full((6,), -100)),
    ("multiclass", torch.zeros(6, 5), torch.rand(6, 5)),
    ("multiclass", torch.zeros(6, 5), torch.nn.functional.one_hot(CLASSES)),
    ("multiclass", torch.zeros(6, 4), CLASSES.clamp(max=3)),
    ("multiclass", torch.zeros(2, 5, 3), CLASSES.view(2, 3) + 1),
    ("binary", torch.zeros(6), ANSWERS - 1),
    ("binary", torch.zeros(6), ANSWERS + 1),
    ("binary", torch.zeros(6), ANSWERS * 0.7),
    ("binary", torch.zeros(6), ANSWERS * torch.nan),
    ("binary", torch.zeros(6), ANSWERS * 255),
    ("binary", torch.zeros(6), ANSWERS[:5]),
    ("binary", torch.zeros(3, 2), (ANSWERS * 2).view(3, 2)),
    ("multilabel", torch.zeros(2, 3), ANSWERS.view(2, 3) * 2 - 1),
    ("multilabel", torch.zeros(2, 3), ANSWERS.view(2, 3) * 0.5),
    ("multilabel", torch.zeros(2, 4), torch.zeros(2, 4)),
    ("regression", torch.zeros(6), ANSWERS * torch.nan),
    ("regression", torch.zeros(6), ANSWERS / 0),
    # As many numbers of another shape: flattened they would meet.
    ("multiclass", torch.zeros(2, 5, 3), CLASSES),
    ("multiclass", torch.zeros(1, 5, 2, 3), CLASSES.view(1, 3, 2)),
    ("binary", torch.zeros(3, 2), ANSWERS),
    ("binary", torch.zeros(2, 3), ANSWERS.view(3, 2)),
    ("multilabel", torch.zeros(2, 3), ANSWERS),
    ("multilabel", torch.zeros(2, 3), ANSWERS.view(3, 2)),
    ("regression", torch.zeros(3, 2), ANSWERS),
    ("regression", torch.zeros(1, 2, 3), ANSWERS.view(1, 3, 2)),
]


@pytest.mark.parametrize("form", ["module", "loss.py", "loss.pt2"])
@pytest.mark.parametrize(("kind", "outputs", "targets"), WRONG)
def test_no_form_takes_targets_that_mean_nothing(
    form: str, kind: str, outputs: Tensor, targets: Tensor, forms: dict[str, dict[str, Loss]]
) -> None:
    """Classes that there are not, fractions, probabilities, NaN, another number of columns: an error."""
    with pytest.raises(ValueError, match=r"must (be|have)") as caught:
        forms[kind][form](outputs, targets)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["module", "loss.py"])
@pytest.mark.parametrize(
    ("kind", "outputs", "targets"),
    [case for case in WRONG if case[2].shape == (6,) and case[1].shape in ((6,), (6, 5))],
)
def test_where_values_cannot_be_looked_at_they_make_the_loss_nan(
    form: str, kind: str, outputs: Tensor, targets: Tensor, forms: dict[str, dict[str, Loss]]
) -> None:
    """Under vmap, as on a GPU: what can be seen from shapes and dtypes raises, the rest is no number."""
    loss = forms[kind][form]
    many = torch.stack([outputs, outputs]), torch.stack([targets, targets])
    try:
        values = torch.vmap(loss)(*many)
    except ValueError:
        assert kind == "multiclass"
        assert targets.is_floating_point()
        return
    assert bool(values.isnan().all())


@pytest.mark.parametrize("form", ["module", "loss.py"])
@pytest.mark.parametrize("kind", SPECS)
def test_compiled_in_one_graph_a_wrong_target_makes_value_and_gradient_nan(
    form: str, kind: str, forms: dict[str, dict[str, Loss]]
) -> None:
    """No branch on data breaks the graph, and a right batch has its number."""
    loss = forms[kind][form]
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    outputs, targets = random_batch(kind, dtype=torch.float32)
    try:
        pair = (value_and_gradient(one, outputs, targets) for one in (compiled, loss))
        for got, wanted in zip(*pair, strict=True):
            torch.testing.assert_close(got, wanted)
        wrong = targets + (torch.inf if kind == "regression" else 7)
        value, gradient = value_and_gradient(compiled, outputs, wrong)
    finally:
        torch._dynamo.reset()
    assert value.isnan()
    assert bool(gradient.isnan().any())


def batches(kind: str) -> Iterator[tuple[str, Tensor, Tensor]]:  # noqa: C901  (a list)
    """Outputs and targets as people have them, by name."""
    draw = torch.Generator().manual_seed(5)

    def outputs(*shape: int) -> Tensor:
        return torch.randn(shape, generator=draw)

    def whole(most: int, *shape: int) -> Tensor:
        return torch.randint(most + 1, shape, generator=draw)

    if kind == "multiclass":
        for name, shape in {"flat": (), "sequence": (4,), "mask": (4, 3), "volume": (2, 3, 2)}.items():
            yield name, outputs(6, 5, *shape), whole(4, 6, *shape)
        for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32):
            yield str(dtype), outputs(6, 5), whole(4, 6).to(dtype)
        yield "empty mask", outputs(0, 5, 4, 3), whole(4, 0, 4, 3)
        flat = outputs(6, 5), whole(4, 6)
    elif kind == "multilabel":
        flat = outputs(6, 3), whole(1, 6, 3)
    elif kind == "binary":
        flat = outputs(6), whole(1, 6)
        for one, two in (
            ((6, 1), (6, 1)),
            ((6, 1), (6,)),
            ((6,), (6, 1)),
            ((6, 4, 3), (6, 4, 3)),
            ((6, 1, 4), (6, 4)),
        ):
            yield f"{one} {two}", outputs(*one), whole(1, *two).float()
    else:
        flat = outputs(6), whole(9, 6)
        for one, two in (
            ((6, 1), (6, 1)),
            ((6, 1), (6,)),
            ((6,), (6, 1)),
            ((6, 3), (6, 3)),
            ((6, 4, 3), (6, 4, 3)),
        ):
            yield f"{one} {two}", outputs(*one), outputs(*two)
    yield "whole numbers", *flat
    yield "one sample", flat[0][:1], flat[1][:1]
    yield "no sample", flat[0][:0], flat[1][:0]
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        yield str(dtype), flat[0].to(dtype), flat[1]
    if kind != "multiclass":
        yield "floating targets", flat[0], flat[1].double()
    if kind in ("binary", "multilabel"):
        yield "bool", flat[0], flat[1].bool()
        yield "uint8", flat[0], flat[1].to(torch.uint8)


BATCHES = [(kind, *batch) for kind in SPECS for batch in batches(kind)]


@pytest.mark.parametrize("form", ["loss.py", "loss.pt2"])
@pytest.mark.parametrize(
    ("kind", "name", "outputs", "targets"), BATCHES, ids=[f"{b[0]} {b[1]}" for b in BATCHES]
)
def test_every_form_takes_what_the_module_takes(
    form: str, kind: str, name: str, outputs: Tensor, targets: Tensor, forms: dict[str, dict[str, Loss]]
) -> None:
    """Masks, (N, 1), half precision, whole numbers of any width, an empty batch: value and gradient."""
    wanted, got = (value_and_gradient(forms[kind][one], outputs, targets) for one in ("module", form))
    # A program computes in float32, and a half-precision gradient has three digits.
    tolerance = 2e-2 if outputs.dtype in (torch.bfloat16, torch.float16) else 1e-5
    for one, two in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, two, rtol=tolerance, atol=tolerance, check_dtype=False, msg=name)


@pytest.mark.parametrize("kind", ["multiclass", "binary"])
def test_as_mlflow_loads_it_a_program_takes_every_rank_too(kind: str, tmp_path: Path) -> None:
    """And refuses wrong targets; nothing of lossmith is between the caller and the program."""
    loss, module = as_mlflow(program_file(SPECS[kind], tmp_path), kind), freeze(SPECS[kind])
    for name, outputs, targets in batches(kind):
        torch.testing.assert_close(
            loss(outputs, targets),
            module(outputs, targets),
            rtol=1e-3,
            atol=1e-3,
            check_dtype=False,
            msg=name,
        )
    for _, outputs, targets in (case for case in WRONG if case[0] == kind):
        with pytest.raises((RuntimeError, AssertionError)):
            loss(outputs, targets)


@pytest.mark.parametrize("spec", [*SPECS.values(), standard_spec("gce", "multiclass")], ids=lambda s: s.hash)
def test_a_program_computes_where_its_inputs_are(spec: LossSpec, tmp_path: Path) -> None:
    """Traced on a CPU it runs on another device; `meta` is one whose tensors have no data."""
    loss = load_pt2(program_file(spec, tmp_path)).to("meta")
    outputs, targets = (value.to("meta") for value in random_batch(spec.kind, dtype=torch.float32))
    value, gradient = value_and_gradient(loss, outputs, targets)
    assert value.device.type == gradient.device.type == "meta"


class Output(dict[str, Any]):
    """What a model of Hugging Face returns."""

    logits = torch.zeros(6, 5)


@pytest.mark.parametrize("form", ["module", "loss.py"])
@pytest.mark.parametrize(
    ("arguments", "keywords", "words"),
    [
        ((Output(), CLASSES), {}, "outputs must be a tensor, but got Output; pass its logits"),
        ((torch.zeros(6, 5), [0, 1]), {}, "targets must be a tensor, but got list"),
        (
            (torch.zeros(6, 5), CLASSES),
            {"sample_weight": torch.ones(5)},
            "one floating-point number for each",
        ),
        (
            (torch.zeros(6, 5), CLASSES, torch.ones(6)),
            {},
            "sample_weight=, but got 3 unnamed arguments",
        ),
        ((torch.zeros(6, 5), CLASSES), {"reduction": "sum"}, "but got reduction='sum'; leave it out"),
    ],
)
def test_what_a_loss_does_not_take_is_said(
    form: str,
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    words: str,
    forms: dict[str, dict[str, Loss]],
) -> None:
    """In one line that names what was given."""
    with pytest.raises(ValueError, match=words) as caught:
        forms["multiclass"][form](*arguments, **keywords)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["module", "loss.py"])
def test_keywords_of_trainers_that_change_nothing_are_taken(
    form: str, forms: dict[str, dict[str, Loss]]
) -> None:
    """The number of items in a batch, and whatever is None."""
    loss, outputs = forms["multiclass"][form], torch.randn(6, 5)
    plain = loss(outputs, CLASSES)
    assert loss(outputs, CLASSES, num_items_in_batch=6) == plain
    assert loss(outputs, CLASSES, num_items_in_batch=torch.tensor(6), weight=None) == plain


@pytest.mark.parametrize("kind", SPECS)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))])  # noqa: S301
def test_a_copy_and_a_pickle_are_the_loss(kind: str, copied: Callable[[FrozenLoss], FrozenLoss]) -> None:
    """With the same spec and the same numbers."""
    loss = freeze(SPECS[kind])
    other = copied(loss)
    batch = random_batch(kind)
    assert other.spec == loss.spec
    assert other(*batch) == loss(*batch)


SCALAR, VECTOR = (208.5, 114.25), ((10.0, -3.0), (2.0, 0.5))


@pytest.mark.parametrize(("name", "units"), [("huber", VECTOR), ("welsch", SCALAR), ("quantile", VECTOR)])
def test_a_loss_in_the_targets_units_is_the_searched_one_of_standardised_targets(
    name: str, units: Any, tmp_path: Path
) -> None:
    """Fed dollars, every form gives what the search had of standard deviations, and a gradient."""
    spec = standard_spec(name, "regression").bind(target_scale=0.8)
    mean, spread = (torch.tensor(value) for value in units)
    outputs, targets = torch.randn(9, *mean.shape), torch.randn(9, *mean.shape)
    wanted, slope = value_and_gradient(freeze(spec), outputs, targets)
    bound = spec.bind(target_units=units)
    assert LossSpec.from_json(bound.to_json()) == bound
    assert bound.hash == spec.hash
    file = tmp_path / "loss.pt2"
    write_pt2(freeze(bound), outputs, targets, file)
    for loss in (freeze(bound), of_source(bound), load_pt2(file)):
        value, gradient = value_and_gradient(loss, mean + spread * outputs, mean + spread * targets)
        torch.testing.assert_close(value, wanted, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(gradient * spread, slope, rtol=1e-4, atol=1e-4)
    text = source(bound)
    assert "in the targets' own units" in text
    assert "loss.mean + loss.spread * model(inputs)" in text


@pytest.mark.parametrize(
    ("kind", "units"),
    [
        ("regression", (0, 0)),
        ("regression", (0, -1)),
        ("regression", (1,)),
        ("regression", ((1, 2), (1,))),
        ("regression", ("a", 1)),
        ("binary", (0, 1)),
    ],
)
def test_units_that_are_none_are_refused(kind: str, units: Any) -> None:
    """A mean and a spread above 0, of one shape, for kinds whose targets are numbers."""
    with pytest.raises(UserError, match="target_units must be"):
        SPECS[kind].bind(target_units=units)


def test_loss_py_says_what_is_checked_when() -> None:
    """In its first lines, before anything else that is code."""
    header = source(SPECS["multiclass"]).partition('"""\n')[0]
    assert "raises ValueError on a CPU" in header
    assert "makes the loss NaN" in header


@pytest.mark.parametrize("form", ["module", "loss.py"])
@pytest.mark.parametrize("ignoring", [False, True])
@pytest.mark.parametrize("kind", SPECS)
def test_a_sample_of_weight_two_counts_twice_and_one_of_weight_zero_not_at_all(
    kind: str,
    ignoring: bool,  # noqa: FBT001
    form: str,
) -> None:
    """In every kind, with and without targets that do not count, whatever the outputs of what does not."""
    spec = SPECS[kind] if kind != "regression" else LossSpec(kind, {"mix.huber": 1}).bind(target_scale=1.5)
    if kind == "multilabel":
        spec = LossSpec(kind, {"mix.cross_entropy": 1}).bind()
    if ignoring:
        spec = spec.bind(ignore_nan=True) if kind == "regression" else spec.bind(ignore_index=-1)
    outputs, targets = random_batch(kind, 8)
    if ignoring:
        targets[1] = torch.nan if kind == "regression" else -1
    weights = torch.tensor([1, 2, 0, 1, 2, 1, 0, 1.0])
    wild = torch.where(weights.view(-1, *[1] * (outputs.dim() - 1)) == 0, torch.inf, outputs)
    loss = freeze(spec) if form == "module" else of_source(spec)
    rows = torch.arange(8).repeat_interleave(weights.long())
    value, gradient = value_and_gradient(lambda o, t: loss(o, t, sample_weight=weights), wild, targets)
    wanted, slope = value_and_gradient(freeze(spec), outputs[rows], targets[rows])
    torch.testing.assert_close(value, wanted)
    torch.testing.assert_close(gradient, torch.zeros_like(outputs).index_add(0, rows, slope))


def test_numbers_that_are_missing_do_not_count_in_any_form(tmp_path: Path) -> None:
    """NaN among several target dimensions: value and gradient of those that are there."""
    spec = LossSpec("regression", {"mix.huber": 1}).bind(target_scale=1.5, ignore_nan=True)
    outputs, targets = torch.randn(8, 3), torch.randn(8, 3)
    targets[::2, 1] = torch.nan
    file = tmp_path / "loss.pt2"
    write_pt2(freeze(spec), outputs, targets.nan_to_num(), file)
    wanted, slope = value_and_gradient(freeze(spec), outputs, targets)
    assert bool(wanted.isfinite())
    for loss in (of_source(spec), load_pt2(file)):
        value, gradient = value_and_gradient(loss, outputs, targets)
        torch.testing.assert_close(value, wanted)
        torch.testing.assert_close(gradient, slope)
        with pytest.raises((ValueError, RuntimeError), match="must be finite numbers, or NaN"):
            loss(outputs, targets / 0)
