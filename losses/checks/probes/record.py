"""What an audit found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class AuditFinding:
    """One thing that is wrong with a loss, or worth knowing of it.

    Args:
        name: In two or three words, the same for every loss.
        severity: "error" where models are trained wrongly, "warning" where it hurts in certain cases, "note"
            where it may be meant.
        evidence: What was measured, with its numbers.
        what: What is wrong.
        hurts: How it would hurt in training.
        remedy: What to write instead.
    """

    name: str
    severity: Severity
    evidence: str
    what: str
    hurts: str
    remedy: str


@dataclass(frozen=True)
class Audit:
    """What an audit of one loss found.

    Args:
        kind: The kind of problem for which the loss was tried.
        findings: What is wrong, the most serious first.
        notes: What may be meant; notes are no findings.
    """

    kind: str
    findings: tuple[AuditFinding, ...] = ()
    notes: tuple[AuditFinding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """A plain document of everything that was found."""
        return {
            "kind": self.kind,
            "ok": self.ok,
            "findings": [asdict(finding) for finding in self.findings],
            "notes": [asdict(note) for note in self.notes],
        }
