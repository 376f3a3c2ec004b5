"""What a user sees while a search runs."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from lossmith.experiments.progress import Progress, SilentProgress, progress_on
from lossmith.experiments.progress.live import LiveProgress
from lossmith.experiments.progress.pace import READ_BACK_S
from lossmith.experiments.progress.plain import INTERVAL_S, PlainProgress


class Clock:
    """Seconds that pass only when told to."""

    now_s = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now_s


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is not, but Rich cannot tell."""
        return True


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


def displays(clock: Clock) -> dict[str, tuple[Progress, io.StringIO]]:
    """One of each kind with what it writes to."""
    plain, live = io.StringIO(), Terminal()
    console = Console(file=live, force_terminal=True, width=120, highlight=False)
    return {"plain": (PlainProgress(plain, clock=clock), plain), "live": (LiveProgress(console, clock), live)}


@pytest.mark.parametrize("kind", ["plain", "live"])
def test_a_display_shows_phase_count_best_rate_and_time_left(kind: str, clock: Clock) -> None:
    """A quarter of the trials after 8 seconds: 8 trials a second, and 24 seconds to go."""
    display, written = displays(clock)[kind]
    display.phase("explore", 256)
    clock.now_s += 8
    display.advance(64, 0.81234)
    clock.now_s += 0.5
    display.close()
    text = written.getvalue()
    assert [
        word for word in ("explore", "64/256 trials", "best 0.8123", "8 trials/s") if word not in text
    ] == []
    if kind == "plain":  # a live line is redrawn at its own times, and the last drawing has no time left
        assert "24s left" in text


@pytest.mark.parametrize("kind", ["plain", "live"])
def test_messages_are_shown_as_they_are(kind: str, clock: Clock) -> None:
    """A note with square brackets is text, not markup."""
    display, written = displays(clock)[kind]
    display.phase("headroom", 4)
    display.note("headroom: mean[ -ln p ] [bold]wins[/bold]")
    display.close()
    assert "headroom: mean[ -ln p ] [bold]wins[/bold]\n" in written.getvalue()


@pytest.mark.parametrize("kind", ["plain", "live"])
def test_a_display_can_be_closed_at_any_time_and_twice(kind: str, clock: Clock) -> None:
    """Ctrl-C may come before the first phase, and both the runner and the command line close."""
    display, _ = displays(clock)[kind]
    display.advance(3, None)
    display.close()
    display.close()


def test_a_closed_live_display_gives_the_cursor_back(clock: Clock) -> None:
    """A terminal whose cursor stays hidden has to be reset by hand."""
    display, written = displays(clock)["live"]
    display.phase("explore", 4)
    display.close()
    text = written.getvalue()
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_plain_lines_are_few(clock: Clock) -> None:
    """However often a phase advances: a line when it begins and ends, and one per interval between."""
    display, written = displays(clock)["plain"]
    display.phase("explore", 10_000)
    for done in range(1, 10_001):
        clock.now_s += INTERVAL_S / 1000
        display.advance(done, None)
    display.close()
    lines = written.getvalue().splitlines()
    assert len(lines) == 2 + 9  # the tenth interval ends with the phase
    assert lines[0] == "explore: 10,000 trials to train"
    assert lines[-1].endswith("took 50s")


def test_plain_lines_hold_no_control_codes(clock: Clock) -> None:
    """A log file is read with any viewer."""
    display, written = displays(clock)["plain"]
    display.phase("verdict", 12)
    display.advance(12, 0.5)
    display.close()
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", written.getvalue())


@pytest.mark.parametrize("kind", ["plain", "live"])
def test_a_phase_that_ended_early_is_shown_as_whole(kind: str, clock: Clock) -> None:
    """The race drops contenders, so what it announced was a bound: 37 of 108 were all there was to train."""
    display, written = displays(clock)[kind]
    display.phase("race", 108)
    clock.now_s += 20
    display.advance(37, 0.5)
    display.phase("verdict", 12)
    clock.now_s += 1
    display.close()
    assert "37/37" in written.getvalue()
    assert "12/12" not in written.getvalue()


def test_what_a_resumed_search_reads_back_counts_for_nothing_in_its_rate(clock: Clock) -> None:
    """128 trials from the store and 64 trained in 8 seconds are 8 trials a second."""
    display, written = displays(clock)["plain"]
    display.phase("explore", 256)
    for done in (64, 128):
        clock.now_s += READ_BACK_S / 4
        display.advance(done, None)
    clock.now_s += 8
    display.advance(192, None)
    assert "192/256 trials, 8 trials/s, 8.0s left" in written.getvalue()


@pytest.mark.parametrize("kind", ["plain", "live"])
def test_a_phase_without_a_known_end_shows_what_is_done(kind: str, clock: Clock) -> None:
    """A search that only time limits has no total to count to."""
    display, written = displays(clock)[kind]
    display.phase("explore", 0)
    clock.now_s += 8
    display.advance(64, None)
    display.close()
    assert "64 trials" in written.getvalue()
    assert "64/0" not in written.getvalue()


def test_the_display_fits_its_stream() -> None:
    """Redrawn lines on a terminal, plain ones in a pipe."""
    assert isinstance(progress_on(io.StringIO()), PlainProgress)


def test_a_terminal_gets_the_live_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that can move its cursor gets redrawn lines, a dumb one does not."""
    for variable in ("FORCE_COLOR", "TTY_COMPATIBLE", "NO_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(progress_on(Terminal()), LiveProgress)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(progress_on(Terminal()), PlainProgress)


def test_silence_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    """A search called from Python can be told to print nothing at all."""
    display: Progress = SilentProgress()
    display.phase("explore", 4)
    display.advance(4, 0.5)
    display.note("headroom: small")
    display.close()
    assert capfd.readouterr() == ("", "")


class Gone(io.StringIO):
    """A stream whose reader has gone, as after `| head`."""

    def write(self, _: str) -> int:
        """It fails as a pipe does."""
        raise BrokenPipeError


def test_a_reader_who_goes_does_not_end_the_search(clock: Clock) -> None:
    """Progress into a pipe that was closed, or a stream that was, goes nowhere."""
    closed = io.StringIO()
    closed.close()
    displays = [PlainProgress(stream, clock=clock) for stream in (Gone(), closed)]
    live = LiveProgress(Console(file=Gone(), force_terminal=True, width=100), clock=clock)
    every: list[Progress] = [*displays, live]
    for display in every:
        display.phase("explore", 4)
        display.advance(2, 0.5)
        display.note("headroom: small")
        display.close()


@pytest.mark.parametrize(
    ("phase", "total", "words"),
    [
        ("explore", 1, "explore: 1 trial to train"),
        ("explore", 2, "explore: 2 trials to train"),
        ("race", 588, "race: at most 588 trials to train"),
        ("verdict", 20, "verdict: 20 losses to train"),
        ("explore", 0, "explore: as many trials as time allows to train"),
    ],
)
def test_a_phase_says_what_it_counts(phase: str, total: int, words: str, clock: Clock) -> None:
    """The singular is the singular, and a total that need not be reached is a bound."""
    display, written = displays(clock)["plain"]
    display.phase(phase, total)
    assert written.getvalue() == f"{words}\n"


def test_a_rate_of_one_is_one_trial(clock: Clock) -> None:
    """Eight trials in eight seconds: 1 trial a second, not 1 trials."""
    display, written = displays(clock)["plain"]
    display.phase("race", 80)
    clock.now_s += 8
    display.advance(8, None)
    assert written.getvalue().splitlines()[-1] == "race: 8/80 trials, 1 trial/s, at most 1m 12s left"
