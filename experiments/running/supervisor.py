"""Resumes the searches of a cluster whose driver died: with the head, out of memory, or killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ...losses.errors import UserError
from ..store import SearchRecord, Store, patient

Pulse = tuple[str | None, datetime | None]
MOST_TRIES = 5  # without a trial more than before, a search that dies again is not brought back


def is_dead(record: SearchRecord) -> bool:
    """Whether a search of a cluster lost its driver, and was not stopped by anybody."""
    return record.status == "interrupted" and record.owner is not None and record.notes.runner == "ray"


@dataclass
class Supervisor:
    """Who was found dead at the last look, and how often each was resumed at the same number of trials."""

    resume: Callable[[str], None]
    _dead: dict[int, Pulse] = field(default_factory=dict)
    _tries: dict[int, tuple[int, int]] = field(default_factory=dict)

    def look(self, store: Store) -> list[str]:
        """Resume the searches that were dead at the last look and show no sign of life since; their names.

        One look is not enough: after an outage of the database every heartbeat is old.
        """
        dead = {record.id: record for record in store.searches() if is_dead(record)}
        resumed = []
        for record in dead.values():
            if self._dead.get(record.id) == (record.owner, record.heartbeat_at) and self._may(store, record):
                self.resume(record.name)
                resumed.append(record.name)
        self._dead = {
            record.id: (record.owner, record.heartbeat_at)
            for record in dead.values()
            if record.name not in resumed
        }
        return resumed

    def _may(self, store: Store, record: SearchRecord) -> bool:
        trials = sum(store.counts(record.id).values())
        before, tries = self._tries.get(record.id, (-1, 0))
        tries = tries + 1 if trials == before else 1
        self._tries[record.id] = (trials, tries)
        return tries <= MOST_TRIES


def supervise(store: Store, address: str, every_s: float, *, once: bool = False) -> None:
    """Look at the store every so many seconds, for ever or (`once`) two times."""
    from .jobs import client_for, submit_resume

    def resume(name: str) -> None:
        try:
            job = submit_resume(client_for(address), name)
        except UserError as error:  # the head is on its way; the next look tries again
            _say(f"{name} waits for the cluster: {error}")
        else:
            _say(f"{name} is resumed as job {job}")

    supervisor, kept = Supervisor(resume), patient(store, _say)
    looks = 0
    while not once or looks < 2:
        supervisor.look(kept)
        looks += 1
        if not once or looks < 2:
            time.sleep(every_s)


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
