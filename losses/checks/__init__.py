"""What every loss promises, whether a given one does, and the batches on which it is tried.

>>> from lossmith.losses import part
>>> from lossmith.losses.checks import examine
>>> all(finding.ok for finding in examine(part("gce"), "multiclass", needed=True))
True
"""

from .contract import PROMISES, Promise, check
from .examination import Finding, examine
from .gradient_health import Health, health, healths
from .probe_batches import extreme_batch, random_batch
from .probes import Audit, AuditFinding, audit
from .subject import Broken, Subject, of_part, value_and_gradient
from .suite import LossContract

__all__ = [
    "PROMISES",
    "Audit",
    "AuditFinding",
    "Broken",
    "Finding",
    "Health",
    "LossContract",
    "Promise",
    "Subject",
    "audit",
    "check",
    "examine",
    "extreme_batch",
    "health",
    "healths",
    "of_part",
    "random_batch",
    "value_and_gradient",
]
