"""A store of which something is not what it should be."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest

from lossmith.experiments.cli import main
from lossmith.experiments.results.catalogue import catalogue
from lossmith.experiments.store import DamagedSearch, Store
from lossmith.losses import UserError

from ..conftest import run

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two searches that are as they should be."""
    path = tmp_path_factory.mktemp("damaged") / "lossmith.db"
    with Store.open(f"sqlite:///{path}") as store:
        run(store, "broken")
        run(store, "sound", after=1)
    return path


@pytest.fixture
def workdir(whole: Path, tmp_path: Path) -> Path:
    """A workdir with a copy of that store, to be damaged."""
    source, copy = sqlite3.connect(whole), sqlite3.connect(tmp_path / "lossmith.db")
    source.backup(copy)
    source.close()
    copy.close()
    return tmp_path


def damage(workdir: Path, statement: str, value: object) -> None:
    """Write something into the store behind its back."""
    with sqlite3.connect(workdir / "lossmith.db") as connection:
        assert connection.execute(statement, [value]).rowcount > 0
    connection.close()


SEARCH = "UPDATE lossmith_searches SET {} = ? WHERE name = 'broken'"
ROWS = [
    ("task", "{"),
    ("task", "[1]"),
    ("spec", "5"),
    ("notes", "null"),
    ("notes", '{"files": {"a.py": 3}}'),
    ("seconds", '{"race": "long"}'),
    ("seconds", ""),
    ("created_at", "yesterday"),
    ("status", "asleep"),
    ("verdict", "["),
    ("verdict", "[]"),
    ("verdict", '"better"'),
    ("created_at", 5),
    ("heartbeat_at = '2999-01-01 00:00:00.000000', owner", "nobody"),
    ("seconds", '{"race": {"$float": "what"}}'),
    ("task", "[" * 100_000),
    ("reason", b"\xff"),
]
NO_EPOCHS = (  # all else is as it should be
    '{"cohort":0,"loss":{"schema":1,"kind":"multiclass","parameters":{"mix.cross_entropy":1.0}},"recipe":{},'
    '"point":null,"repeats":[[0,0,0]],"scores":[0.1],"epochs":null,"rungs":[],"reason":null}'
)
VERDICTS = ["{}", '{"winner": null}', '{"winner": {}, "scores": {"winner": 3}}']


@pytest.mark.parametrize(("column", "value"), ROWS)
def test_a_damaged_row_is_named_and_hides_no_other(
    column: str, value: str, workdir: Path, capsys: Captured
) -> None:
    """`list` has both searches, and says of the broken one which part is damaged."""
    damage(workdir, SEARCH.format(column), value)
    assert main(["list", "--json", "--workdir", str(workdir)]) == 0
    broken, sound = json.loads(capsys.readouterr().out)
    assert (broken["name"], broken["status"], sound["name"]) == ("broken", "damaged", "sound")
    column = column.rpartition(" ")[2]
    assert column in broken["damaged"]
    assert sound["status"] == "interrupted"
    assert main(["list", "--workdir", str(workdir)]) == 0
    for command in (
        ["show", "broken"],
        ["report", "broken"],
        ["export", "broken", "--to", str(workdir / "x")],
    ):
        capsys.readouterr()
        assert main([*command, "--workdir", str(workdir)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "what the store holds of broken is damaged" in line
        assert column in line
        assert not re.search(r"Error\b|fromisoformat|NoneType", line)
    assert main(["show", "sound", "--workdir", str(workdir)]) == 0


@pytest.mark.parametrize("value", VERDICTS)
def test_a_damaged_verdict_hides_nothing_but_itself(value: str, workdir: Path, capsys: Captured) -> None:
    """`list` and `show` name it and show the rest; no other loss is exported in its place."""
    damage(workdir, SEARCH.format("verdict"), value)
    assert main(["list", "--json", "--workdir", str(workdir)]) == 0
    broken, _ = json.loads(capsys.readouterr().out)
    assert broken["verdict"] is None
    assert "verdict" in broken["damaged"]
    assert broken["counts"]["complete"] > 0
    assert main(["show", "broken", "--json", "--workdir", str(workdir)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["trials"]
    assert any("verdict" in line for line in document["damaged"])
    assert main(["export", "broken", "--to", str(workdir / "loss"), "--workdir", str(workdir)]) == 2
    assert "damaged" in capsys.readouterr().err
    assert not (workdir / "loss").exists()


@pytest.mark.parametrize("value", ["{}", "[", '{"loss": 3}', "null", NO_EPOCHS, '{"scores": "many"}'])
def test_a_damaged_trial_hides_no_other(value: str, workdir: Path, capsys: Captured) -> None:
    """`show` and `report` have all other trials and name that one; the verdict's loss can be exported."""
    damage(workdir, "UPDATE lossmith_trials SET rest = ? WHERE search_id = 1 AND number = 3", value)
    with Store.open(f"sqlite:///{workdir / 'lossmith.db'}") as store:
        assert 3 not in [trial.number for trial in store.trials(1)]
        (line,) = store.damaged_trials(1)
        assert line.startswith("trial 3 cannot be read: ")
        with pytest.raises(UserError, match=r"is damaged \(.*so it cannot go on"):
            store.units(1)
    assert main(["show", "broken", "--workdir", str(workdir)]) == 0
    assert "damaged: trial 3 cannot be read" in capsys.readouterr().out
    assert main(["report", "broken", "--to", str(workdir / "r.html"), "--workdir", str(workdir)]) == 0
    assert "trial 3 cannot be read" in (workdir / "r.html").read_text(encoding="utf-8")
    assert main(["export", "broken", "--to", str(workdir / "loss"), "--workdir", str(workdir)]) == 0


@pytest.mark.parametrize("phase", ["headroom", "insight", "race"])
@pytest.mark.parametrize("value", ["{", "[]", '{"message": 4}'])
def test_what_a_phase_found_is_read_by_itself(
    phase: str, value: str, workdir: Path, capsys: Captured
) -> None:
    """A damaged payload is left out and named; the rest of the document is there."""
    place = 2 if phase == "headroom" else 0
    statement = (
        f"UPDATE lossmith_units SET payload = ? WHERE search_id = 1 AND phase = '{phase}' AND place = {place}"
    )
    damage(workdir, statement, value)
    assert main(["show", "broken", "--json", "--workdir", str(workdir)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert any(phase in line for line in document["damaged"])
    assert document["verdict"] is not None


@pytest.mark.parametrize("name", [b"\xff", "", "two\nlines", "x" * 300])
def test_a_damaged_name_hides_no_other(name: object, workdir: Path, capsys: Captured) -> None:
    """Nobody can ask for that search, and the list says so beside the others."""
    damage(workdir, SEARCH.format("name"), name)
    assert main(["list", "--json", "--workdir", str(workdir)]) == 0
    broken, sound = json.loads(capsys.readouterr().out)
    assert (broken["status"], sound["name"]) == ("damaged", "sound")
    assert main(["list", "--workdir", str(workdir)]) == 0


def test_a_sound_store_says_nothing_of_damage(workdir: Path) -> None:
    """Neither its list nor its documents have the key."""
    with Store.open(f"sqlite:///{workdir / 'lossmith.db'}") as store:
        assert all("damaged" not in listed.to_json() for listed in catalogue(store))
        assert [record.name for record in store.searches()] == ["broken", "sound"]
        with pytest.raises(UserError) as caught:
            store.get("brokn")
        assert not isinstance(caught.value, DamagedSearch)
