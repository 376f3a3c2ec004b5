"""Third-order polynomial in prediction and target."""

from __future__ import annotations

from torch import Tensor

from ...declarations import Number, Parameter, Part


def taylor(  # noqa: PLR0913  (the paper has eight)
    probabilities: Tensor,
    truth: Tensor,
    *,
    x0: Number,
    y0: Number,
    c1: Number,
    c2: Number,
    c3: Number,
    c4: Number,
    c5: Number,
    c6: Number,
) -> Tensor:
    """-mean_k of c1 v + c2 v^2/2 + c3 v^3/6 + c4 u v + c5 u v^2/2 + c6 u^2 v/2 per sample.

    u = y_k - x0 for the target, v = p_k - y0 for the probability; terms in u alone are constants.

    Args:
        probabilities: (N, K).
        truth: (N, K), 1 at the true class, else 0.
        x0: Any real; centre of the targets.
        y0: Any real; centre of the probabilities.
        c1: Any real; coefficient of v.
        c2: Any real; coefficient of v^2/2.
        c3: Any real; coefficient of v^3/6.
        c4: Any real; coefficient of u v.
        c5: Any real; coefficient of u v^2/2.
        c6: Any real; coefficient of u^2 v/2.
    """
    u, v = truth - x0, probabilities - y0
    linear = c1 + c4 * u + c6 / 2 * u.square()
    return -(v * (linear + v / 2 * (c2 + c5 * u + c3 / 3 * v))).mean(-1)


_COEFFICIENTS = {"c1": "v", "c2": "v^2/2", "c3": "v^3/6", "c4": "u v", "c5": "u v^2/2", "c6": "u^2 v/2"}

PART = Part(
    name="taylor",
    stage="term",
    kinds=("multiclass",),
    function=taylor,
    formula="taylor(p, y; {x0}, {y0}, {c1}, {c2}, {c3}, {c4}, {c5}, {c6})",
    latex=r"T(p, y; {x0}, {y0}, {c1}, {c2}, {c3}, {c4}, {c5}, {c6})",
    source="Gonzalez and Miikkulainen 2021, TaylorGLO, eq. 5",
    parameters=(
        Parameter("x0", default=0, search=(-5, 5), about="centre of the targets"),
        Parameter("y0", default=0, search=(-5, 5), about="centre of the probabilities"),
        *(
            Parameter(name, default=5 if name == "c4" else 0, search=(-5, 5), about=f"coefficient of {power}")
            for name, power in _COEFFICIENTS.items()
        ),
    ),
    broadcasts=True,
)
