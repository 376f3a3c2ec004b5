"""Resumes the searches of a cluster whose driver died: with the head, out of memory, or killed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ...losses.errors import UserError
from ..store import SearchRecord, Store, patient

Pulse = tuple[str | None, datetime | None]
MOST_TRIES = 5  # a search that died as often without a trial more than before is not resumed any more


def is_dead(record: SearchRecord) -> bool:
    """Whether a search of a cluster lost its driver, and was not stopped by anybody."""
    return record.status == "interrupted" and record.owner is not None and record.notes.runner == "ray"


@dataclass
class Supervisor:
    """Finds searches whose driver died, and has them resumed.

    Args:
        resume: Submits the search of this name; False where the cluster cannot take it yet.
        say: Called with each line for the operator.
    """

    resume: Callable[[str], bool]
    say: Callable[[str], None]
    _dead: dict[int, Pulse] = field(default_factory=dict)
    _tries: dict[int, tuple[int, int]] = field(default_factory=dict)

    def look(self, store: Store) -> list[str]:
        """Resume the searches that were dead at the last look and show no sign of life since.

        One look is not enough: after an outage of the database every heartbeat is old. A search that the
        cluster cannot take yet is tried again at each look, for as long as that lasts.

        Args:
            store: Where they are kept.

        Returns:
            Their names.
        """
        dead = {record.id: record for record in store.searches() if is_dead(record)}
        resumed = []
        for record in dead.values():
            if self._dead.get(record.id) != (record.owner, record.heartbeat_at):
                continue
            trials = sum(store.counts(record.id).values())
            before, tries = self._tries.get(record.id, (trials, 0))
            tries = tries if trials == before else 0
            if tries < MOST_TRIES and self.resume(record.name):
                resumed.append(record.name)
                self._tries[record.id] = (trials, tries + 1)
            elif tries == MOST_TRIES:
                self._tries[record.id] = (trials, tries + 1)  # said once
                self.say(
                    f"{record.name} died {MOST_TRIES} times without a trial more, so it is not resumed; "
                    f"see why in its job's log, and go on with: lossmith resume {record.name} --address ..."
                )
        self._dead = {
            record.id: (record.owner, record.heartbeat_at)
            for record in dead.values()
            if record.name not in resumed
        }
        return resumed


def supervise(
    store: Store, address: str, every_s: float, say: Callable[[str], None], *, once: bool = False
) -> None:
    """Look at a store again and again, and resume what is dead on its cluster.

    Args:
        store: Where searches are kept.
        address: The URL of the cluster's dashboard.
        every_s: Seconds between two looks.
        say: Called with each line for the operator.
        once: Whether to end after two looks.

    Raises:
        UserError: The address can be no cluster's.
    """
    from .jobs import check_address, client_for, submit_resume

    check_address(address)

    waiting: dict[str, str] = {}

    def resume(name: str) -> bool:
        try:
            job = submit_resume(client_for(address), name)
        except UserError as error:  # the head is on its way; the next look tries again
            if waiting.get(name) != str(error):
                say(f"{name} waits for the cluster: {error}")
            waiting[name] = str(error)
            return False
        waiting.pop(name, None)
        say(f"{name} is resumed as job {job}")
        return True

    supervisor, kept = Supervisor(resume, say), patient(store, say)
    looks = 0
    while not once or looks < 2:
        supervisor.look(kept)
        looks += 1
        if not once or looks < 2:
            time.sleep(every_s)
