"""People's own training scripts, turned into searches: `before.py` as found, `after.py` as searched."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest

from lossmith.experiments import run_search
from lossmith.losses import load_frozen, standard_specs
from lossmith.search import Candidate, Plan, Repeat, TrainingFunction, load_task
from lossmith.search.records import RungSchedule
from lossmith.search.training.functions import local_function, rehearsed

pytestmark = pytest.mark.end_to_end

SCRIPTS = Path(__file__).resolve().parent.parent / "own_scripts"
TRAINING: dict[str, dict[str, Any]] = {
    "mlp": {"task": "run", "training": {"kind": "multiclass", "metric": "macro_f1"}},
    "cnn": {
        "task": "main",
        "training": {"kind": "multiclass", "metric": "accuracy"},
        "recipe": {"learning_rate": 0.1},
    },
    "regression": {
        "task": "fit",
        "training": {"kind": "regression", "metric": "mae", "greater_is_better": False},
        "recipe": {"learning_rate": 0.01},
    },
}
TINY: dict[str, Any] = {
    "trials": 4,
    "cohort": 4,
    "headroom": "warn",
    "repeats": {"seeds": 2},
    "race": {"seeds": 2, "contenders": 1},
    "verdict": {"seeds": 2},
}


@pytest.mark.parametrize("name", TRAINING)
def test_five_added_lines_make_a_script_searchable(name: str) -> None:
    """What a person must write into their own script to have it searched is at most five lines."""
    before, after = ((SCRIPTS / name / file).read_text().splitlines() for file in ("before.py", "after.py"))
    lines = list(difflib.unified_diff(before, after, lineterm="", n=0))[2:]
    added = [line for line in lines if line.startswith("+")]
    assert 0 < len(added) <= 5, "\n".join(added)
    assert len(before) >= 35, "a script, not a toy"


@pytest.mark.parametrize("name", TRAINING)
def test_a_script_is_trained_with_losses_it_never_knew(name: str) -> None:
    """The script as it is searched takes any loss of its kind, is ended early, and says what it scores on."""
    given = TRAINING[name]
    loaded = load_task(f"{SCRIPTS / name / 'after.py'}:{given['task']}", training=given["training"])
    assert isinstance(loaded, TrainingFunction)
    training = rehearsed(loaded.with_recipe(given.get("recipe", {})))
    trainer = local_function(training, Plan())
    try:
        chosen = list(standard_specs(training.kind).values())[:2]
        candidates = [Candidate(spec, training.settings) for spec in chosen]
        outcomes = trainer.train(candidates, [Repeat(0), Repeat(1)], RungSchedule((5,), 0.5))
        assert sorted(found.outcome.state for found in outcomes) == ["complete", "pruned"]
        assert trainer.test(candidates[:1], [Repeat(0)]).scored_on == (
            "validation" if name == "mlp" else "test"
        )
    finally:
        trainer.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINING)
def test_a_script_is_searched_to_its_verdict(name: str, tmp_path: Path) -> None:
    """All phases run on the person's own loop, the verdict says on which data, and the answer is exported."""
    given = TRAINING[name]
    spec = {**TINY, **given, "task": f"{SCRIPTS / name / 'after.py'}:{given['task']}"}
    experiment = run_search(spec, workdir=tmp_path / "work")
    assert experiment.status == "finished"
    assert {t.phase for t in experiment.trial_list} == {"headroom", "explore"}
    assert any(t.outcome.state == "pruned" for t in experiment.trial_list), (
        "reports end the worst trials early"
    )
    verdict = experiment.verdict
    assert verdict is not None
    assert verdict.sources == ("refits",)
    # The second and third script read trial.part and have test data to offer.
    assert verdict.scored_on == ("validation" if name == "mlp" else "test")
    assert ("validation data" in verdict.sentence) == (name == "mlp")
    experiment.export(tmp_path / "loss")
    assert load_frozen(tmp_path / "loss" / "loss.json").spec == experiment.answer().loss
