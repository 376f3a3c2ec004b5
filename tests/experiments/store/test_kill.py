"""What is left of a store when its process is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lossmith.experiments.store import Store, new_owner

pytestmark = pytest.mark.end_to_end

# Keeps units for ever, and names each once it is kept.
WRITER = """
import sys
import pytest

from lossmith.experiments.store import Store, new_owner
from lossmith.losses import LossSpec
from lossmith.search.records import Unit
from lossmith.spaces.recipe import Recipe
from lossmith.search.records import Candidate, Outcome, Repeat, Trial

owner, store = new_owner(), Store.open(sys.argv[1])
search = store.create("killed", {}, {}, 0, owner)
candidate = Candidate(LossSpec("multiclass", {"mix.gce": 1.0}), Recipe())
for index in range(10**6):
    numbers = range(20 * index, 20 * index + 20)
    outcome = Outcome("complete", (0.5,), 20)
    trials = tuple(Trial(n, "explore", index, candidate, (Repeat(0),), outcome) for n in numbers)
    store.save_unit(search.id, Unit("explore", index, trials), owner)
    print(index, flush=True)
"""


def test_kill_9_loses_no_unit_and_halves_none(store_url: str, tmp_path: Path) -> None:
    """After kill -9 every unit that was reported kept is there whole, and the search can be resumed."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, store_url], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as writer:
        assert writer.stdout is not None
        reported = [int(writer.stdout.readline()) for _ in range(12)]
        writer.kill()
    with Store.open(store_url) as store:
        found = store.get("killed")
        units = store.units(found.id)
        assert [unit.index for unit in units][: len(reported)] == reported
        assert all(len(unit.trials) == 20 for unit in units)
        assert found.status == "interrupted"
        store.claim(found.id, new_owner())
        assert store.get("killed").status == "running"
