"""Linear layers with ReLU between them, stacked: forward and backward without autograd, block by block.

The models that cohorts are best at are small multilayer perceptrons and heads on frozen features. For them
the cost of a step is memory: through autograd every activation of every member is written once and read
from afar later. Here a block of members goes through all layers while its weights and activations are in the
cache, every product writes into a tensor made once, and bias and ReLU touch what was just written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

CACHE_BYTES = 1 << 20  # what a core keeps close
LEAST_BLOCK = 4


def is_chain(model: nn.Module) -> bool:
    """Whether the model is Linear, ReLU, Linear, ..., Linear, each with a bias and all of them trained."""
    if type(model) is not nn.Sequential or len(model) % 2 == 0:
        return False
    linear, between = list(model)[::2], list(model)[1::2]
    return (
        all(type(m) is nn.Linear and m.bias is not None for m in linear)
        and all(type(m) is nn.ReLU for m in between)
        and all(p.requires_grad for p in model.parameters())
        and not any(_hooked(m) for m in (model, *model))
        and len(list(model.parameters())) == 2 * len(linear)  # none of them shared
    )


def _hooked(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)  # noqa: SLF001


@dataclass(eq=False)
class Chain:
    """The layers of M members: `leaves` are (M, in, out) weights and (M, out) biases, in turn.

    `forward` and `backward` belong together: the second uses what the first has left behind.
    """

    leaves: Sequence[Tensor]
    _gradients: list[Tensor] = field(init=False)
    _made: dict[int, tuple[list[Tensor], list[Tensor]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._gradients = [torch.empty_like(leaf) for leaf in self.leaves]

    @torch.no_grad()
    def forward(self, inputs: Tensor) -> Tensor:
        """The outputs (M, N, K) of every member on one batch (N, in) that all members share."""
        outputs, _ = self._rooms(inputs)
        for members in self._blocks(len(inputs)):
            below = inputs
            for layer, room in enumerate(outputs):
                weight, bias = self.leaves[2 * layer][members], self.leaves[2 * layer + 1][members]
                above = room[members]
                below = below.expand(len(above), *below.shape[-2:])
                torch.baddbmm(bias.unsqueeze(1), below, weight, out=above)
                if layer + 1 < len(outputs):
                    above.relu_()
                below = above
        return outputs[-1]

    @torch.no_grad()
    def backward(self, inputs: Tensor, slope: Tensor) -> list[Tensor]:
        """The gradients of the leaves, given that of the outputs, (M, N, K). Valid until the next call."""
        outputs, slopes = self._rooms(inputs)
        for members in self._blocks(len(inputs)):
            above = slope[members]
            for layer in reversed(range(len(outputs))):
                below = outputs[layer - 1][members] if layer else inputs.expand(len(above), *inputs.shape)
                torch.bmm(below.transpose(1, 2), above, out=self._gradients[2 * layer][members])
                torch.sum(above, 1, out=self._gradients[2 * layer + 1][members])
                if layer:
                    weight = self.leaves[2 * layer][members]
                    room = slopes[layer - 1][: len(above)]
                    torch.bmm(above, weight.transpose(1, 2), out=room)
                    above = torch.ops.aten.threshold_backward.grad_input(room, below, 0, grad_input=room)
        return self._gradients

    def _rooms(self, inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Where the outputs of each layer go, and one block's gradients of them, for batches of this size."""
        samples = len(inputs)
        if samples not in self._made:
            members, block = len(self.leaves[0]), self._blocks(samples)[0].stop
            widths = [(bias.shape[1], bias.dtype) for bias in self.leaves[1::2]]
            self._made[samples] = (
                [torch.empty(members, samples, width, dtype=dtype) for width, dtype in widths],
                [torch.empty(block, samples, width, dtype=dtype) for width, dtype in widths[:-1]],
            )
        return self._made[samples]

    def _blocks(self, samples: int) -> list[slice]:
        """The members in blocks whose weights and activations fit the cache."""
        numbers = sum(leaf[0].numel() for leaf in self.leaves) + samples * sum(
            b.shape[1] for b in self.leaves[1::2]
        )
        size = max(LEAST_BLOCK, CACHE_BYTES // (numbers * self.leaves[0].element_size()))
        return [slice(start, start + size) for start in range(0, len(self.leaves[0]), size)]
