"""A loss that watches how it is trained with."""

from __future__ import annotations

from torch import Tensor, nn

TARGETS_KEPT = 10_000_000  # enough to know their shares


class LossProbe(nn.Module):
    """A loss that remembers whether it was trained with, and the targets of the first epoch."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss, self.called, self.trained, self.listening = loss, False, False, True
        self.targets: list[Tensor] = []
        self.kept = self.classes = 0

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss. A batch without a gradient is somebody's validation and is not counted."""
        self.called = True
        if outputs.requires_grad:
            self.trained = True
            if self.listening and self.kept < TARGETS_KEPT:
                self.targets.append(targets.detach().cpu())
                self.kept += targets.numel()
                self.classes = outputs.shape[1] if outputs.dim() > 1 else 0
        result: Tensor = self.loss.to(outputs.device)(outputs, targets)
        return result
