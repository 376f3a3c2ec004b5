"""JSON with every float in it."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossmith.experiments.store import codec

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(documents)
def test_every_document_is_read_back(document: object) -> None:
    """What is written is strict JSON, and reads back the same down to the last bit of each number."""
    text = codec.dumps(document)
    json.loads(text, parse_constant=pytest.fail)
    assert repr(codec.loads(text)) == repr(document)


def test_nan_is_read_back_as_the_one_that_equals_itself() -> None:
    """Containers compare by identity first, so trials with NaN scores are equal after reading them."""
    assert codec.loads(codec.dumps([math.nan])) == [math.nan]
    assert codec.loads(codec.dumps([math.nan]).encode()) == [math.nan]
