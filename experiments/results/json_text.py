"""JSON as every reader understands it."""

from __future__ import annotations

import json
from typing import Any

from ..store.codec import replaced


def json_text(document: Any) -> str:
    """Write a document as strict JSON, indented; NaN and infinities, which JSON does not have, become null.

    Args:
        document: Mappings, lists, tuples and plain values.
    """
    return json.dumps(finite(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def finite(document: Any) -> Any:
    """Copy a document as plain dicts and lists, with None for every number that is not finite.

    Args:
        document: Mappings, lists, tuples and plain values.
    """
    return replaced(document, lambda _: None)
