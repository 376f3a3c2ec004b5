"""Formulas as MathML."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from lossmith.experiments.report.mathml import UnknownLatex, mathml
from lossmith.losses import LossSpec, latex, parts, standard_specs
from lossmith.losses.declarations import KINDS

M = "{http://www.w3.org/1998/Math/MathML}"
STANDARD = [
    pytest.param(spec, id=f"{kind}-{name}") for kind in KINDS for name, spec in standard_specs(kind).items()
]


def shown(text: str) -> str:
    """The characters that a reader sees."""
    tree = ET.fromstring(mathml(text))  # noqa: S314  (made by us)
    body = tree.find(f"{M}semantics/{M}mrow")
    assert body is not None
    return "".join(body.itertext())


@pytest.mark.parametrize("spec", STANDARD)
def test_every_standard_loss_is_understood(spec: LossSpec) -> None:
    """No formula of a loss that people use falls back to plain text, and each is well-formed."""
    assert shown(latex(spec))


@pytest.mark.parametrize("name", list(parts()))
def test_every_part_is_understood(name: str) -> None:
    """A part that is added with LaTeX of its own must be readable in the report too."""
    found = parts()[name]
    assert shown(found.latex.format(**{p.name: f"{p.default:.3g}" for p in found.parameters}))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (r"-\ln p", "−lnp"),
        (r"\tfrac12 x", "12x"),
        (r"n_t^{-1.04}\,(1 - p)^{2}", "nt−1.04(1−p)2"),
        (r"\operatorname{mean}\left[a_{j}\right]", "mean[aj]"),
        (r"\text{the worst } 0.1", "the worst 0.1"),
        (r"\sum_{j \neq t} z_j", "∑j≠tzj"),
    ],
)
def test_what_is_shown(text: str, seen: str) -> None:
    """Numbers, names, scripts, fractions, brackets and words come out in their order."""
    assert shown(text) == seen


def test_the_latex_stays_with_the_formula() -> None:
    """Who copies the formula gets its LaTeX, with nothing in it that could be markup."""
    tree = ET.fromstring(mathml(r"a < b \text{ & <b>}"))  # noqa: S314
    note = tree.find(f".//{M}annotation")
    assert note is not None
    assert note.text == r"a < b \text{ & <b>}"


@pytest.mark.parametrize("text", [r"\unheard x", "a^", "{a", r"\left( a"])
def test_latex_that_is_not_known_is_refused(text: str) -> None:
    """What cannot be shown rightly is not shown wrongly: the page falls back to text."""
    with pytest.raises(UnknownLatex):
        mathml(text)
