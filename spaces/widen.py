"""Ranges whose end a good point has reached, and the same space with these moved outwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from ..losses import Kind
from ..losses.spec import part_and_parameter
from .domain import Domain
from .numbers import declared, limits
from .recipe import RECIPE
from .space import SWITCH, Space

End = Literal["low", "high"]
NEAR = 0.02  # of a range: what lies nearer to its end than this lies at the end


def edges(space: Space, points: Iterable[Mapping[str, float]], near: float = NEAR) -> dict[str, End]:
    """The searched numbers that lie at one end of their range in one of the points, with that end.

    Only numbers that are defined beyond that end are named. A number of a part that is switched off in a
    point says nothing, nor does one whose range is a single value.

        >>> domains = {"mix.cross_entropy": Domain(0.5, 1), "focal.gamma": Domain(0, 5)}
        >>> space = Space("binary", domains, switches={}, fixed={})
        >>> edges(space, [{"mix.cross_entropy": 0.7, "focal.gamma": 5.0}])
        {'focal.gamma': 'high'}

    Args:
        space: where the points lie.
        points: the best first; of two that lie at both ends the first counts.
        near: the share of a range, in its own scale, within which its end counts as reached. Where a few
            values were tried, such as the learning rates of standard losses, half of their distance.
    """
    found: dict[str, End] = {}
    for point in points:
        on = {*space.parts_at(point), RECIPE}
        for name, domain in space.coordinates().items():
            if name in found or name not in point or name in space.options or name.endswith(f".{SWITCH}"):
                continue
            if domain.low == domain.high or part_and_parameter(name)[0] not in on:
                continue
            share = domain.share(point[name])
            at_end = min(share, 1 - share) <= near + 1e-9  # a share is rounded
            end: End | None = ("low" if share < 0.5 else "high") if at_end else None
            if end and beyond(name, space.kind, domain, end) != domain:
                found[name] = end
    return found


def widened(space: Space, ends: Mapping[str, End], *, by: float = 1.0) -> Space:
    """The space with these ranges longer by `by` of their own length, as far as the numbers are defined.

    The scale counts: with `by` 1 a logarithmic range from .001 to .1 that is moved down starts at .00001. A
    range that a SPEC gives stays as it is.

        >>> space = Space("regression", {"mix.huber": Domain(1, 1), "huber.delta": Domain(1, 2)}, {}, {})
        >>> widened(space, {"huber.delta": "high"}).domains["huber.delta"]
        Domain(low=1, high=3.0, log=False)

    Args:
        space: the space.
        ends: names of searched numbers, with the end to move; see `edges`.
        by: the share of a range's length to add to it.
    """
    moved = {
        name: beyond(name, space.kind, space.domains[name], end, by)
        for name, end in ends.items()
        if name in space.domains and name not in space.given
    }
    return replace(space, domains={**space.domains, **moved})


def beyond(name: str, kind: Kind, domain: Domain, end: End, by: float = 1.0) -> Domain:
    """The range of a number with one end moved outwards, half-way to a limit that it may not reach.

    Args:
        name: Such as "focal.gamma".
        kind: The kind of problem.
        domain: The range.
        end: Which end to move.
        by: The share of the range's length to add to it.
    """
    least, most = limits(name, kind)
    value = domain.beyond(-by if end == "low" else 1 + by)
    value = min(max(value, least), most)
    if not declared(name, kind).allows(value) or (domain.log and value <= 0):
        value = (domain.low + least) / 2 if end == "low" else (domain.high + most) / 2
    return replace(domain, low=value) if end == "low" else replace(domain, high=value)
