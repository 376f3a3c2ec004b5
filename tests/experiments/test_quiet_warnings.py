"""What other packages warn of does not stand between the lines of a command."""

from __future__ import annotations

import warnings
from pathlib import Path

from lossmith.experiments.cli.output import quiet_warnings
from lossmith.losses.custom.user_code import load_file

WARNS = """
import warnings


def speak():
    warnings.warn("mind the gap", stacklevel=1)
"""


def test_warnings_of_packages_are_logged_and_those_of_a_users_file_are_shown(tmp_path: Path) -> None:
    """A warning raised in torch or pandas goes to the log; one in a task's own file is shown."""
    (tmp_path / "own.py").write_text(WARNS)
    own = load_file(tmp_path / "own.py", "task")
    with warnings.catch_warnings(record=True) as shown, quiet_warnings():
        warnings.simplefilter("always")
        warnings.warn_explicit("overflow in reduce", RuntimeWarning, "/site-packages/pandas/core.py", 7)
        own.speak()
    assert [str(warning.message) for warning in shown] == ["mind the gap"]
