"""The page: what it says, what it may do, and whom it serves."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from html import escape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from lossmith.experiments.report import answer_of, report_html, write_report
from lossmith.experiments.report.page import page
from lossmith.experiments.results.output_path import output_path
from lossmith.experiments.results.reading import SearchReading
from lossmith.experiments.results.search_document import SearchDocument
from lossmith.experiments.store import Store
from lossmith.losses import UserError, latex
from lossmith.search import load_task
from lossmith.search.records.typed_json import read as typed

from .conftest import document_of, task_of

NASTY = '<script>alert("x")</script><img src=x onerror=alert(1)>\u2028</script>'


class Page(HTMLParser):
    """The elements of a page, in their order, with the text of scripts and of headings."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._inside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Keeps an element."""
        self.elements.append((tag, dict(attributes)))
        if tag in ("script", "h1", "h2", "h3", "title", "p", "td", "th", "code", "dt"):
            self._inside = [tag]
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        """Ends the text of an element."""
        if self._inside == [tag]:
            self._inside = []

    def handle_data(self, data: str) -> None:
        """Keeps text."""
        if self._inside:
            self.texts[self._inside[-1]][-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def html(store: Store) -> str:
    """The report of a finished search."""
    return report_html(store, "multiclass")


@pytest.fixture
def read(html: str) -> Page:
    """The same, parsed."""
    return Page(html)


def test_the_verdict_comes_first(read: Page) -> None:
    """The heading says how it ended, and the sentence of the verdict follows before any number."""
    (heading,) = read.texts["h1"]
    assert re.fullmatch(
        r"Use the searched loss: ahead of cross_entropy by 0\.1\d+ \(95%: \+0\.\d+ to \+0\.\d+\)", heading
    )
    assert read.texts["dt"][0] == "ahead of cross_entropy by"
    assert read.texts["p"][1].startswith("Better: on made-up the searched loss reaches macro_f1 ")


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("lost", "Stay with cross_entropy; nothing searched beat it"),
        ("halfway", "The search is interrupted: no verdict yet"),
        ("young", "The search is interrupted: no verdict yet"),
    ],
)
def test_a_search_that_found_nothing_has_a_page_too(name: str, heading: str, store: Store) -> None:
    """A lost race, a search without a verdict and one without a trial each have a page that says so."""
    read = Page(report_html(store, name))
    assert read.texts["h1"] == [heading]
    assert any(f"lossmith resume {name}" in text for text in read.texts["p"]) == (name != "lost")


