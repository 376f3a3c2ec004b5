"""What every store promises, whatever database it is kept in."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from lossmith.experiments.store import AlreadySaved, ClaimLost, SearchRecord, Store, StoreLedger, new_owner
from lossmith.losses import UserError
from lossmith.search.records import Trial, Unit

from ..conftest import made_verdict

Maker = Callable[..., Trial]


def new(store: Store, owner: str | None, name: str = "digits-1") -> SearchRecord:
    """A search just entered."""
    return store.create(
        name, {"task": "digits", "trials": 256}, {"name": "digits", "metric": "macro_f1"}, 7, owner
    )


def unit(trial: Maker, index: int, first: int, count: int = 4) -> Unit:
    """A unit of trials with numbers in a row."""
    return Unit("explore", index, tuple(trial(first + k) for k in range(count)), {"best": 0.5}, 1.25)


def at_once(count: int, work: Callable[[int], object]) -> list[object]:
    """What `work` returned, or raised, in as many threads that begin together."""
    gate, results = threading.Barrier(count), [None] * count

    def run(k: int) -> None:
        gate.wait()
        try:
            results[k] = work(k)  # type: ignore[call-overload]  # any result
        except Exception as error:  # noqa: BLE001  (the test looks at it)
            results[k] = error  # type: ignore[call-overload]  # any result

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(results)


def test_a_new_search_is_read_back_as_it_was_entered(store: Store, owner: str) -> None:
    """`create` and `get` return the same record, running and owned, with what it was created from."""
    made = new(store, owner)
    assert store.get("digits-1") == made
    assert (made.status, made.owner, made.seed) == ("running", owner, 7)
    assert made.spec == {"task": "digits", "trials": 256}
    assert made.created_at == made.updated_at == made.heartbeat_at
    assert made.created_at.utcoffset() is not None


def test_searches_and_names_come_in_the_order_of_their_creation(store: Store, owner: str) -> None:
    """The catalogue lists the oldest first, and every search has a uid of its own."""
    made = [new(store, owner, name) for name in ("b", "a", "c")]
    assert store.names() == ["b", "a", "c"]
    assert store.searches() == made
    assert len({record.uid for record in made}) == 3


def test_a_name_is_taken_once(store: Store, owner: str) -> None:
    """The second search of a name is refused with the name and both ways out, and the first is unchanged."""
    first = new(store, owner)
    with pytest.raises(UserError, match=r"'digits-1' is taken: .*--name.*lossmith resume digits-1"):
        new(store, owner)
    assert store.searches() == [first]


def test_of_many_that_create_one_name_at_once_one_succeeds(store: Store, owner: str) -> None:
    """The database decides who was first: all others get the error for a name that is taken."""
    results = at_once(6, lambda _: new(store, owner))
    assert sum(isinstance(result, SearchRecord) for result in results) == 1
    assert sum(isinstance(result, UserError) for result in results) == 5


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_a_name_fits_its_column(store: Store, owner: str, name: str) -> None:
    """A name of no or too many characters is a user's mistake, in every database alike."""
    with pytest.raises(UserError, match="1 to 200 characters that can be printed, but got"):
        new(store, owner, name)


def test_an_unknown_name_brings_near_ones(store: Store, owner: str) -> None:
    """A typing error is answered with the name that was meant; an empty store says that it is empty."""
    with pytest.raises(UserError, match="unknown search 'digits': the store holds none; start one"):
        store.get("digits")
    new(store, owner)
    with pytest.raises(UserError, match="unknown search 'digit-1': did you mean digits-1"):
        store.get("digit-1")


def test_trials_are_read_back_equal(store: Store, owner: str, trial: Maker) -> None:
    """Every trial equals the one that was kept: NaN scores, points, reasons, all digits of all numbers."""
    search = new(store, owner)
    kept = unit(trial, 0, 0, 9)
    store.save_unit(search.id, kept, owner)
    assert store.trials(search.id) == list(kept.trials)
    assert store.unit(search.id, "explore", 0) == kept


def test_numbers_that_json_lacks_are_kept(store: Store, owner: str, trial: Maker) -> None:
    """A score and a rung that were not numbers and a payload with infinities come back as they were."""
    search = new(store, owner)
    outcome = replace(trial(0).outcome, scores=(0.5, math.nan), rungs=((3, math.nan),))
    kept = Unit("race", 0, (replace(trial(0), outcome=outcome),), {"a": [math.nan, -math.inf]}, 0.0)
    store.save_unit(search.id, kept, owner)
    assert store.unit(search.id, "race", 0) == kept


def test_units_keep_their_order_and_their_trials(store: Store, owner: str, trial: Maker) -> None:
    """Units come in the order in which they were kept, each with its own trials or with none."""
    search, other = new(store, owner), new(store, owner, "other")
    kept = [unit(trial, 1, 4), Unit("headroom", 0, (), None, 0.5), unit(trial, 0, 0)]
    for one in kept:
        store.save_unit(search.id, one, owner)
    store.save_unit(other.id, unit(trial, 0, 0), owner)
    assert store.units(search.id) == kept
    assert [t.number for t in store.trials(search.id)] == list(range(8))


