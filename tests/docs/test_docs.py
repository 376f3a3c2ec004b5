"""The documentation: what it shows runs, what it names exists, and the site is built without a warning."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from lossmith.experiments.cli import main
from lossmith.experiments.cli.app import app
from lossmith.experiments.cli.glossary import GLOSSARY
from lossmith.experiments.spec import SearchSpec

ROOT = Path(__file__).resolve().parent.parent.parent
# Pages that others write in another style; what they show is code all the same.
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(
    r"(?P<skip><!-- not run: [^\n]+ -->\n)?"
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# What a reader spends hours on takes seconds here.
TINY: dict[str, Any] = {
    "trials": 2,
    "cohort": 2,
    "race": {"seeds": 2, "contenders": 1},
    "verdict": {"seeds": 2},
    "recipe": {"epochs": 2},
}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    title: str | None
    text: str
    skipped: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text.splitlines()[0] if self.text else ''}"


def blocks_of(page: Path) -> list[Block]:
    """Every fenced block with a language."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, found["language"], found["title"], found["text"], bool(found["skip"]))
        for found in FENCE.finditer(text)
    ]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
RUN = [page for page in PAGES if any(block.language in ("python", "sh") for block in blocks_of(page))]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_what_it_says(block: Block) -> None:
    """Python compiles, a SPEC has known keys and sound values, a command has known options."""
    if block.language == "python":
        compile(block.text, str(block), "exec")
    elif block.language == "yaml" and block.title:
        SearchSpec.from_json(yaml.safe_load(block.text))
    elif block.language == "sh":
        for words in commands_of(block):
            known = vars(typer.main.get_command(app))["commands"]
            assert words[1] in known or words[1].startswith("--"), block
            options = {o for p in known[words[1]].params for o in p.opts} if words[1] in known else set()
            assert {w for w in words[2:] if w.startswith("--")} <= options | {"--help"}, block


def commands_of(block: Block) -> list[list[str]]:
    """The words of each lossmith command; others set up a machine."""
    lines = (shlex.split(line, comments=True) for line in block.text.splitlines())
    return [words for words in lines if words and words[0] == "lossmith"]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_runs_from_top_to_bottom(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever types in what a page shows, in its order, gets what it promises; budgets are cut here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOSSMITH_HOME", str(tmp_path / "kept"))
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks_of(page):
        if block.skipped:
            continue
        if block.title:
            (tmp_path / block.title).write_text(small(block) if block.language == "yaml" else block.text)
        elif block.language == "python":
            exec(compile(block.text, str(block), "exec"), names)  # noqa: S102  (it is our own page)
        elif block.language == "sh":
            for words in commands_of(block):
                if words[1].startswith("--"):
                    continue
                assert main(words[1:]) == 0, block


def small(block: Block) -> str:
    """A SPEC with a budget of seconds."""
    spec = yaml.safe_load(block.text)
    recipe = {**spec.get("recipe", {}), **TINY["recipe"]}
    folds = {"folds": 2} if "folds" in spec.get("repeats", {}) else {}
    return yaml.safe_dump({**spec, **TINY, "recipe": recipe, "repeats": {"seeds": 1, **folds}})


def test_the_pages_name_every_command() -> None:
    """A command that no page shows is found by nobody."""
    shown = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    known = vars(typer.main.get_command(app))["commands"]
    assert not [name for name in known if f"lossmith {name}" not in shown]


def test_the_glossary_is_that_of_the_help(same_as: Callable[[Path, str], None]) -> None:
    """The page has the words of `lossmith --help`, with the same meanings."""
    rows = "\n".join(f"| {word} | {meaning} |" for word, meaning in GLOSSARY.items())
    head = "# Glossary\n\nThe words of messages, tables and pages, as `lossmith --help` ends with them."
    same_as(ROOT / "docs" / "glossary.md", f"{head}\n\n| word | meaning |\n|---|---|\n{rows}\n")


def test_pages_that_use_its_words_lead_to_the_glossary() -> None:
    """Whoever meets a rung or a verdict on a page is one click from what it means."""
    words = re.compile(rf"\b({'|'.join(GLOSSARY)})s?\b")
    pages = {page: page.read_text(encoding="utf-8") for page in PAGES if page.name != "glossary.md"}
    assert not [page for page, text in pages.items() if words.search(text) and "glossary.md" not in text]


@pytest.mark.end_to_end
def test_the_shell_completes_commands() -> None:
    """`lossmith --install-completion` gives a shell that knows the commands."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lossmith"))],
        env={
            **os.environ,
            "_LOSSMITH_COMPLETE": "complete_bash",
            "COMP_WORDS": "lossmith exp",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["export"]


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """Links, anchors, the reference from docstrings and the catalogue from the registry all resolve."""
    links = ROOT / ".mypy-links" / "lossmith"
    links.mkdir(parents=True, exist_ok=True)
    for part in ("losses", "spaces", "search", "experiments"):
        if not (links / part).exists():
            (links / part).symlink_to(ROOT / part)
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    catalogue = (tmp_path / "site" / "catalogue" / "multiclass.html").read_text(encoding="utf-8")
    assert "label_smoothing" in catalogue
    assert "<svg" in catalogue
    assert "run_search" in (tmp_path / "site" / "reference" / "experiments.html").read_text(encoding="utf-8")
