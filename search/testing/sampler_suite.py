"""What every sampler promises."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from ...spaces import Domain, Space, preset
from ..proposals.samplers import Observation, Sampler, sampler_named

SPACE = preset("multiclass", "multiclass").with_learning_rate(Domain(1e-4, 1e-1, log=True))
EMPTY = Space("multiclass", {}, {}, {"mix.cross_entropy": 1.0})
HISTORIES = (0, 1, 30)


class SamplerSuite(ABC):
    """The promises of a sampler, as tests to inherit.

    >>> from lossmith.search.proposals.samplers import sampler_named
    >>> class TestRandom(SamplerSuite):
    ...     def make(self, space):
    ...         return sampler_named("random")(space, budget=40, width=10)
    """

    @abstractmethod
    def make(self, space: Space) -> Sampler:
        """Return a sampler for a space, for 40 points in cohorts of 10."""

    def test_points_lie_in_the_space(self) -> None:
        """As many points as asked for, each with every coordinate within its domain, told or not."""
        for history in HISTORIES:
            known = observations(history)
            for start in (0, 30):
                points = self.make(SPACE).propose(known, 7, start, 0)
                assert len(points) == 7
                for point in points:
                    assert point.keys() == SPACE.coordinates().keys()
                    assert all(0 <= share <= 1 for share in _shares(point).values())
                    SPACE.loss_at(point)  # every point means a loss

    def test_a_proposal_depends_on_its_arguments_alone(self) -> None:
        """A sampler that was used before, and one made afresh, propose the same for the same arguments."""
        for history in HISTORIES:
            known, used = observations(history), self.make(SPACE)
            for start in (0, 8, 24):
                used.propose(known[:10], 3, start + 1, 1)
                assert used.propose(known, 5, start, 0) == self.make(SPACE).propose(known, 5, start, 0)

    def test_another_start_and_another_seed_are_other_points(self) -> None:
        """Within a proposal, from proposal to proposal and from seed to seed no point comes twice."""
        for history in HISTORIES:
            known = observations(history)
            points = [
                point
                for start, seed in ((0, 0), (6, 0), (24, 0), (30, 0), (0, 1))
                for point in self.make(SPACE).propose(known, 6, start, seed)
            ]
            assert len({tuple(point.items()) for point in points}) == len(points)

    def test_what_was_told_stays_as_it_is(self) -> None:
        """A sampler changes nothing of what it is told."""
        known = observations(9)
        before = [(dict(t.point), repr(t.value), t.share) for t in known]
        self.make(SPACE).propose(known, 3, 30, 0)
        assert [(dict(t.point), repr(t.value), t.share) for t in known] == before

    def test_a_history_of_failures_alone_will_do(self) -> None:
        """Where everything diverged, or was pruned, there are still proposals."""
        points = random_points(30)
        for share, value in ((0.0, math.nan), (0.25, -math.inf), (0.25, 0.5)):
            known = [Observation(point, value, share) for point in points]
            assert len(self.make(SPACE).propose(known, 4, 30, 0)) == 4

    def test_a_space_without_coordinates_has_one_point(self) -> None:
        """Where nothing varies every proposal is the empty point."""
        assert self.make(EMPTY).propose((), 3, 0, 0) == [{}, {}, {}]
        assert self.make(EMPTY).propose([Observation({}, 0.5, 1.0)], 2, 30, 0) == [{}, {}]

    def test_the_edges_of_a_domain_are_in_it(self) -> None:
        """Points told from the corners of the space do not lead out of it."""
        corners = [{name: d.at(end) for name, d in SPACE.coordinates().items()} for end in (0.0, 1.0) * 10]
        points = self.make(SPACE).propose([Observation(corner, 1.0, 1.0) for corner in corners], 10, 30, 0)
        assert all(0 <= share <= 1 for point in points for share in _shares(point).values())

    def test_a_seed_may_be_any_whole_number_of_a_spec(self) -> None:
        """Seeds up to 2^63 - 1, which a SPEC may ask for, are taken."""
        assert len(self.make(SPACE).propose((), 2, 0, 2**63 - 1)) == 2

    def test_a_line_says_which_sampler_it_is(self) -> None:
        """`reason` is one line for the user."""
        assert len(self.make(SPACE).reason.splitlines()) == 1


def random_points(count: int) -> list[dict[str, float]]:
    """Return points of the suite's space, drawn at random; `count` says how many."""
    return sampler_named("random")(SPACE, None).propose((), count, 0, 9)


def observations(count: int) -> list[Observation]:
    """Return `count` points as a search tells them: complete, pruned and diverged, better near the middle."""
    return told(random_points(count))


def told(points: Sequence[Mapping[str, float]]) -> list[Observation]:
    """Return these points with the values they have in the suite."""
    results = []
    for number, point in enumerate(points):
        value = -sum((share - 0.5) ** 2 for share in _shares(point).values())
        share = (1.0, 0.5, 0.0)[number % 3]
        results.append(Observation(point, math.nan if share == 0 else value, share))
    return results


def _shares(point: Mapping[str, float]) -> dict[str, float]:
    """Where a point lies in each domain, 0 to 1."""
    return {name: domain.share(point[name]) for name, domain in SPACE.coordinates().items()}