def test_a_unit_that_is_not_kept_is_none(store: Store, owner: str, trial: Maker) -> None:
    """A unit is found by its search, phase and index together."""
    search, other = new(store, owner), new(store, owner, "other")
    store.save_unit(search.id, unit(trial, 0, 0), owner)
    assert store.unit(search.id, "explore", 1) is None
    assert store.unit(search.id, "race", 0) is None
    assert store.unit(other.id, "explore", 0) is None


def test_a_ledger_of_a_store_finds_what_it_kept(store: Store, owner: str, trial: Maker) -> None:
    """A search sees its units through the ledger, and whoever follows along hears of each."""
    heard: list[int] = []
    ledger = StoreLedger(store, new(store, owner).id, owner, lambda: heard.append(1))
    assert ledger.find("explore", 0) is None
    ledger.keep(unit(trial, 0, 0))
    assert ledger.find("explore", 0) == unit(trial, 0, 0)
    assert heard == [1]


@pytest.mark.parametrize(("index", "first"), [(0, 100), (1, 3)])
def test_a_unit_is_kept_once_and_wholly(
    store: Store, owner: str, trial: Maker, index: int, first: int
) -> None:
    """A unit whose place, or one of whose numbers, is taken is refused and leaves no trace."""
    search = new(store, owner)
    kept = unit(trial, 0, 0)
    store.save_unit(search.id, kept, owner)
    with pytest.raises(AlreadySaved, match=f"unit {index} of the phase explore"):
        store.save_unit(search.id, unit(trial, index, first), owner)
    assert store.units(search.id) == [kept]


def test_two_searches_number_their_trials_separately(store: Store, owner: str, trial: Maker) -> None:
    """Trial 0 of one search and trial 0 of another are different trials."""
    first, second = new(store, owner), new(store, owner, "other")
    store.save_unit(first.id, unit(trial, 0, 0), owner)
    store.save_unit(second.id, unit(trial, 0, 0, 2), owner)
    assert [len(store.trials(search.id)) for search in (first, second)] == [4, 2]


def test_counts_name_every_state(store: Store, owner: str, trial: Maker) -> None:
    """Trials are counted by state, and a state that has none counts 0."""
    search = new(store, owner)
    assert store.counts(search.id) == {"complete": 0, "pruned": 0, "diverged": 0, "rejected": 0}
    store.save_unit(search.id, unit(trial, 0, 0, 5), owner)
    assert store.counts(search.id) == {"complete": 2, "pruned": 2, "diverged": 1, "rejected": 0}


def test_a_live_owner_keeps_its_search(store: Store, owner: str) -> None:
    """Nobody takes a search from an owner that was heard of, and the error says who that is."""
    search = new(store, owner)
    pid = owner.split(":")[1]
    with pytest.raises(
        UserError, match=f"search 'digits-1' is run by process {pid} on .* lossmith cancel digits-1"
    ):
        store.claim(search.id, new_owner())
    assert store.get("digits-1").owner == owner


def test_a_silent_owner_loses_its_search(store: Store, owner: str) -> None:
    """A heartbeat as old as the limit is none any more, and the former owner hears of it."""
    search, successor = new(store, owner), new_owner()
    store.claim(search.id, successor, stale_after_s=0.0)
    assert store.get("digits-1").owner == successor
    assert store.heartbeat(search.id, successor)
    assert not store.heartbeat(search.id, owner)
    assert store.holds(search.id, successor)
    assert not store.holds(search.id, owner)


def test_a_dead_process_of_this_machine_loses_its_search_at_once(store: Store, dead_owner: str) -> None:
    """Whoever resumes after kill -9 need not wait for the heartbeat to grow old."""
    search, successor = new(store, dead_owner), new_owner()
    store.claim(search.id, successor)
    assert store.get("digits-1").owner == successor


def test_a_process_of_another_machine_is_judged_by_its_heartbeat(store: Store, dead_owner: str) -> None:
    """A pid that does not exist here may well exist there."""
    search = new(store, "elsewhere:" + dead_owner.split(":", 1)[1])
    with pytest.raises(UserError, match="on elsewhere"):
        store.claim(search.id, new_owner())


def test_a_search_whose_owner_is_dead_is_interrupted(
    store: Store, store_url: str, owner: str, dead_owner: str
) -> None:
    """`get` and `searches` tell what is true, though nobody was left to write it down."""
    new(store, dead_owner, "killed")
    new(store, owner, "alive")
    assert [record.status for record in store.searches()] == ["interrupted", "running"]
    assert store.get("killed").status == "interrupted"
    with Store.open(store_url, stale_after_s=0.0) as impatient:
        assert impatient.get("alive").status == "interrupted"


def test_of_many_that_claim_a_dead_search_one_succeeds(store: Store, dead_owner: str) -> None:
    """Two people who resume the same search at the same moment do not both get it."""
    search = new(store, dead_owner)
    results = at_once(6, lambda _: store.claim(search.id, new_owner()))
    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, UserError) for result in results) == 5


