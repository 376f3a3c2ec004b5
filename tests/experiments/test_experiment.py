"""A search, seen through the store."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from lossmith.experiments.experiment import Experiment
from lossmith.experiments.store import Store
from lossmith.losses import LossSpec, UserError, formula, load_frozen
from lossmith.search.records import best_of


def plain(document: Any) -> Any:
    """The document as a reader of its JSON gets it; NaN is not JSON."""
    return json.loads(json.dumps(document, allow_nan=False))


def test_an_experiment_shows_what_the_store_holds(store: Store) -> None:
    """Trials, status and verdict are those of the store; the best trial has the best mean score."""
    experiment = Experiment(store, "whole")
    record = store.get("whole")
    assert experiment.status == "finished"
    assert experiment.trial_list == store.trials(record.id)
    assert experiment.verdict is not None
    assert experiment.verdict.to_json() == record.verdict
    assert experiment.best is not None
    assert experiment.best.outcome.score == max(
        trial.outcome.score for trial in experiment.trial_list if trial.outcome.state == "complete"
    )


def test_an_unknown_search_is_told_near_ones(store: Store) -> None:
    """A misspelt name is answered with the names like it."""
    with pytest.raises(UserError, match="unknown search 'hole': did you mean whole"):
        Experiment(store, "hole")


def test_the_document_is_json_with_every_promised_key(store: Store) -> None:
    """What scripts rely on is there, for a search with a verdict."""
    experiment = Experiment(store, "whole")
    document = plain(experiment.document())
    assert {"name", "status", "trials", "counts", "best", "verdict", "seconds"} <= document.keys()
    promised = {"winner", "best_standard", "metric", "scores", "difference", "ci_low", "ci_high", "p_value"}
    assert promised | {"repeats", "better", "against"} <= document["verdict"].keys()
    assert {"headroom", "explore", "race", "verdict", "bookkeeping", "total"} <= document["seconds"].keys()
    assert {"ablation", "importance", "sensitivity", "curves"} <= document["insight"].keys()
    assert {"detectable", "repeats_needed", "gap", "message"} <= document["headroom"].keys()
    assert sum(document["counts"].values()) == len(document["trials"]) == len(experiment.trial_list)
    for shown, trial in zip(document["trials"], experiment.trial_list, strict=True):
        assert {"number", "state", "params", "score", "scores"} <= shown.keys()
        assert (shown["number"], shown["state"]) == (trial.number, trial.outcome.state)
        assert shown["params"].pop("recipe.learning_rate") == trial.candidate.recipe.rate
        assert shown["params"] == trial.candidate.spec.parameters
        scores = [entry["score"] for entry in shown["scores"]]
        assert [(entry["seed"], entry["fold"]) for entry in shown["scores"]] == [
            (repeat.seed, repeat.fold) for repeat in trial.repeats
        ]
        if shown["score"] is not None:
            assert shown["score"] == pytest.approx(math.fsum(scores) / len(scores))
    best = experiment.best
    assert best is not None
    assert document["best"]["number"] == best.number


@pytest.mark.parametrize("name", ["halfway", "young"])
def test_a_search_without_a_verdict_has_a_document_too(name: str, store: Store) -> None:
    """A script that watches a search finds the same keys, with null where nothing is known yet."""
    document = plain(Experiment(store, name).document())
    assert document.keys() == plain(Experiment(store, "whole").document()).keys()
    assert document["verdict"] is None
    assert document["status"] == "interrupted"
    assert (document["best"] is None) == (name == "young")


def test_the_winner_is_the_verdicts(store: Store) -> None:
    """After the verdict, the winner is the loss it names, bound to the training data's constants."""
    experiment = Experiment(store, "whole")
    verdict = experiment.verdict
    assert verdict is not None
    assert experiment.winner() == verdict.winner.loss
    assert experiment.winner().class_counts == (40, 30, 8)


def test_before_the_verdict_the_best_trial_wins_and_says_so(store: Store) -> None:
    """The best complete trial stands in for a winner, with a note that it was neither raced nor tested."""
    experiment = Experiment(store, "halfway")
    best = experiment.best
    assert best is not None
    assert experiment.winner().parameters == best.candidate.spec.parameters
    assert experiment.winner().class_counts == (40, 30, 8)
    assert (experiment.answer().number, experiment.answer().learning_rate) == (
        best.number,
        best.candidate.recipe.rate,
    )
    assert experiment.answer().note == (
        "the best trial so far, neither raced nor compared on test data: the search is interrupted"
    )


def test_a_search_without_a_trial_has_no_winner(store: Store) -> None:
    """The error says why and what to do."""
    with pytest.raises(UserError, match="young is interrupted without any; go on with lossmith resume young"):
        Experiment(store, "young").winner()


def test_a_diverged_trial_is_never_the_best(store: Store) -> None:
    """Among trials of which none is complete, there is no best one, and of equals the first is it."""
    trials = Experiment(store, "whole").trial_list
    assert best_of([t for t in trials if t.outcome.state != "complete"], sign=1) is None
    best = best_of(trials, sign=-1)
    assert best is not None
    assert best.outcome.score == min(t.outcome.score for t in trials if t.outcome.state == "complete")
    assert best_of([*reversed(trials), *trials], sign=-1) is best


def verdict_of(store: Store, name: str) -> dict[str, Any]:
    """The document of a search's verdict."""
    verdict = Experiment(store, name).verdict
    assert verdict is not None
    return verdict.to_json()


def test_the_answer_is_the_loss_that_the_verdict_says_to_use(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a searched loss won the race but is not ahead on test data, the best standard loss is the answer."""
    verdict = verdict_of(store, "whole")
    searched = next(t for t in store.trials(store.get("whole").id) if t.candidate.standard is None)
    spec = searched.candidate.spec.bind((40, 30, 8))
    entry: dict[str, Any] = {
        "number": searched.number,
        "standard": None,
        "loss": spec.to_json(),
        "formula": formula(spec),
        "learning_rate": 0.01,
    }
    for better, use in ((False, "best_standard"), (False, "winner"), (True, "winner")):
        changed = {**verdict, "winner": entry, "better": better, "use": use}
        changed["conclusion"] = "better" if better else "not better"
        record = store.get("whole")
        monkeypatch.setattr(
            Store, "get", lambda self, name, r=record, v=changed: type(r)(**{**vars(r), "verdict": v})
        )
        answer = Experiment(store, "whole").answer()
        assert Experiment(store, "whole").winner() == spec
        expected = entry if use == "winner" else verdict["best_standard"]
        assert answer.loss == LossSpec.from_json(expected["loss"])
        assert answer.standard == expected["standard"]
        assert ("better than every standard loss" in answer.note) is better
        monkeypatch.undo()


@pytest.mark.parametrize("name", ["whole", "halfway"])
def test_what_is_exported_is_the_answer(name: str, store: Store, tmp_path: Path) -> None:
    """The files hold the answer, where it comes from, and the rate to train it with."""
    experiment = Experiment(store, name)
    files = experiment.export(tmp_path / "loss")
    assert load_frozen(tmp_path / "loss" / "loss.json").spec == experiment.answer().loss
    document = json.loads((tmp_path / "loss" / "loss.json").read_text())
    assert document["verdict"] == (experiment.verdict and plain(experiment.verdict.to_json()))
    assert document["provenance"]["search"] == name
    assert document["provenance"]["answer"] == experiment.answer().note
    assert f"learning rate: {experiment.answer().learning_rate}" in files[0].read_text()
