"""Losses that stand alone: a module, a source file, a torch.export program, a document."""

from .frozen_loss import FrozenLoss, constants_read, folded, freeze
from .load import load_frozen
from .pt2 import exported, load_pt2, module_of, write_pt2
from .source_code import source
from .standard import standard_loss

__all__ = [
    "FrozenLoss",
    "constants_read",
    "exported",
    "folded",
    "freeze",
    "load_frozen",
    "load_pt2",
    "module_of",
    "source",
    "standard_loss",
    "write_pt2",
]
