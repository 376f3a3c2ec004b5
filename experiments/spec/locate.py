"""The files that a SPEC names: beside the SPEC, or in the working directory."""

from __future__ import annotations

from pathlib import Path

from ...losses.errors import UserError, one_line


def located(file: str, folder: Path, rule: str) -> Path:
    """Find a file that a SPEC names, as an absolute path.

    Args:
        file: The path as the SPEC has it; a relative one is looked for in `folder` first.
        folder: Where the SPEC lies.
        rule: How the error begins: "spec.yaml: the task file must exist".

    Raises:
        UserError: There is no such file in either place.
    """
    for base in (folder, Path.cwd()):
        try:
            found = base / Path(file).expanduser()
            if found.is_file():
                return found.resolve()
        except (OSError, RuntimeError, ValueError):  # too long for a name, ~nobody, NUL: it is not there
            continue
    places = " and ".join(dict.fromkeys([str(folder), str(Path.cwd())]))
    raise UserError(f"{rule}, but there is no {one_line(file)} in {places}; check the path")
