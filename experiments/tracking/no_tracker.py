"""What stands in a tracker's place where MLflow is not installed."""

from __future__ import annotations


class NoTracker:
    """A tracker that delivers nothing: trials stay in the store, and a resume with MLflow delivers them."""

    problem: str | None = None
    renewed = False
    cpu_s = 0.0

    def start(self, *_: object) -> NoTracker:
        """Start nothing."""
        return self

    def wake(self) -> None:
        """Deliver nothing."""

    def finish(self, *_: object, **__: object) -> None:
        """Tell nobody how the search ended."""

    def flush(self, *_: object, **__: object) -> int:
        """Nothing is waited for: 0 trials will still be delivered."""
        return 0

    def stop(self) -> None:
        """There is no thread to end."""
