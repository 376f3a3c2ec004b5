"""The report as a browser shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lossmith.experiments.report import write_report
from lossmith.experiments.running.workdir import places
from lossmith.experiments.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

DRAWN = """() => {
    const boxes = [...document.querySelectorAll('[data-figure]')];
    return boxes.length > 0 && boxes.every(box => box.querySelector('.scatterlayer path, .barlayer path'));
}"""
TOO_WIDE = """() => [...document.querySelectorAll('main *, header *')]
    .filter(e => !e.closest('.scroll, .formula, pre, svg, .unseen'))
    .filter(e => e.getBoundingClientRect().right > innerWidth + 0.5)
    .map(e => `${e.tagName}.${e.className}`)"""


@pytest.fixture(scope="module")
def report(workdir: Path) -> Path:
    """A report on disk."""
    with Store.open(places(workdir, environment={}).store_url) as store:
        return write_report(store, "longtail", workdir / "report.html")


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Callable[..., Page]]:
    """Opens the report, waits for its pictures, and holds at the end that it was silent and alone."""
    contexts, said, asked = [], [], []

    def open_with(**settings: Any) -> Page:
        context = browser.new_context(**settings)
        context.set_default_timeout(120_000)  # Plotly draws for half a minute on a busy machine
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(report.as_uri())
        page.wait_for_function(DRAWN)
        return page

    yield open_with
    for context in contexts:
        context.close()
    assert said == []
    assert {url for url in asked if not url.startswith("data:")} == {report.as_uri()}


def test_every_picture_is_there(opened: Callable[..., Page]) -> None:
    """Each box holds a drawing with marks in it; the console is silent and no request leaves the file."""
    page = opened(viewport={"width": 1100, "height": 900})
    marks = page.evaluate(
        "() => Object.fromEntries([...document.querySelectorAll('[data-figure]')].map(box => "
        "[box.dataset.figure, box.querySelectorAll('.scatterlayer path, .barlayer path').length]))"
    )
    assert {"verdict", "shape_loss", "headroom", "history", "parallel"} <= marks.keys()
    assert all(count > 0 for count in marks.values()), marks


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_nothing_is_wider_than_the_screen(width: int, opened: Callable[..., Page]) -> None:
    """On a small phone, a tablet and a desk the page never scrolls sideways, with every table open."""
    page = opened(viewport={"width": width, "height": 700})
    page.evaluate("() => document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert page.evaluate(TOO_WIDE) == []


CUT = """() => [...document.querySelectorAll('[data-figure]')].flatMap(box => {
    const whole = box.getBoundingClientRect();
    return [...box.querySelectorAll('svg text, svg .legend, svg.main-svg')]
        .map(e => [e, e.getBoundingClientRect()])
        .filter(([, r]) => r.width > 0 && (r.right > whole.right + 1 || r.left < whole.left - 1
            || r.top < whole.top - 1 || r.bottom > whole.bottom + 1 || r.right > innerWidth))
        .map(([e]) => `${box.dataset.figure}: ${e.textContent.slice(0, 60)}`);
})"""


@pytest.mark.parametrize("width", [390, 1280])
def test_pictures_and_legends_are_whole(width: int, opened: Callable[..., Page]) -> None:
    """On a phone and on a desk each word of a picture lies inside it, and the picture on the page."""
    page = opened(viewport={"width": width, "height": 800})
    assert page.evaluate(CUT) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_the_numbers_of_the_verdict_are_seen_at_once(opened: Callable[..., Page]) -> None:
    """On a desk the table below the first picture shows all of its columns, p-values included."""
    page = opened(viewport={"width": 1280, "height": 800})
    page.evaluate("() => document.querySelectorAll('details').forEach(each => { each.open = true; })")
    table = page.locator("figure .scroll").first
    assert table.evaluate("it => it.scrollWidth <= it.clientWidth")


def test_the_first_screen_says_what_to_do_now(opened: Callable[..., Page]) -> None:
    """On a phone the command to go on with is seen without scrolling."""
    page = opened(viewport={"width": 390, "height": 844})
    box = page.get_by_text("lossmith export longtail --to my_loss").first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 844


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_by_day_and_by_night(scheme: Any, opened: Callable[..., Page]) -> None:
    """Words on the page and in pictures have the 4.5:1 that WCAG 2.2 asks of text."""
    page = opened(color_scheme=scheme)
    colours = page.evaluate(
        """() => {
            const ink = (where, what) => getComputedStyle(document.querySelector(where))[what];
            return [ink('body', 'backgroundColor'), ink('body', 'color'), ink('.note', 'color'),
                ink('a', 'color'), ink('[data-figure=verdict] .ytick text', 'fill'),
                ink('[data-figure=verdict] .xtick text', 'fill')];
        }"""
    )
    paper, *inks = (_luminance(colour) for colour in colours)
    assert (paper < 0.1) == (scheme == "dark")
    for ink in inks:
        one, two = sorted((paper, ink))
        assert (two + 0.05) / (one + 0.05) >= 4.5


def _luminance(colour: str) -> float:
    channels = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_on_paper_everything_is_open_and_dark_on_white(opened: Callable[..., Page]) -> None:
    """Printing opens the tables and takes the light colours, whatever the screen had."""
    page = opened(color_scheme="dark")
    closed = "() => document.querySelectorAll('details:not([open]):not(.hushed)').length"
    before = page.evaluate(closed)
    assert before > 0
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.evaluate(closed) == 0
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(closed) == before


def test_a_screen_reader_finds_its_way(opened: Callable[..., Page]) -> None:
    """The accessibility tree has one main part, the verdict as its first heading, and pictures with names."""
    page = opened()
    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("heading", level=1).count() == 1
    pictures = page.locator("[data-figure][role=img]")
    assert pictures.count() == page.locator("figure").count()
    assert all(pictures.nth(place).get_attribute("aria-label") for place in range(pictures.count()))
    assert page.locator("[data-figure] svg:not([aria-hidden=true])").count() == 0


def test_the_keyboard_reaches_what_scrolls(opened: Callable[..., Page]) -> None:
    """The first key leads to a way past the head of the page, and what scrolls can be focused."""
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Skip to the verdict"
    assert page.evaluate(
        "() => [...document.querySelectorAll('.scroll, .formula, pre')].every(e => e.tabIndex === 0)"
    )
