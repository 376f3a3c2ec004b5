"""What a frozen loss costs beside F.cross_entropy and the focal losses of other libraries.

    python benchmarks/frozen_loss.py [--device cuda] [--classes 10 100 1000] [--eager] [--json]

Forward and backward of N = 4096 samples; medians of one run in which the losses take turns. Memory is the
peak that forward and backward allocate beyond the inputs. kornia's and torchvision's focal losses are
written out here as they stand in those libraries, for neither need be installed; they compute less:
no smoothing and no logit adjustment.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.utils._python_dispatch import TorchDispatchMode

from lossmith.losses import standard_loss

SAMPLES, ROUNDS = 4096, 60
Loss = Callable[[Tensor, Tensor], Tensor]


def kornia_focal(outputs: Tensor, targets: Tensor, gamma: float = 2.0) -> Tensor:
    """kornia.losses.focal_loss, reduction mean, alpha None."""
    log_p = outputs.log_softmax(1)
    loss = (
        -torch.pow(1.0 - log_p.exp(), gamma) * log_p * F.one_hot(targets, outputs.shape[1]).to(outputs.dtype)
    )
    return loss.sum(1).mean()


def torchvision_focal(outputs: Tensor, targets: Tensor, gamma: float = 2.0) -> Tensor:
    """torchvision.ops.sigmoid_focal_loss, reduction mean, alpha -1, on one-hot targets."""
    truth = F.one_hot(targets, outputs.shape[1]).to(outputs.dtype)
    p = torch.sigmoid(outputs)
    ce = F.binary_cross_entropy_with_logits(outputs, truth, reduction="none")
    p_t = p * truth + (1 - p) * (1 - truth)
    return (ce * (1 - p_t) ** gamma).mean()


def losses(classes: int, device: str) -> dict[str, Loss]:
    """What is measured, by name."""
    counts = [1 + 10_000 // (k + 1) for k in range(classes)]
    frozen = standard_loss(
        "focal",
        kind="multiclass",
        class_counts=counts,
        label_smoothing__epsilon=0.1,
        logit_adjustment__tau=1.0,
    ).to(device)
    plain = standard_loss("focal", kind="multiclass").to(device)
    return {
        "F.cross_entropy": F.cross_entropy,
        "frozen focal + smoothing + adjustment": frozen,
        "frozen focal": plain,
        "kornia focal": kornia_focal,
        "torchvision sigmoid focal": torchvision_focal,
    }


class Allocated(TorchDispatchMode):
    """Counts the bytes of tensors that are alive at the same time, on any device."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, int] = {}
        self.peak = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        import weakref

        found = func(*args, **(kwargs or {}))
        for value in found if isinstance(found, tuple | list) else (found,):
            if isinstance(value, Tensor):
                storage = value.untyped_storage()
                key = storage._cdata  # noqa: SLF001
                if key not in self.alive:
                    self.alive[key] = storage.nbytes()
                    weakref.finalize(storage, self.alive.pop, key, None)
        self.peak = max(self.peak, sum(self.alive.values()))
        return found


def step(loss: Loss, outputs: Tensor, targets: Tensor) -> None:
    """One forward and backward."""
    outputs.grad = None
    loss(outputs, targets).backward()


def measure(found: dict[str, Loss], outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """Median seconds of a step, the losses taking turns."""
    times: dict[str, list[float]] = {name: [] for name in found}
    for turn in range(ROUNDS + 10):
        for name, loss in found.items():
            if outputs.is_cuda:
                torch.cuda.synchronize()
            start = time.perf_counter()
            step(loss, outputs, targets)
            if outputs.is_cuda:
                torch.cuda.synchronize()
            if turn >= 10:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def peak_bytes(loss: Loss, outputs: Tensor, targets: Tensor) -> int:
    """The most bytes that one step holds at a time."""
    if outputs.is_cuda:
        step(loss, outputs, targets)
        outputs.grad = None
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step(loss, outputs, targets)
        return torch.cuda.max_memory_allocated() - before
    outputs.grad = None
    with Allocated() as counting:
        step(loss, outputs, targets)
    return counting.peak


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--classes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--eager", action="store_true", help="leave torch.compile out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for classes in options.classes:
        generator = torch.Generator().manual_seed(classes)
        outputs = torch.randn(SAMPLES, classes, generator=generator).to(options.device).requires_grad_()
        targets = torch.randint(classes, (SAMPLES,), generator=generator).to(options.device)
        for mode in ("eager",) if options.eager else ("eager", "compiled"):
            torch._dynamo.reset()  # noqa: SLF001
            found = losses(classes, options.device)
            if mode == "compiled":
                found = {
                    name: torch.compile(loss, fullgraph=True, dynamic=False) for name, loss in found.items()
                }
            seconds = measure(found, outputs, targets)
            usual = seconds["F.cross_entropy"]
            base = (
                peak_bytes(found["F.cross_entropy"], outputs, targets)
                if mode == "eager" or outputs.is_cuda
                else 0
            )
            for name, value in seconds.items():
                memory = peak_bytes(found[name], outputs, targets) / base if base else None
                # Read the outputs twice, write the gradient once: what no loss can do without.
                bandwidth = 3 * outputs.numel() * outputs.element_size() / value / 1e9
                rows.append(
                    {"classes": classes, "mode": mode, "loss": name, "ms": value * 1e3,
                     "ratio": value / usual, "memory": memory, "GB_per_s": bandwidth}
                )  # fmt: skip
    if options.json:
        print(json.dumps({"device": options.device, "threads": options.threads, "rows": rows}, indent=1))
        return
    print(f"{'classes':>7} {'mode':<9} {'loss':<38} {'ms':>8} {'x CE':>6} {'memory x CE':>12} {'GB/s':>7}")
    for row in rows:
        memory = f"{row['memory']:.2f}" if row["memory"] else ""
        print(
            f"{row['classes']:>7} {row['mode']:<9} {row['loss']:<38} {row['ms']:>8.3f} {row['ratio']:>6.2f} "
            f"{memory:>12} {row['GB_per_s']:>7.1f}"
        )


if __name__ == "__main__":
    main()
