"""What a sampler, a ledger, a runner or an engine from outside is tested with.

The suites are classes to inherit, in pytest: each says in one method how the thing is made. The rest takes
the place of what would be slow: a runner whose scores come from a formula, a ledger that keeps text, a
progress that remembers.
"""

from .engine_suite import EngineSuite
from .json_ledger import JsonLedger
from .ledger_suite import LedgerSuite
from .problems import small_task
from .recorded_progress import RecordedProgress
from .runner_suite import RunnerSuite
from .sampler_suite import SamplerSuite
from .simulated_runner import SimulatedRunner

__all__ = [
    "EngineSuite",
    "JsonLedger",
    "LedgerSuite",
    "RecordedProgress",
    "RunnerSuite",
    "SamplerSuite",
    "SimulatedRunner",
    "small_task",
]
