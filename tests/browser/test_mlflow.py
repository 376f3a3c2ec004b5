"""MLflow in a browser: the trials of a search can be found, sorted, compared and opened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from mlflow import MlflowClient

from lossmith.experiments.experiment import Experiment
from lossmith.experiments.running.workdir import places
from lossmith.experiments.store import Store
from lossmith.experiments.tracking.trials_view import trials_address

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
PATIENCE_MS = 120_000


@pytest.fixture
def page(browser: Browser, mlflow_url: str) -> Iterator[Page]:
    """An empty tab on a desk's screen."""
    context = browser.new_context(viewport={"width": 1600, "height": 1000}, base_url=mlflow_url)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def ids(workdir: Path) -> tuple[str, str]:
    """The ids of the experiment and of the parent run."""
    with Store.open(places(workdir, environment={}).store_url) as store:
        record = store.get("longtail")
    return str(record.experiment_id), str(record.run_id)


def runs(experiment: str, query: str = "") -> str:
    """The address of the list of trials, the best first; `query` is one of MLflow's filters."""
    order = f"orderByKey={quote('metrics.`macro_f1`')}&orderByAsc=false"
    return f"/#/experiments/{experiment}/runs?searchFilter={quote(query)}&{order}"


def names(page: Page) -> list[str]:
    """The names of the runs that a list shows, in their order."""
    links = page.get_by_role("link", name=re.compile(r"^\d+ "))
    links.first.wait_for()
    return links.all_inner_texts()


def test_the_search_is_found_by_its_name(page: Page, ids: tuple[str, str]) -> None:
    """The list of runs has the parent run, which leads to the verdict."""
    page.goto(runs(ids[0], "tags.`lossmith.search` LIKE '%'"))
    page.get_by_role("link", name="longtail").first.click()
    page.get_by_text("The loss to train with").first.wait_for()
    assert ids[1] in page.url


def test_trials_are_sorted_by_the_metric(page: Page, workdir: Path, ids: tuple[str, str]) -> None:
    """Sorted by the metric's own name, the best complete trial stands first, named by number and loss."""
    page.goto(runs(ids[0], f"tags.mlflow.parentRunId = '{ids[1]}'"))
    with Store.open(places(workdir, environment={}).store_url) as store:
        best = Experiment(store, "longtail").best
    assert best is not None
    assert names(page)[0].startswith(f"{best.number} ")


def test_the_printed_link_opens_the_trials_of_the_latest_search(
    browser: Browser, mlflow_url: str, workdir: Path
) -> None:
    """At 1,440 px the link shows metric, learning rate and loss of each trial, the best first."""
    with Store.open(places(workdir, environment={}).store_url) as store:
        record, best = store.get("longtail"), Experiment(store, "longtail").best
    address = trials_address(mlflow_url, record)
    assert address is not None
    assert best is not None
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(address)
    assert names(page)[0].startswith(f"{best.number} ")
    heads = page.get_by_role("columnheader").all_inner_texts()
    for column in ("macro_f1", "recipe.learning_rate", "lossmith.loss"):
        assert any(column in head for head in heads), heads
    for unwanted in ("Judges", "Prompts"):  # of the pages for prompts and agents; both kinds have Traces
        assert page.get_by_role("link", name=unwanted, exact=True).count() == 0
    context.close()


def test_standard_losses_can_be_told_apart(page: Page, ids: tuple[str, str]) -> None:
    """A filter on the tag shows the standard losses alone."""
    page.goto(runs(ids[0], "tags.`lossmith.standard` = 'focal'"))
    assert all(name.endswith(" focal") for name in names(page))


def test_a_child_is_opened_from_its_parent_and_back(page: Page, ids: tuple[str, str]) -> None:
    """A trial's page names its parent run, and the link leads there."""
    page.goto(runs(ids[0], f"tags.mlflow.parentRunId = '{ids[1]}'"))
    page.get_by_role("link", name=re.compile(r"^\d+ ")).first.click()
    page.get_by_text("Parent run").first.wait_for()
    page.get_by_role("link", name="longtail").first.click()
    page.wait_for_url(f"**/runs/{ids[1]}**")


def test_trials_are_compared(page: Page, mlflow_url: str, ids: tuple[str, str]) -> None:
    """Compared, the best trials have their parameters and metrics side by side and in parallel."""
    client = MlflowClient(mlflow_url)
    found = client.search_runs(
        [ids[0]], f"tags.mlflow.parentRunId = '{ids[1]}'", max_results=3, order_by=["metrics.macro_f1 DESC"]
    )
    chosen = quote(json.dumps([run.info.run_id for run in found]))
    page.goto(f"/#/compare-runs?runs={chosen}&experiments={quote(json.dumps([ids[0]]))}")
    page.get_by_text("Parallel Coordinates Plot").first.wait_for()
    page.get_by_text("recipe.learning_rate").first.wait_for()
    assert page.get_by_text("macro_f1").count() > 0


def test_the_report_is_shown_among_the_artifacts(page: Page, ids: tuple[str, str]) -> None:
    """MLflow shows the page itself, in a frame of its own, with its pictures."""
    page.goto(f"/#/experiments/{ids[0]}/runs/{ids[1]}/artifacts/report.html")
    frame = page.frame_locator("iframe")
    frame.locator("h1").wait_for()
    frame.locator("[data-figure=verdict] .scatterlayer path").first.wait_for(state="attached")


def test_the_winner_is_a_registered_model(page: Page) -> None:
    """The model has the search's name and a version that is its champion."""
    page.goto("/#/models/longtail")
    page.get_by_text("champion").first.wait_for()
