"""The colours of the report's pictures can be read on every page they are shown on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lossmith.experiments import report
from lossmith.experiments.report import style

PAGE = Path(report.__file__).with_name("page.css").read_text(encoding="utf-8")
PAPERS = sorted(set(re.findall(r"--paper: (#\w{6})", PAGE)))


def luminance(colour: str) -> float:
    """The relative luminance of #rrggbb, as WCAG 2.2 defines it."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colour", ["ACCENT", "OTHER", "WARN"])
def test_a_colour_stands_out_from_every_page(colour: str) -> None:
    """Three to one at least, which WCAG 2.2 asks for in pictures (1.4.11), on the light page and the dark."""
    assert len(PAPERS) == 2
    for paper in PAPERS:
        dark, light = sorted(luminance(each) for each in (paper, getattr(style, colour)))
        assert (light + 0.05) / (dark + 0.05) >= 3
