"""How a search ended, for the one who started it."""

from __future__ import annotations

from collections.abc import Callable

from ...losses.errors import install, installed
from ...losses.kinds import kind_named
from ..experiment import Experiment
from ..progress import progress_on
from ..report import REPORT_NEEDS
from ..results.answer_words import answer_line
from ..results.search_document import SearchDocument
from .commands import Given, command
from .output import console, print_json, quiet_stdout
from .tables import verdict_table


def run_to_its_end(search: Callable[..., Experiment], given: Given, *, as_json: bool) -> None:
    """Run a search, its progress on standard error, and print how it ended.

    Args:
        search: Searches, or goes on with a search, given `workdir`, `store` and `progress`.
        given: Where searches are kept.
        as_json: Whether to print the search as one JSON document.
    """
    progress = progress_on()
    try:
        with quiet_stdout():
            experiment = search(workdir=given.workdir, store=given.store, progress=progress)
    finally:
        progress.close()
    print_outcome(experiment, given, as_json=as_json)


def print_outcome(experiment: Experiment, given: Given, *, as_json: bool) -> None:
    """Print the verdict as a table, a sentence and a formula, and the commands that go on from there.

    Args:
        experiment: The search, ended.
        given: Where searches are kept.
        as_json: Whether to print the search as one JSON document instead.
    """
    document = experiment.search_document()
    if as_json:
        print_json(document.shown())
        return
    record, out = experiment.record, console()
    if document.verdict is None:
        out.print(f"{record.name} is {record.status}{f': {record.reason}' if record.reason else ''}")
    else:
        print_verdict(document)
    out.print("\nNext:")
    if record.status in ("interrupted", "cancelled", "failed"):
        out.print(f"  {command('resume', record.name, given=given)}", soft_wrap=True)
    for words, packages in (
        (("show", record.name), ()),
        (("report", record.name), REPORT_NEEDS),
        (("ui",), ("mlflow",)),
        (("export", record.name, "--to", f"{record.name}-loss"), ()),
    ):
        lacking = next((package for package in packages if not installed(package)), None)
        needs = "" if lacking is None else f"  (first: {install(lacking)})"
        out.print(f"  {command(*words, given=given)}{needs}", soft_wrap=True)


def print_verdict(document: SearchDocument) -> None:
    """Print the verdict of a search: its table, its sentence and the loss to use.

    The loss is a formula, with what its letters mean and what its recipe says unlike the task's.
    """
    out, verdict = console(), document.verdict
    if verdict is None:
        return
    answer, line = verdict.recommended, answer_line(verdict)
    out.print(f"{line[0].upper()}{line[1:]}", style="bold", soft_wrap=True)
    out.print(verdict_table(verdict))
    if verdict.compared is None:
        out.print(verdict.sentence, soft_wrap=True)
    else:
        out.print(f"Differences in {verdict.metric}, better counted positive, with 95% intervals:")
        for pair in verdict.compared.pairs:
            out.print(f"  {pair.sentence}", soft_wrap=True)
    for warning in verdict.warnings:
        out.print(f"Mind: {warning}", soft_wrap=True)
    recipe = document.trained_at(answer.number, answer.learning_rate)
    out.print(f"\nThe loss to use, at {recipe}:", soft_wrap=True)
    out.print(f"  {answer.formula}", soft_wrap=True)
    out.print(f"  where {kind_named(document.task.kind).letters}", soft_wrap=True)
