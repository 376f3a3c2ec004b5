"""A space with parts that it had not, or with wider ranges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..losses import LossSpec, part
from .parse import usual_domains
from .space import Space

JOINED = 0.3  # how often a part that joined is in a loss


def extended(space: Space, losses: Iterable[LossSpec]) -> Space:
    """The space with every part of `losses` that it does not speak of, each with a switch.

    A preset is chosen by what is known of a task before anything is trained. Which standard losses do well
    says more: mislabelled samples, for one, make classes look alike in size that are not. A part that the
    space switches off stays off.

        >>> from lossmith.losses import standard_spec
        >>> from lossmith.spaces import auto, extended
        >>> space = auto("multiclass", class_counts=[500, 400])
        >>> wider = extended(space, [standard_spec("class_balanced", "multiclass")])
        >>> [name for name in wider.parts if name not in space.parts]
        ['class_balanced']

    Args:
        space: The space.
        losses: Standard losses that did well.
    """
    known = {*space.parts, *space.switches}
    joining = {name for spec in losses for name in spec.parts if name not in known}
    domains, switches = dict(space.domains), dict(space.switches)
    for name in sorted(joining):
        domains |= usual_domains(part(name, space.kind))
        switches[name] = JOINED
    return replace(space, domains=domains, switches=switches)
