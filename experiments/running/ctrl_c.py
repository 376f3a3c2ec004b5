"""Ctrl-C as a flag: a `KeyboardInterrupt` in the middle of anything can be lost, as in an import."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class CtrlC:
    """What has been pressed; as a handler of SIGINT it is called for each press.

    Before a search exists each press raises `KeyboardInterrupt`, which `check` raises again where it was
    lost. While one runs, the first press asks the training to stop, and the next one raises at once.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._stop: Callable[[], None] | None = None

    def __call__(self, *_: object) -> None:
        """Handle one press."""
        again, self.pressed = self.pressed, True
        if again or self._stop is None:
            raise KeyboardInterrupt
        threading.Thread(target=self._stop, name="lossmith-ctrl-c", daemon=True).start()

    def check(self) -> None:
        """Raise an error where Ctrl-C was pressed.

        Raises:
            KeyboardInterrupt: It was.
        """
        if self.pressed:
            raise KeyboardInterrupt

    @contextmanager
    def stopping(self, stop: Callable[[], None]) -> Iterator[None]:
        """Within it the first press stops the training, in another thread: a handler may not wait for locks.

        Args:
            stop: Asks the training to stop.
        """
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None


@contextmanager
def listening() -> Iterator[CtrlC]:
    """Within it Ctrl-C is a flag, unless another handler is there already or this is not the main thread."""
    pressed = CtrlC()
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    signal.signal(signal.SIGINT, pressed)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
