"""LaTeX as MathML, for the part of LaTeX in which `losses/spec/formulas.py` writes formulas.

Browsers draw MathML themselves: a formula needs no script, no font and no picture, and a screen reader can
read it. tests/experiments/report/test_mathml.py holds that every part and every standard loss is understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

_WORD = re.compile(r"\\(text|mathrm|mathit|operatorname)\{([^{}]*)\}")
_TOKEN = re.compile(_WORD.pattern + r"|\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?(?:e[+-]?\d+)?|[{}^_]|\s+|.")
_LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "theta": "θ", "lambda": "λ",
    "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "Phi": "Φ",
}  # fmt: skip
_SIGNS = {
    "neq": "≠", "leq": "≤", "geq": "≥", "to": "→", "cdot": "·", "times": "×", "pm": "±", "infty": "∞",
    "lfloor": "⌊", "rfloor": "⌋", "in": "∈", "log": "log", "|": "‖", "{": "{", "}": "}",
}  # fmt: skip
_NAMES = ("ln", "log", "exp", "cos", "sin", "cosh", "tanh", "max", "min")
_SPACES = {
    ",": "0.17em",
    ";": "0.28em",
    ":": "0.22em",
    "!": "0",
    "quad": "1em",
    "qquad": "2em",
    " ": "0.25em",
}
_MINUS = {"-": "−"}


class UnknownLatex(ValueError):  # noqa: N818  (it names what happened)
    """LaTeX that this module does not know; the formula is then shown as text."""


def mathml(latex: str) -> str:
    """A `<math>` element that shows `latex`, with the LaTeX itself as its annotation.

    Raises `UnknownLatex` for a command that is not known.
    """
    tokens = _Tokens(latex)
    body = _row(tokens, end=None)
    return (
        '<math xmlns="http://www.w3.org/1998/Math/MathML" displaystyle="true"><semantics>'
        f"<mrow>{body}</mrow>"
        f'<annotation encoding="application/x-tex">{escape(latex)}</annotation></semantics></math>'
    )


class _Tokens:
    """The tokens of some LaTeX, with a look at the next one."""

    def __init__(self, latex: str) -> None:
        self._tokens = [found[0] for found in _TOKEN.finditer(latex) if not found[0].isspace()]
        self._latex = latex
        self._place = 0

    @property
    def next(self) -> str | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def take(self) -> str:
        if self.next is None:
            raise UnknownLatex(f"it ends too early: {self._latex}")
        self._place += 1
        return self._tokens[self._place - 1]

    def give_back(self, token: str) -> None:
        """Put a token before the next one."""
        self._tokens.insert(self._place, token)


def _row(tokens: _Tokens, end: str | None) -> str:
    """Everything up to `end`, which is taken."""
    parts: list[str] = []
    while tokens.next != end:
        parts.append(_scripted(tokens))
    if end is not None:
        tokens.take()
    return "".join(parts)


def _scripted(tokens: _Tokens) -> str:
    """One thing with what stands below and above it."""
    base = _atom(tokens)
    scripts: dict[str, str] = {}
    while tokens.next in ("_", "^"):
        sign = tokens.take()
        scripts[sign] = _group(tokens)
    if not scripts:
        return base
    under = "∑" in base
    if len(scripts) == 2:
        tag = "munderover" if under else "msubsup"
        return f"<{tag}>{base}{scripts['_']}{scripts['^']}</{tag}>"
    ((place, script),) = scripts.items()
    tag = {"_": "munder" if under else "msub", "^": "mover" if under else "msup"}[place]
    return f"<{tag}>{base}{script}</{tag}>"


def _group(tokens: _Tokens) -> str:
    """An argument: a group in braces, or one thing; of a number without braces its first digit."""
    if tokens.next == "{":
        tokens.take()
        return f"<mrow>{_row(tokens, '}')}</mrow>"
    token = tokens.next or ""
    if len(token) > 1 and token[0].isdigit():
        tokens.take()
        tokens.give_back(token[1:])
        return f"<mn>{token[0]}</mn>"
    return _atom(tokens)


def _atom(tokens: _Tokens) -> str:
    token = tokens.take()
    if token == "{":
        return f"<mrow>{_row(tokens, '}')}</mrow>"
    if words := _WORD.fullmatch(token):
        text = escape(words[2])
        return f"<mtext>{text}</mtext>" if words[1] == "text" else f'<mi mathvariant="normal">{text}</mi>'
    if token.startswith("\\"):
        return _command(token[1:], tokens)
    if token[0].isdigit():
        return f"<mn>{token}</mn>"
    if token.isalpha():
        return f"<mi>{token}</mi>"
    if token in "()[]|":
        return f'<mo stretchy="false">{token}</mo>'
    if token in "}^_":
        raise UnknownLatex(f"{token} stands alone")
    return f"<mo>{_MINUS.get(token, escape(token))}</mo>"


def _command(name: str, tokens: _Tokens) -> str:
    if name in ("frac", "tfrac", "dfrac"):
        return f"<mfrac>{_group(tokens)}{_group(tokens)}</mfrac>"
    if name == "left":
        opening = _delimiter(tokens)
        inside = "".join(_until_right(tokens))
        return f"<mrow>{opening}<mrow>{inside}</mrow>{_delimiter(tokens)}</mrow>"
    if name in _NAMES:
        # A function's name is followed by a thin space, unless a bracket follows.
        space = "" if tokens.next in ("(", "_", "^", "\\left") else '<mspace width="0.17em"/>'
        return f'<mi mathvariant="normal">{name}</mi>{space}'
    if name == "sum":
        return '<mo movablelimits="true">∑</mo>'
    if name == "sqrt":
        return f"<msqrt>{_group(tokens)}</msqrt>"
    if name in _LETTERS:
        return f"<mi>{_LETTERS[name]}</mi>"
    if name in _SPACES:
        return f'<mspace width="{_SPACES[name]}"/>'
    if name in _SIGNS:
        return f"<mo>{_SIGNS[name]}</mo>"
    raise UnknownLatex(f"\\{name} is not known")


def _until_right(tokens: _Tokens) -> Iterator[str]:
    while tokens.next != "\\right":
        yield _scripted(tokens)
    tokens.take()


def _delimiter(tokens: _Tokens) -> str:
    token = tokens.take()
    if token == ".":
        return ""
    return (
        f"<mo>{escape(_SIGNS.get(token[1:], token.lstrip(chr(92))) if token[0] == chr(92) else token)}</mo>"
    )
