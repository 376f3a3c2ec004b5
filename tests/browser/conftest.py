"""A real browser, and pages for it: a report on disk, and MLflow with a search in it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SPEC = {
    "task": "digits-longtail",
    "trials": 12,
    "name": "longtail",
    "recipe": {"epochs": 4},
    "repeats": {"seeds": 2},
    "race": {"seeds": 2, "contenders": 2},
    "verdict": {"seeds": 2},
}
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it: nothing is downloaded, so where there is none the tests are skipped."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine: install the system's package, such as apt install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small search, really run to its verdict, and shown in an MLflow of its own."""
    from lossmith.experiments import run_search

    where = tmp_path_factory.mktemp("browser")
    run_search(SPEC, workdir=where)
    return where


@pytest.fixture(scope="session")
def mlflow_url(workdir: Path) -> Iterator[str]:
    """What `lossmith ui` shows, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = "import sys; from lossmith.experiments.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "ui", "--port", str(port), "--workdir", str(workdir)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        for _ in range(600):
            try:
                urlopen(f"http://127.0.0.1:{port}/health").close()
                break
            except URLError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
        process.terminate()
