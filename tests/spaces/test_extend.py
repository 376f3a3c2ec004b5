"""A space extended by the standard losses that do well."""

from __future__ import annotations

import pytest

from lossmith.losses import standard_spec
from lossmith.spaces import auto, extended, preset, space_from


def test_an_extended_space_holds_the_losses_it_was_extended_by() -> None:
    """Each as an exact point, with its parts free to be combined with all others."""
    space = auto("multiclass", [50, 40])
    spec = standard_spec("class_balanced", "multiclass")
    assert space.point_of(spec, 1e-3) is None
    wider = extended(space, [spec, standard_spec("gce", "multiclass")])
    point = wider.point_of(spec, 1e-3)
    assert point is not None
    assert wider.loss_at(point).parameters == pytest.approx(dict(spec.parameters))
    assert {"class_balanced.on", "class_balanced.beta", *space.coordinates()} == set(wider.coordinates())


def test_a_part_that_a_spec_switched_off_stays_off() -> None:
    """Who rules a part out does not get it back because a standard loss with it does well."""
    space = space_from({"switches": {"class_balanced": 0}}, "multiclass", [50, 40])
    wider = extended(space, [standard_spec("class_balanced", "multiclass")])
    assert "class_balanced.beta" not in wider.coordinates()


def test_only_a_space_that_was_chosen_by_itself_is_extensible() -> None:
    """A preset that was asked for by name holds what it says; `auto` and what starts from it join."""
    assert auto("multiclass", [50, 40]).extensible
    assert space_from({"parameters": {"gce.q": 0.5}}, "multiclass", [50, 40]).extensible
    assert not preset("multiclass", "multiclass").extensible
    assert not space_from({"preset": "multiclass", "parameters": {"gce.q": 0.5}}, "multiclass").extensible
