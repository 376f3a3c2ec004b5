"""A loss that records how a function uses it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

from torch import Tensor, nn

TARGETS_KEPT = 10_000_000  # enough to know their shares
_NUMBERS = count()
_RECORDS: WeakValueDictionary[int, ProbeRecord] = WeakValueDictionary()


@dataclass(eq=False)
class ProbeRecord:
    """What a probe saw; copies of a probe, and what is unpickled of it in this process, share one.

    Args:
        called: Whether the loss was called.
        trained: Whether it was called on outputs that carry a gradient.
        recording: Whether targets are still kept.
        targets: The targets of the first epoch.
        classes: The columns of the outputs.
        low: The least output of the first epoch.
        high: The greatest.
        kept: How many targets are kept.
        number: Identifies the record in this process.
    """

    called: bool = False
    trained: bool = False
    recording: bool = True
    targets: list[Tensor] = field(default_factory=list)
    classes: int = 0
    low: float = math.inf
    high: float = -math.inf
    kept: int = 0
    number: int = field(default_factory=lambda: next(_NUMBERS))

    def __post_init__(self) -> None:
        _RECORDS[self.number] = self

    def __deepcopy__(self, _: object) -> ProbeRecord:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _record, (self.number,)


class LossProbe(nn.Module):
    """A loss that records whether it was trained with, and the targets of the first epoch.

    Args:
        loss: Computes the values, `loss(outputs, targets)`.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss, self.record = loss, ProbeRecord()

    def forward(self, outputs: Tensor, targets: Tensor, *more: Any, **keywords: Any) -> Tensor:
        """Compute the loss; a batch whose outputs carry no gradient is validation and is not recorded.

        Args:
            outputs: Outputs, as the loss takes them.
            targets: Targets.
            *more: Further arguments of the loss.
            **keywords: Further keyword arguments of the loss.
        """
        record = self.record
        record.called = True
        loss = self.loss.to(outputs.device) if isinstance(outputs, Tensor) else self.loss
        result: Tensor = loss(outputs, targets, *more, **keywords)  # first: what it refuses is no batch
        if outputs.requires_grad:
            record.trained = True
            if record.recording and record.kept < TARGETS_KEPT:
                record.targets.append(targets.detach().cpu())
                record.kept += targets.numel()
                record.classes = outputs.shape[1] if outputs.dim() > 1 else 0
                low, high = outputs.detach().aminmax() if outputs.numel() else (record.low, record.high)
                record.low, record.high = min(record.low, float(low)), max(record.high, float(high))
        return result


def _record(number: int) -> ProbeRecord:
    return _RECORDS.get(number) or ProbeRecord()
