"""What a SPEC may say, and what it is told when it says something else."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossmith.experiments.spec import SearchSpec, load_spec
from lossmith.experiments.spec.yaml_file import DEEPEST, LARGEST
from lossmith.losses import UserError
from lossmith.search import load_task
from lossmith.spaces import space_from

LEAST: Mapping[str, Any] = {"task": "digits-longtail", "trials": 4}

times = st.one_of(st.none(), st.integers(1, 10**6).map(lambda n: f"{n}s"), st.floats(0.1, 1e6))
specs = st.fixed_dictionaries(
    {"task": st.just("digits-longtail"), "trials": st.integers(1, 10**9)},
    optional={
        "space": st.sampled_from(["auto", "imbalanced", {"preset": "auto", "switches": {"focal": 0.5}}]),
        "time_limit": times,
        "sampler": st.sampled_from(["auto", "tpe"]),
        "engine": st.sampled_from(["auto", "cohort", "loop"]),
        "repeats": st.fixed_dictionaries(
            {}, optional={"seeds": st.integers(1, 99), "folds": st.integers(1, 9)}
        ),
        "headroom": st.sampled_from(["warn", "stop", "off"]),
        "seed": st.integers(0, 2**63 - 1),
        "name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True),
        "recipe": st.sampled_from([{}, {"epochs": 3, "learning_rate": 0.01}]),
        "cohort": st.integers(1, 9999),
        "race": st.fixed_dictionaries(
            {}, optional={"seeds": st.integers(2, 99), "contenders": st.integers(1, 99)}
        ),
        "verdict": st.fixed_dictionaries({}, optional={"seeds": st.integers(2, 99)}),
        "transfer": st.sampled_from([[], ["digits-noisy", "digits-longtail"]]),
    },
)


def refusal(source: Any, **overrides: Any) -> str:
    """The message a SPEC is refused with; it is one line."""
    with pytest.raises(UserError) as caught:
        load_spec(source, overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


@given(specs)
def test_a_spec_survives_the_store(document: dict[str, Any]) -> None:
    """Written as JSON and read back, a SPEC is the same."""
    spec = load_spec(document)
    assert SearchSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert load_spec(spec) == spec


def test_two_lines_make_a_spec(tmp_path: Path) -> None:
    """A task and a budget suffice; the rest has defaults."""
    file = tmp_path / "spec.yaml"
    file.write_text("task: digits-longtail\ntime_limit: 1h30m\n")
    spec = load_spec(file)
    assert (spec.task, spec.trials, spec.time_limit_s) == ("digits-longtail", None, 5400)
    assert (spec.space, spec.engine, spec.sampler, spec.headroom, spec.seed) == (
        "auto",
        "auto",
        "auto",
        "warn",
        0,
    )


def test_overrides_win_and_none_overrides_nothing() -> None:
    """What the command line says goes over the file; an option that was not given leaves it alone."""
    spec = load_spec(LEAST, {"trials": 9, "time_limit": "2m", "name": None})
    assert (spec.trials, spec.time_limit_s, spec.name) == (9, 120, None)


def test_headroom_off_means_off(tmp_path: Path) -> None:
    """YAML reads a bare `off` as false; a SPEC does not."""
    file = tmp_path / "spec.yaml"
    file.write_text("task: digits-longtail\ntrials: 4\nheadroom: off\n")
    assert load_spec(file).headroom == "off"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trails": 3}, ["unknown key 'trails'", "did you mean trials"]),
        ({"repeats": {"seed": 3}}, ["unknown key 'repeats.seed'", "did you mean repeats.seeds"]),
        ({3: 4}, ["unknown key '3'", "choose from"]),
        ({"trials": 0}, ["trials must be a whole number of at least 1", "got 0"]),
        ({"trials": "256"}, ["trials must be a whole number", "got '256'"]),
        ({"trials": 2.5}, ["trials must be a whole number", "got 2.5"]),
        ({"trials": True}, ["trials must be a whole number", "got True"]),
        ({"trials": None}, ["must have an end", "`trials: 256`", "`time_limit: 10m`"]),
        ({"time_limit": "soon"}, ["time_limit", "90s, 10m or 1h30m", "got 'soon'"]),
        (
            {"task": None},
            ["task must be the name of a built-in task", "got None"],
        ),
        ({"task": "mine.py"}, ["path/to/file.py:function", "got 'mine.py'"]),
        ({"task": "mine:make"}, ["path/to/file.py:function", "got 'mine:make'"]),
        ({"task": "mine.py:make task"}, ["path/to/file.py:function"]),
        ({"engine": "cohrt"}, ["unknown engine 'cohrt'", "did you mean cohort?"]),
        ({"engine": 3}, ["engine must be auto, cohort or loop", "got 3"]),
        ({"headroom": True}, ["headroom must be warn, stop or off", "got True"]),
        ({"space": 3}, ["space must be auto, the name of a preset, or a mapping", "got 3"]),
        ({"repeats": 4}, ["repeats must be a mapping such as {seeds: 4}", "got 4"]),
        ({"repeats": {"seeds": 0}}, ["repeats.seeds must be a whole number of at least 1", "got 0"]),
        ({"race": {"seeds": 1}}, ["race.seeds must be a whole number of at least 2", "got 1"]),
        ({"seed": -1}, ["seed must be a whole number of at least 0", "got -1"]),
        ({"name": "../x"}, ["name must be at most 100 letters, digits", "got '../x'"]),
        ({"name": "$(reboot)"}, ["name must be", "got '$(reboot)'"]),
        ({"recipe": {"epoch": 3}}, ["unknown key in the recipe 'epoch'", "did you mean epochs"]),
        ({"recipe": {"epochs": 0}}, ["epochs must be a whole number of at least 1", "got 0"]),
        ({"recipe": {"weight_decay": "x"}}, ["weight_decay must be a number", "got 'x'"]),
        ({"recipe": {"weight_decay": 10**400}}, ["weight_decay must be", "got 1000", "0..."]),
        ({"recipe": {"momentum": None}}, ["momentum must be a number", "got None"]),
        ({"verdict": {"margin": "1e-3"}}, ["verdict.margin must be a number", "got '1e-3'", "; write 0.001"]),
        ({"race": {"seeds": 10**9}}, ["of at least 2 and at most 10,000, such as 12"]),
        ({"name": "\ud800"}, ["name must be"]),
        ({"sampler": "\ud800", "engine": "x" * 5000}, ["sampler must be"]),
        ({"time_limit": "x" * 5000}, ["got 'xxx", "x...'"]),
        ({"recipe": {"epochs": "x" * 5000}}, ["epochs must be", "got 'xxx", "x...'"]),
        ({"trials": 0, "seed": -1}, ["trials must be", "(and 1 more fault)"]),
    ],
)
def test_a_wrong_value_is_told_its_rule_itself_and_a_remedy(change: dict[Any, Any], words: list[str]) -> None:
    """One line names the key, what it must be with an example or near matches, and what it was."""
    message = refusal({**LEAST, **change})
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"low": True, "high": 3}, "must be numbers"),
        ({"low": 0, "high": False}, "must be numbers"),
        ({"low": "0", "high": 3}, "must be numbers"),
        ({"low": None, "high": 3}, "must be numbers"),
        ({"low": [0], "high": 3}, "must be numbers"),
        ({"low": 1, "high": 3, "log": "no"}, "log of focal.gamma must be true or false"),
        ({"low": 1, "high": 3, "log": 1}, "log of focal.gamma must be true or false"),
        ({"low": 1, "high": 10**400}, "at most 1.8e308, but got a number of 401 digits"),
        ({"low": "1e-3", "high": 3}, "; write 0.001"),
    ],
)
def test_a_range_of_a_space_is_never_converted(values: dict[str, Any], words: str) -> None:
    """Booleans and words are no numbers there either, and words no flags."""
    with pytest.raises(UserError, match=words):
        space_from({"parameters": {"focal.gamma": values}}, "multiclass")


@pytest.mark.parametrize(
    ("space", "words"),
    [
        *(
            ({key: value}, f"{key} must be a ")
            for key in ("parameters", "switches", "terms")
            for value in (0, False, "")
        ),
        ({"parameters": []}, "parameters must be a mapping"),
        ({"terms": {}}, "terms must be a list"),
        *(
            ({key: {name: 0.5}}, "must be text such as focal.gamma")
            for key in ("parameters", "switches")
            for name in (1, None, True, 1.5)
        ),
        ({"parameters": {"focal.gamma": math.inf}}, "focal.gamma must lie in"),
        ({"parameters": {"focal.gamma": 10**400}}, "at most 1.8e308"),
        ({"parameters": {"mix.gce": math.inf}}, "at least 0, but got inf"),
        ({"parameters": {"recipe.schedule": 3}}, "recipe.schedule must be one of constant, cosine"),
        ({"parameters": {"recipe.schedule": {"low": 0, "high": 1}}}, "must be one of constant, cosine"),
        ({"parameters": {"focal.gamma": "1e-3"}}, "got '1e-3'; write 0.001"),
        ({"switches": {"focal": 10**400}}, "at most 1.8e308"),
    ],
)
def test_a_space_is_read_as_it_stands(space: dict[str, Any], words: str) -> None:
    """What is empty, infinite or no name in it is refused, and never taken for nothing."""
    with pytest.raises(UserError, match=words):
        space_from(space, "multiclass")


@pytest.mark.parametrize("space", [{"parameters": None, "switches": None, "terms": None}, {"terms": []}, {}])
def test_what_a_space_leaves_empty_changes_nothing(space: dict[str, Any]) -> None:
    """A key without a value asks for the preset as it is."""
    assert space_from(space, "multiclass").domains == space_from("auto", "multiclass").domains


@pytest.mark.parametrize("task", ["digits-longtail", {"file": "d.csv", "target": "y"}])
def test_settings_of_a_training_function_belong_to_one(task: Any) -> None:
    """`training` beside a task that is no function is refused, even an empty one."""
    for training in ({}, {"kind": "binary"}):
        with pytest.raises(UserError, match="`training` must be left out for"):
            load_task(task, training=training)


@pytest.mark.parametrize(
    "change",
    [{"repeats": {"seeds": 10**12}}, {"cohort": 10**12}, {"race": {"contenders": 10**9}}, {"trials": 10**30}],
)
def test_a_number_beyond_every_machine_is_refused(change: dict[str, Any]) -> None:
    """A slip of the keyboard ends in a line, not in the memory of the machine."""
    assert "and at most" in refusal({**LEAST, **change})


def test_a_spec_needs_a_task() -> None:
    """The error for a missing task says what a task is."""
    assert "`task` must be given: it is the name of a built-in task" in refusal({"trials": 4})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("task: [", ["must be YAML", "at line"]),
        (
            "task: !!python/object/apply:os.getcwd []\ntrials: 4",
            ["must be YAML", "could not determine a constructor"],
        ),
        ("- task", ["must be a mapping of keys to values", "a list"]),
        ("", ["must be a mapping of keys to values", "an empty file"]),
        ("digits", ["must be a mapping of keys to values", "a str"]),
        (
            "task: a\ntrials: 4\ntrials: 512\n",
            ["each key may stand once", "`trials` again at line 3", "remove one"],
        ),
        (
            "task: a\ntrials: 4\nrepeats:\n  seeds: 2\n  folds: 2\n  seeds: 9\n",
            ["each key may stand once", "`seeds` again at line 6"],
        ),
        ("task: a\ntrials: 4\nspace: {parameters: {x: {low: 1, low: 2}}}\n", ["`low` again at line 3"]),
        ("task: a\ntransfer: [{file: b, file: c}]\n", ["`file` again at line 2"]),
        ("task: a\ntrials: 4\nrecipe: &all {epochs: *all}\n", ["must not hold itself", "at line 3"]),
        (f"task: a\nspace: {'[' * DEEPEST}{']' * DEEPEST}\n", ["at most 32 levels deep"]),
        (
            f"task: a\nspace: [&a [{'1, ' * 999}], &b [{'*a, ' * 60}], &c [{'*b, ' * 2}]]\n",
            ["at most 100,000 values", "once its aliases are written out"],
        ),
        (f"task: {'a' * LARGEST}\n", ["must be at most 1024 KiB"]),
        ("task: 2024-13-45\ntrials: 4\n", ["a value", "cannot be read", "month must be in 1..12"]),
        ("task: a\ninsight: !!timestamp x\n", ["it is not what its tag says"]),
        ("? [a]\n: 2\n", ["each key must be text", "at line 1"]),
        ("task: {? {a: 1} : 2}\n", ["each key must be text", "at line 1"]),
        ("task: a\ninsight: !!bool maybe\n", ["a value", "cannot be read"]),
        (f"task: a\ntrials: {'9' * 5000}\n", ["a value", "cannot be read"]),
    ],
)
def test_a_file_that_is_no_spec_is_refused(text: str, words: list[str], tmp_path: Path) -> None:
    """The error names the file and what is wrong with it, and nothing in it is run."""
    file = tmp_path / "spec.yaml"
    file.write_text(text)
    message = refusal(file)
    assert str(file) in message
    assert [word for word in words if word not in message] == []


def test_an_alias_within_the_limits_is_read(tmp_path: Path) -> None:
    """A mapping that is named once and used twice is what YAML has anchors for."""
    file = tmp_path / "spec.yaml"
    file.write_text("task: digits\ntrials: 4\nrace: &many {seeds: 12}\nverdict: *many\n")
    assert load_spec(file).verdict.seeds == 12


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A missing file, a directory and a file that is not text are each told apart."""
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert f"there is no {tmp_path / 'none.yaml'}; check the path" in refusal(tmp_path / "none.yaml")
    assert f"{tmp_path} is a folder" in refusal(tmp_path)
    assert f"{binary} is not: it is not text in UTF-8" in refusal(binary)