def test_nothing_is_loaded_from_anywhere(read: Page) -> None:
    """No element names an address, and the page's policy forbids every request."""
    links = [a for _, a in read.elements for key in ("src", "href", "data", "action") if a.get(key)]
    assert [a["href"] for a in links] == ["data:,", "#main"]
    policy = next(a["content"] for a in read.of("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in policy


def test_the_policy_allows_the_two_scripts_and_no_other(read: Page) -> None:
    """Every script of the page that runs has its hash in the policy, and nothing else may run."""
    policy = next(a["content"] for a in read.of("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    (allowed,) = re.findall(r"script-src ([^;]*);", policy)
    run = [text for a, text in zip(read.of("script"), read.texts["script"], strict=True) if "type" not in a]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run]
    assert allowed.split() == [f"'sha256-{each}'" for each in hashes]


def test_plotly_is_there_once(html: str) -> None:
    """The library is megabytes; the pictures share it."""
    assert html.count("plotly.js v") == 1


def test_texts_of_others_stay_texts(store: Store, document: SearchDocument) -> None:
    """Names, sentences, SPECs and reasons from somebody else's store become no markup and no script."""
    hostile = json.loads(json.dumps(document.to_json()))
    for place in (hostile, hostile["task"], hostile["spec"], hostile["verdict"]):
        for key in ("name", "metric", "sentence", "reason", "fingerprint", "sampler", "hardware"):
            if key in place:
                place[key] = NASTY
    hostile["headroom"] |= {NASTY: NASTY, "message": NASTY}
    hostile["notes"] = {"runner": NASTY, "versions": [{NASTY: NASTY}]}
    choice = {"engine": NASTY, "width": 1, "why": NASTY}
    hostile["task"] |= {"warnings": [NASTY], "notes": [NASTY], "engine": choice, "hardware": NASTY}
    hostile["task"]["greater_is_better"] = True
    hostile["spec"] = {NASTY: NASTY}
    hostile["trials"][-1] |= {"reason": NASTY, "formula": NASTY, "standard": NASTY}
    hostile["verdict"]["against"][NASTY] = hostile["verdict"]["against"]["focal"]
    hostile["insight"]["importance"][NASTY] = 0.9
    answer = answer_of(SearchReading.of(store, "multiclass"))
    plain, attacked = Page(page(document, answer)), Page(page(typed(SearchDocument, hostile), answer))
    assert [a for a in attacked.of("script") if a != {}] == [{"type": "application/json", "id": "figures"}]
    assert len(attacked.of("script")) == len(plain.of("script")) == 3
    assert not attacked.of("img")
    assert not [a for _, a in attacked.elements if any(key.startswith("on") for key in a)]
    data = json.loads(attacked.texts["script"][0])
    assert NASTY in data["importance"]["data"][0]["y"]


def test_a_reader_that_cannot_see_gets_everything(read: Page) -> None:
    """Language, landmarks, one first heading, headings in order, and words and numbers for each picture."""
    assert read.of("html") == [{"lang": "en"}]
    tags = [tag for tag, _ in read.elements]
    assert [tags.count(tag) for tag in ("header", "main", "footer", "h1")] == [1, 1, 1, 1]
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h\d", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    charts = [a for a in read.of("div") if "data-figure" in a]
    assert len(charts) == len(read.of("figure")) > 5
    assert all(a["role"] == "img" and len(a["aria-label"] or "") > 40 for a in charts)
    ids = [a["id"] for _, a in read.elements if "id" in a]
    assert len(ids) == len(set(ids))
    named = {a["aria-labelledby"] for a in read.of("section")}
    assert named <= set(ids)
    assert all(a.get("scope") for a in read.of("th"))


def test_the_formula_is_shown_as_mathematics_and_as_text(html: str, read: Page, store: Store) -> None:
    """MathML for the eye, plain text and LaTeX to copy."""
    verdict = document_of(store, "multiclass").verdict
    assert verdict is not None
    assert len(read.of("math")) >= 1
    assert escape(verdict.winner.formula) in html
    assert escape(latex(verdict.winner.loss)) in html


def test_why_trials_diverged_is_told(read: Page) -> None:
    """The reason of a diverged trial is in a table, and so is the epoch at which others were pruned."""
    assert any(cell.startswith("nan by epoch 1") for cell in read.texts["td"])
    assert any(cell.startswith("behind the others at epoch ") for cell in read.texts["td"])


def test_the_provenance_is_told(read: Page, html: str) -> None:
    """Fingerprint, seed, versions and the SPEC say where the numbers come from."""
    assert task_of("multiclass").describe().fingerprint in read.texts["td"]
    assert {"seed", "data's fingerprint", "written with"} <= set(read.texts["th"])
    assert "task: made-up\n" in html


def test_a_report_of_a_task_that_is_gone(store: Store, tmp_path: Path) -> None:
    """The code of the task is not loaded, let alone run: "made-up" is no task that anybody could load."""
    with pytest.raises(UserError):
        load_task(str(store.get("multiclass").spec["task"]))
    assert write_report(store, "multiclass", tmp_path / "report.html").is_file()


def test_a_report_replaces_the_one_before(store: Store, tmp_path: Path) -> None:
    """Writing twice leaves one whole file and nothing beside it, in folders that are made for it."""
    path = tmp_path / "deep" / "report.html"
    path.parent.mkdir()
    path.write_text("old")
    assert write_report(store, "multiclass", path) == path
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]
    assert write_report(store, "multiclass", tmp_path / "new" / "report.html").is_file()


def test_a_directory_is_no_place_for_a_report(store: Store, tmp_path: Path) -> None:
    """The message names the rule, the path and a way out, and nothing is written."""
    with pytest.raises(
        UserError, match=r"must go into a file, but .* is a directory; add a name such as multi"
    ):
        write_report(store, "multiclass", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(store: Store, tmp_path: Path) -> None:
    """A path below a file is refused in one line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be: .*choose another file with --to") as caught:
        write_report(store, "multiclass", tmp_path / "file" / "report.html")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["device", "loop", "x" * 5000, "a\0b", "~nobody-here/x.html"])
def test_a_report_replaces_no_device_and_needs_a_path_that_can_be(
    place: str, store: Store, tmp_path: Path
) -> None:
    """A pipe or a device stays what it is; a path that cannot be is one line."""
    os.mkfifo(tmp_path / "device")
    (tmp_path / "loop").symlink_to("loop")
    path = place if place.startswith("~") else tmp_path / place
    with pytest.raises(UserError, match="a report must go"):
        write_report(store, "multiclass", path)
    assert (tmp_path / "device").is_fifo()
    if place != "device":
        with pytest.raises(UserError, match="an export must go where it can be written"):
            output_path(path, "an export")


def test_an_unknown_search_has_no_report(store: Store, tmp_path: Path) -> None:
    """The message lists near names."""
    with pytest.raises(UserError, match="unknown search 'multiclas': did you mean multiclass"):
        write_report(store, "multiclas", tmp_path / "report.html")


def test_what_was_compared_nowhere_else_has_no_table(store: Store) -> None:
    """Without a full model, other tasks and random search there is no section on them."""
    assert "Against others" not in page(document_of(store, "multiclass"), None)
