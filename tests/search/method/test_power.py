"""What the gate promises of a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from lossmith.search import Candidate, Task
from lossmith.search.method.context import SearchContext
from lossmith.search.method.headroom import headroom
from lossmith.search.method.power import _needed
from lossmith.search.random_streams import generator
from lossmith.search.records import HeadroomAssessment
from lossmith.search.records.typed_json import plain as as_json

from ..simulation import PLAN, JsonLedger, RecordedProgress, SimulatedRunner, context_of, is_standard
from .test_headroom import rank


def apart(candidate: Candidate) -> float:
    """Standard losses that differ by .01 each."""
    return 0.5 + 0.01 * rank(candidate)


def _ahead_by(lead: float) -> Callable[[Candidate], float]:
    """Every searched loss scores .5 and the lead, every standard one .5."""
    return lambda candidate: 0.5 if is_standard(candidate) else 0.5 + lead


def assessed(context: SearchContext) -> HeadroomAssessment:
    """What the standard losses tell of a task."""
    found = headroom(context).assessment
    assert found is not None
    return found


def known(value: float | None) -> float:
    """A number that the assessment has."""
    assert value is not None
    return value


def test_the_noise_is_that_of_a_paired_difference(folded_task: Task) -> None:
    """With noise of .004 to each loss, differences vary by .004 root 2 over seeds, and no more over folds.

    Within a fifth, for it is estimated from 15 losses on 32 repeats; noise that losses share does not count.
    """
    plan = replace(PLAN, seeds=8, folds=4)
    gate = assessed(context_of(SimulatedRunner(folded_task, apart, shared=0.1), plan=plan))
    assert known(gate.seed_noise) == pytest.approx(0.004 * 2**0.5, rel=0.2)
    assert known(gate.fold_noise) < 0.5 * known(gate.seed_noise)
    assert known(gate.spread) > 0.01


def test_a_tie_has_no_spread(task: Task) -> None:
    """Standard losses that are equal differ by nothing once their noise is taken off."""
    gate = assessed(context_of(SimulatedRunner(task, lambda c: 0.7), plan=replace(PLAN, seeds=16)))
    assert known(gate.spread) < 0.002
    assert gate.matters is False


def test_the_samples_limit_what_can_be_shown(task: Task) -> None:
    """Luck with the held-out samples, which no repeat makes smaller, raises the least visible difference."""
    lucky, plain = (
        assessed(context_of(SimulatedRunner(task, apart, samples=samples))) for samples in (0.02, 0.0)
    )
    assert known(plain.sample_error) < 1e-12  # what rounding leaves
    assert known(lucky.sample_error) == pytest.approx(0.02 * 2**0.5, rel=0.5)
    assert known(lucky.detectable) > 2 * known(plain.detectable)


def test_a_searched_loss_may_differ_more_than_standard_ones(task: Task) -> None:
    """Where standard losses share their luck with the samples, the promise is still not made on that."""

    class Alike(SimulatedRunner):
        """Whoever is scored has much the same luck with the held-out samples."""

        def _resampled(self, candidate: Candidate, score: float, n_resamples: int) -> tuple[float, ...]:
            luck = torch.randn(n_resamples, generator=generator("resampled"), dtype=torch.float64)
            own = super()._resampled(candidate, score, n_resamples)
            return tuple((torch.tensor(own, dtype=torch.float64) + 0.02 * luck).tolist())

    alike, plain = (
        assessed(context_of(kind(task, apart, samples=0.002))) for kind in (Alike, SimulatedRunner)
    )
    assert known(alike.sample_error) == pytest.approx(known(plain.sample_error))
    assert known(alike.searched_error) == pytest.approx((0.02 * known(alike.sample_error)) ** 0.5, rel=0.2)
    assert known(alike.searched_error) > 2 * known(plain.searched_error)
    assert known(alike.detectable) > known(plain.detectable)
    assert known(alike.error) == pytest.approx(known(plain.error))


def test_more_repeats_are_needed_for_smaller_differences(task: Task) -> None:
    """Half the difference takes about four times the repeats; below the samples' luck no number is enough."""
    rows = assessed(context_of(SimulatedRunner(task, apart, own=0.02))).repeats_needed
    half, once, twice = (known(row.repeats) for row in rows or ())
    assert half == pytest.approx(4 * once, rel=0.1, abs=3)
    assert twice <= once
    assert _needed(0.1, per_repeat=0.02, at_test=0.05) is None


def test_the_gate_is_kept(task: Task) -> None:
    """What the gate said is in the ledger, for those who read it there, and says it in one line."""
    ledger, heard = JsonLedger(), RecordedProgress()
    gate = assessed(context_of(SimulatedRunner(task, apart), ledger=ledger, progress=heard))
    unit = ledger.find("headroom", 2)
    assert unit is not None
    assert unit.payload == as_json(gate)
    assert heard.notes[-1] == gate.message
    assert f"found, 9 times in 10, if it leads by {known(gate.detectable):.4f}" in gate.message


def test_what_the_gate_promises_is_found(task: Task) -> None:
    """A search among simulated losses that lead by what was promised crowns one in at least 9 of 10 races."""
    from lossmith.search.method.explore import explore
    from lossmith.search.method.race import race

    crowned = 0
    for seed in range(20):
        plan = replace(PLAN, seed=seed, seeds=3 + seed)
        runner = SimulatedRunner(task, lambda c: 0.5, own=0.02)
        lead = known(assessed(context_of(runner, plan=plan)).detectable)
        led = replace(runner, quality=_ahead_by(lead))
        context = context_of(led, plan=plan)
        tuned = headroom(context)
        crowned += race(context, tuned, explore(context, tuned.trials)).crowned
    assert crowned >= 18
