"""Where programs are trained, and what is kept there."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ....losses.errors import UserError
from ...memory import free_bytes
from ...tasks.splits import Split
from ...tasks.task import Task
from .precision import check_precision, products_in_tf32

CPU = torch.device("cpu")
SHARE = 4  # the data of a program may take one part in so many of a device's free memory


@dataclass(frozen=True)
class Hardware:
    """Where programs are trained, and in which precision their models compute.

    Attributes:
        device: The device of every program of a search.
        precision: "float32" or "bf16".
    """

    device: torch.device = CPU
    precision: str = "float32"

    @classmethod
    def asked(cls, device: str = "auto", precision: str = "float32") -> Hardware:
        """What a SPEC's words come to on this machine.

        Args:
            device: "auto", "cpu", "cuda" or "cuda:NUMBER".
            precision: "float32" or "bf16".
        """
        check_precision(precision)
        found = cls(device_named(device), precision)
        if found.device.type == "cuda":
            products_in_tf32()
        return found

    def placed(self, split: Split, task: Task) -> Split:
        """The split with its data on the device; as it is where it does not fit or is changed on its way.

        What stays behind is brought there batch by batch. `augment` is given a generator of the CPU, so it
        gets batches there.

        Args:
            split: The data of a repeat.
            task: The task they are of.
        """
        if self.device.type == "cpu" or task.augment is not None:
            return split
        return moved(split, self.device, self.free_bytes())

    def free_bytes(self) -> int:
        """The bytes that are free on the device."""
        return torch.cuda.mem_get_info(self.device)[0] if self.device.type == "cuda" else free_bytes()

    def room(self) -> int:
        """The bytes that the models of all programs may take up; the other half is for copies."""
        return self.free_bytes() // 2

    def __str__(self) -> str:
        if self.device.type == "cpu":
            return f"cpu, {self.precision}"
        kind = "float32, products in TF32" if self.precision == "float32" else self.precision
        return f"{self.device} ({torch.cuda.get_device_name(self.device)}), {kind}"


def device_named(name: str) -> torch.device:
    """The device of a SPEC: auto, cpu, cuda or cuda:1.

    auto is the CPU: on a GPU the engine has not been measured yet, so nobody gets one unasked. Raises
    `UserError` for another word, and for a GPU that is not here.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise UserError(f"device must be auto, cpu, cuda or cuda:NUMBER, but got {name!r}")
    if name in ("auto", "cpu"):
        return CPU
    count = torch.cuda.device_count()  # unlike `is_available`, it spares workers that are forked later
    index = int(name.partition(":")[2] or 0)
    if index >= count:
        there = f"{count} of them" if count else "none"
        raise UserError(
            f"device {name} must be a GPU that torch can use here, but it sees {there}; use device: cpu"
        )
    return torch.device("cuda", index)


def moved(split: Split, device: torch.device, free_bytes: int) -> Split:
    """The split with its tensors on a device, all or none of them: none where they would crowd it.

    Args:
        split: The data of a repeat.
        device: Where to move them.
        free_bytes: How many bytes are free there.
    """
    parts: list[Tensor] = [*split.train, *split.held]
    tensors = all(isinstance(part, Tensor) for part in parts)  # streamed inputs stay what they are
    if not tensors or SHARE * sum(part.numel() * part.element_size() for part in parts) > free_bytes:
        return split
    train, held = ((inputs.to(device), targets.to(device)) for inputs, targets in (split.train, split.held))
    return replace(split, train=train, held=held)
