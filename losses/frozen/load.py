"""Reading a frozen loss back from its document."""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import UserError
from ..spec import LossSpec
from .frozen_loss import FrozenLoss, freeze


def load_frozen(path: str | Path) -> FrozenLoss:
    """The loss in a `loss.json` that `export` wrote. Reading it runs no code.

    Args:
        path: Of the file.

    Raises:
        UserError: The file is missing, is not JSON or does not describe a loss.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON: {error}; export the loss again") from error
    if not isinstance(document, dict) or "loss" not in document:
        raise UserError(f"{path} has no object `loss`; is it a loss.json written by `lossmith export`?")
    return freeze(LossSpec.from_json(document["loss"]))
