"""Losses are small: one thread is faster than two that wait for each other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from lossmith.losses.family import registry


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _own_parts_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it: the family of every later test is the shipped one."""
    monkeypatch.setattr(registry, "_own", dict(registry._own))
