"""Which promises a part keeps: a finding each. For `lossmith check`, for losses on arrival, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..declarations import Part
from ..errors import UserError, one_line
from ..family import UserTerm, parts, registered
from ..kinds import Kind
from .contract import PROMISES, Promise
from .gradient_health import healths
from .subject import Subject, of_part


@dataclass(frozen=True)
class Finding:
    """What came of one check of a loss.

    Args:
        check: the promise in a word or two.
        ok: whether the loss keeps it.
        text: the promise, or in one line what does not hold.
        needed: whether a loss that does not keep it cannot be searched.
    """

    check: str
    ok: bool
    text: str
    needed: bool = True


def examine(found: Part, kind: Kind, *, needed: bool = False) -> list[Finding]:
    """Put a part through the contract as a loss: a term alone, any other part around the plainest term.

    A loss that does not run has that finding alone, and of one that cannot be searched it is not told what
    else it could not be used for. The part need not be registered, and is not afterwards.

    Args:
        found: the part.
        kind: one of the kinds of problem that it serves.
        needed: whether to leave out the promises without which it can still be searched.
    """
    chosen = [promise for promise in PROMISES if not (needed and promise.without)]
    with registered(_with_free_name(found)) as own:
        subject = replace(of_part(own, kind), name=found.name)
        first, *others = chosen
        findings = [_finding(first, subject)]
        if not findings[0].ok:
            return findings
        for promise in others:
            if not promise.without or all(finding.ok or not finding.needed for finding in findings):
                findings.append(_finding(promise, subject))
        return [*findings, *_health(subject, needed=isinstance(found.function, UserTerm))]


def _with_free_name(found: Part) -> Part:
    """A part that has the name of another one can be examined, though not registered."""
    taken = found.name in parts() and parts()[found.name] != found
    return replace(found, name=f"own_{found.name}") if taken else found


def _finding(promise: Promise, subject: Subject) -> Finding:
    required = not promise.without
    try:
        promise.check(subject)
    except Exception as error:  # noqa: BLE001  (whatever a user's code raises is a finding)
        said = _brief(error, subject)
        text = said if required else f"{said}; not for {promise.without}"
        return Finding(promise.name, ok=False, text=text, needed=required)
    return Finding(promise.name, ok=True, text=promise.about, needed=required)


def _health(subject: Subject, *, needed: bool) -> Iterable[Finding]:
    """How the loss pulls. A part may be meant for a mix; a loss of a user's own stands alone."""
    try:
        (found,) = healths([subject.spec])
    except Exception as error:  # noqa: BLE001  (the same)
        return [Finding("healthy", ok=False, text=_brief(error, subject), needed=needed)]
    if found.problems:
        return [Finding("healthy", ok=False, text=problem, needed=needed) for problem in found.problems]
    text = (
        f"the pull on a confident mistake is {found.mistakes:.3g} times that on an undecided sample, "
        f"the largest {found.largest:.3g} times"
    )
    return [Finding("healthy", ok=True, text=text, needed=needed)]


def _brief(error: Exception, subject: Subject) -> str:
    if isinstance(error, AssertionError | UserError):
        return one_line(str(error).removeprefix(f"{subject.name}: "), 240)
    return f"{type(error).__name__}: {one_line(error)}"
