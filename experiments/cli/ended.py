"""How a search ended, for the one who started it."""

from __future__ import annotations

from typing import Any

from ..experiment import Experiment
from .commands import Given, command
from .output import console, print_json
from .tables import verdict_table

CLASS_LETTERS = (
    "p the probability of the true class t, z the logits, pi the class shares, n_t the samples of class t"
)
OTHER_LETTERS = "r the residual in units of the targets' spread"


def print_ended(experiment: Experiment, given: Given, *, as_json: bool) -> None:
    """The verdict as a table, a sentence and a formula, and the commands that go on from there."""
    if as_json:
        print_json(experiment.document())
        return
    record, out = experiment.record, console()
    verdict = record.verdict
    if verdict is None:
        out.print(f"{record.name} is {record.status}{f': {record.reason}' if record.reason else ''}")
    else:
        out.print(verdict_table(verdict))
        out.print(verdict["sentence"], soft_wrap=True)
        print_winner(verdict, experiment.beside(verdict["winner"]["number"]))
    out.print("\nNext:")
    if record.status in ("interrupted", "cancelled", "failed"):
        out.print(f"  {command('resume', record.name, given=given)}", soft_wrap=True)
    for words in (
        ("show", record.name),
        ("report", record.name),
        ("ui",),
        ("export", record.name, "--to", f"{record.name}-loss"),
    ):
        out.print(f"  {command(*words, given=given)}", soft_wrap=True)


def print_winner(verdict: dict[str, Any], beside: str = "") -> None:
    """The winner as a formula, with what its letters mean; `beside` is what else its recipe says."""
    out = console()
    rate = f"{verdict['winner']['learning_rate']:.3g}{f', {beside}' if beside else ''}"
    out.print(f"\nThe winner, at learning rate {rate}:", soft_wrap=True)
    out.print(f"  {verdict['winner']['formula']}", soft_wrap=True)
    letters = OTHER_LETTERS if verdict["winner"]["loss"]["kind"] == "regression" else CLASS_LETTERS
    out.print(f"  with {letters}", soft_wrap=True)