def test_a_stale_owner_keeps_nothing(store: Store, owner: str, trial: Maker) -> None:
    """A worker that comes back after its search was given to another leaves no trace."""
    search = new(store, owner)
    store.claim(search.id, new_owner(), stale_after_s=0.0)
    with pytest.raises(ClaimLost, match="owned by process"):
        store.save_unit(search.id, unit(trial, 0, 0), owner)
    with pytest.raises(ClaimLost):
        store.finish(search.id, "finished", owner=owner)
    assert store.units(search.id) == []
    assert store.get("digits-1").status == "running"


def test_a_cancelled_search_tells_its_owner(store: Store, owner: str, trial: Maker) -> None:
    """After `cancel` from anywhere the heartbeat says stop, and nothing is kept until a resume."""
    search = new(store, owner)
    store.finish(search.id, "cancelled", reason="lossmith cancel")
    assert not store.heartbeat(search.id, owner)
    assert store.holds(search.id, owner)
    with pytest.raises(ClaimLost, match="is cancelled and owned by nobody"):
        store.save_unit(search.id, unit(trial, 0, 0), owner)
    store.claim(search.id, owner)
    assert store.get("digits-1").status == "running"
    assert store.get("digits-1").reason is None


def test_a_finished_search_stays_finished(store: Store, owner: str) -> None:
    """Neither a claim nor a cancel changes a verdict that was reached."""
    search = new(store, owner)
    store.finish(search.id, "finished", made_verdict(), owner=owner)
    with pytest.raises(UserError, match="'digits-1' is finished, so it cannot become cancelled"):
        store.finish(search.id, "cancelled")
    store.claim(search.id, owner)
    found = store.get("digits-1")
    assert found.status == "finished"
    assert found.verdict is not None
    assert found.verdict["sentence"] == made_verdict().sentence
    assert isinstance(found.verdict["p_value"], float)
    assert math.isnan(found.verdict["p_value"])


def test_notes_and_seconds_survive_writers_at_once(store: Store, owner: str) -> None:
    """Seconds add up and every note is kept, however many write at the same moment."""
    search = new(store, owner)

    def write(k: int) -> None:
        store.note(search.id, f"key-{k}", {"value": k})
        store.add_seconds(search.id, {"explore": 0.5, "race": float(k)})

    assert at_once(6, write) == [None] * 6
    found = store.get("digits-1")
    assert found.notes.to_json() == {f"key-{k}": {"value": k} for k in range(6)}
    assert found.seconds == {"explore": 3.0, "race": 15.0}
    store.note(search.id, "key-0", "again")
    assert store.get("digits-1").notes.more["key-0"] == "again"


def test_trials_wait_for_mlflow_in_the_order_they_were_kept(store: Store, owner: str, trial: Maker) -> None:
    """The outbox is a queue: pages follow each other by unit, whatever numbers the units have."""
    search = new(store, owner)
    store.save_unit(search.id, unit(trial, 1, 4), owner)
    store.save_unit(search.id, unit(trial, 0, 0), owner)
    page = store.untracked(search.id, 6)
    assert [stored.trial.number for stored in page] == [4, 5, 6, 7, 0, 1]
    assert page[0].trial == trial(4)
    assert all((stored.ended_at - stored.started_at).total_seconds() == 1.25 for stored in page)
    store.mark_tracked(search.id, {number: f"run-{number}" for number in (4, 5, 6, 7)})
    assert [stored.trial.number for stored in store.untracked(search.id, 6)] == [0, 1, 2, 3]
    assert store.count_untracked(search.id) == 4


def test_tracking_one_search_leaves_another_alone(store: Store, owner: str, trial: Maker) -> None:
    """Marks reach the trials of their own search only."""
    first, second = new(store, owner), new(store, owner, "other")
    for search in (first, second):
        store.save_unit(search.id, unit(trial, 0, 0), owner)
    store.mark_tracked(first.id, {0: "a", 1: "b"})
    store.mark_tracked(first.id, {})
    assert (store.count_untracked(first.id), store.count_untracked(second.id)) == (2, 4)


def test_another_parent_run_means_that_nothing_is_tracked_there(
    store: Store, owner: str, trial: Maker
) -> None:
    """The same parent again changes nothing; a new one, in a new MLflow, gets every trial."""
    search = new(store, owner)
    store.save_unit(search.id, unit(trial, 0, 0), owner)
    store.set_run(search.id, "1", "parent")
    store.mark_tracked(search.id, {0: "a", 1: "b"})
    store.set_run(search.id, "1", "parent")
    assert store.count_untracked(search.id) == 2
    store.set_run(search.id, "5", "other")
    assert store.count_untracked(search.id) == 4
    assert (store.get("digits-1").experiment_id, store.get("digits-1").run_id) == ("5", "other")


def test_a_search_that_does_not_exist_is_an_error(store: Store) -> None:
    """Writing to a search number that is not there is refused instead of being lost."""
    with pytest.raises(UserError, match="unknown search number 99"):
        store.note(99, "key", 1)
