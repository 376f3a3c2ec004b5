"""Makes the pictures in docs/images: the report by day, by night and on a phone, and MLflow's pages.

`.venv/bin/python docs/screenshots.py lossmith-data NAME`, with the working directory and the name of
a finished search. It needs the system's Chromium; nothing is downloaded.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from playwright.sync_api import Browser, sync_playwright

from lossmith.experiments.report import write_report
from lossmith.experiments.running.workdir import places
from lossmith.experiments.store import SearchRecord, Store
from lossmith.experiments.tracking.documents import metric_key
from lossmith.experiments.tracking.trials_view import trials_address

IMAGES = Path(__file__).parent / "images"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
MARKS = "svg .scatterlayer, svg .barlayer"
DRAWN = f"() => [...document.querySelectorAll('[data-figure]')].every(e => e.querySelector('{MARKS}'))"
SETTLES_MS = 6000  # how long MLflow's pages move after they have loaded


def report(browser: Browser, path: Path) -> None:
    """The report in three dresses."""
    for name, scheme, width, height, zoom in (
        ("report-light", "light", 960, 1180, 1),
        ("report-dark", "dark", 960, 1180, 1),
        ("report-phone", "light", 320, 690, 2),
    ):
        page = browser.new_page(
            viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=zoom
        )
        page.goto(path.as_uri())
        page.wait_for_function(DRAWN)
        page.screenshot(path=IMAGES / f"{name}.png")
        if name == "report-light":
            page.locator("#parallel").scroll_into_view_if_needed()
            page.locator("figure:has(#parallel)").screenshot(path=IMAGES / "report-parallel.png")
        page.close()


def mlflow(browser: Browser, url: str, search: SearchRecord) -> None:
    """The list of trials, the parallel coordinates, and the report among the artifacts."""
    from mlflow import MlflowClient

    page = browser.new_page(viewport={"width": 1440, "height": 900})
    experiment, run = str(search.experiment_id), str(search.run_id)
    trials = trials_address(url, search)
    better = "DESC" if search.task.get("greater_is_better", True) else "ASC"
    best = MlflowClient(url).search_runs(
        [experiment],
        f"tags.mlflow.parentRunId = '{run}'",
        max_results=20,
        order_by=[f"metrics.`{metric_key(search)}` {better}"],
    )
    chosen = quote(json.dumps([each.info.run_id for each in best]))
    training = "workflowType=machine_learning"
    compared = f"compare-runs?runs={chosen}&experiments={quote(json.dumps([experiment]))}&{training}"
    for name, address in (
        ("mlflow-trials", trials),
        ("mlflow-parallel", f"{url}/#/{compared}"),
        ("mlflow-report", f"{url}/#/experiments/{experiment}/runs/{run}/artifacts/report.html?{training}"),
    ):
        page.goto(str(address))
        page.wait_for_timeout(SETTLES_MS)
        close = page.get_by_role("button", name="Close")  # a panel that MLflow opens beside its pages
        if close.count():
            close.first.click()
            page.wait_for_timeout(1000)
        page.screenshot(path=IMAGES / f"{name}.png")
    page.close()


@contextmanager
def served(workdir: Path) -> Iterator[str]:
    """What `lossmith ui` shows, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = "import sys; from lossmith.experiments.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "ui", "--port", str(port), "--workdir", str(workdir)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                urlopen(f"{url}/health").close()
                break
            except URLError:
                time.sleep(0.2)
        yield url
        process.terminate()


def main(workdir: Path, name: str) -> None:
    """All of them."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium on this machine; install the system's package, such as apt install chromium")
    IMAGES.mkdir(exist_ok=True)
    with (
        Store.open(places(workdir, environment={}).store_url) as store,
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as driver,
    ):
        record = store.get(name)
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        report(browser, write_report(store, name, Path(folder) / "report.html"))
        with served(workdir) as url:
            mlflow(browser, url, record)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), sys.argv[2])
