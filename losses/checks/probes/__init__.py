"""What is wrong with a loss, in words: probes by family, one file each, and what their findings mean."""

from .auditor import audit
from .record import Audit, AuditFinding

__all__ = ["Audit", "AuditFinding", "audit"]