def test_a_task_file_is_found_beside_the_spec_and_then_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearer file wins, and the SPEC keeps its absolute path, so that it can be resumed from anywhere."""
    beside, here = tmp_path / "specs", tmp_path / "here"
    for folder in (beside, here):
        folder.mkdir()
    (beside / "spec.yaml").write_text("task: mine.py:make\ntrials: 4\n")
    monkeypatch.chdir(here)
    assert "there is no mine.py in" in refusal(beside / "spec.yaml")
    (here / "mine.py").touch()
    assert load_spec(beside / "spec.yaml").task == f"{here / 'mine.py'}:make"
    (beside / "mine.py").touch()
    assert load_spec(beside / "spec.yaml").task == f"{beside / 'mine.py'}:make"
    assert load_spec({"task": "mine.py:make", "trials": 4}).task == f"{here / 'mine.py'}:make"


def test_the_files_of_other_tasks_are_found_as_its_own_is(tmp_path: Path) -> None:
    """What stands under `transfer` is kept with absolute paths too; a file that is not there is refused."""
    (tmp_path / "other.py").touch()
    spec = tmp_path / "spec.yaml"
    spec.write_text("task: digits-noisy\ntrials: 4\ntransfer: [digits-longtail, other.py:make]\n")
    assert load_spec(spec).transfer == ["digits-longtail", f"{tmp_path / 'other.py'}:make"]
    assert "there is no gone.py in" in refusal({**LEAST, "transfer": ["gone.py:make"]})


def test_a_stored_spec_is_read_without_its_task_file() -> None:
    """Showing a search must not need the files it was started from."""
    stored = {**LEAST, "task": "/gone/mine.py:make"}
    assert SearchSpec.from_json(stored).task == "/gone/mine.py:make"
