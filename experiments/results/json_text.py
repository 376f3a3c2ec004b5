"""JSON as every reader understands it."""

from __future__ import annotations

import json
from typing import Any

from ..store.codec import replaced


def json_text(document: Any) -> str:
    """`document` as strict JSON, indented; NaN and infinities, which JSON does not have, become null."""
    return json.dumps(finite(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def finite(document: Any) -> Any:
    """`document` made of plain dicts and lists, with null for every number that is not finite."""
    return replaced(document, lambda _: None)
