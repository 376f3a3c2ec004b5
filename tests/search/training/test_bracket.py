"""Scores, rungs and final states of a cohort do not depend on which program brought them first."""

from __future__ import annotations

import random

from lossmith.search.records import Member, Repeat
from lossmith.search.training.bracket import Bracket, Scored


def test_outcomes_do_not_depend_on_the_order_in_which_scores_arrive() -> None:
    """Means over repeats are equal to the last bit, whichever worker was first."""
    repeats, draw = [Repeat(seed) for seed in range(7)], random.Random(0)
    scored = [
        Scored(Member(0, repeat), draw.random(), None, (draw.random(),), (draw.gauss(0, 1),) * 3)
        for repeat in repeats
    ]
    outcomes = []
    for _ in range(20):
        bracket = Bracket(1, repeats, 1)
        bracket.record(scored, 3)
        outcomes.append(bracket.outcomes(3))
        draw.shuffle(scored)
    assert all(found == outcomes[0] for found in outcomes)
